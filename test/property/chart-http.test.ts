/**
 * Connections that serve HTTP or have a handler, told what happens by the clock: the times and reasons a user would notice.
 *
 * Both interpreters. The laws behind them are in test/support/chart-laws.ts; this is the page to read first.
 */
import { describe, expect, test } from 'vitest';
import { defaultTimeouts, livenessMs, type Timeouts } from '../../src/machines/connection/delays.ts';
import { configurationOf } from '../support/chart-configurations.ts';
import { maker, type ConnectionRun } from '../support/chart-histories.ts';
import { begin } from '../support/chart-pair.ts';

const plain = configurationOf({
  attemptsMax: 1,
  isServerFirst: false,
  isIdleInfinite: false,
  hasHalfClosedMax: false,
  hasLifetime: false,
  hasSilentDeaths: false,
});

/** Lets every deadline pass, and answers when the last one did. */
function endsAtMs({ chart, clock }: ConnectionRun): number {
  for (let next = clock.next(); next !== undefined && !chart.isDone; next = clock.next()) clock.fire(next);
  return clock.nowMs();
}

function reasonOf({ chart }: ConnectionRun): unknown {
  return chart.persist().snapshot.context;
}

function commandsOf({ log }: ConnectionRun, type: string): readonly string[] {
  return log.filter((line) => line.startsWith(`perform {"type":"${type}"`));
}

describe.each(['compiled', 'xstate'] as const)('by the %s interpreter', (interpreter) => {
  /** A connection whose HTTP service or handler has just been given the stream, at its beginning. */
  function served(serves: 'http' | 'handler', timeouts: Timeouts): ConnectionRun {
    const run: ConnectionRun = begin(maker(interpreter, { ...plain, listenerTimeouts: timeouts }));
    run.chart.send({ type: 'admission.granted' });
    run.chart.send({ type: 'client.identified' });
    run.chart.send({
      type: 'sniff.routed',
      serves,
      ageMs: 0,
      timeouts,
      attemptsMax: 1,
      keepHalfOpen: false,
      answerable: false,
      waits: false,
    });
    return run;
  }

  test('L40: a client that sends no further request gets FIN after 15 s, and 2 s to end its own side', () => {
    const run = served('http', defaultTimeouts);
    run.clock.advance(14_999);
    expect(run.chart.leaf).toBe('ESTABLISHED.HTTP.WAITING');
    run.clock.advance(1);
    expect(run.chart.leaf).toBe('HALF_CLOSED.FINISHING');
    run.chart.send({ type: 'service.flushed' });
    expect(run.chart.leaf).toBe('HALF_CLOSED.LINGERING');
    expect(endsAtMs(run)).toBe(17_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.keepAlive' });
    expect(commandsOf(run, 'endService')).toHaveLength(1);
  });

  test('L40: an exchange is left to its own deadlines, before and after the client has ended, and the leg is looked at', () => {
    const run = served('http', defaultTimeouts);
    run.chart.send({ type: 'exchange.opened' });
    run.clock.advance(livenessMs * 5);
    run.chart.send({ type: 'downstream.ended', heldBytes: 0, ageMs: livenessMs * 5 });
    run.clock.advance(livenessMs * 5);
    expect(run.chart.leaf).toBe('ESTABLISHED.HTTP.LAST_EXCHANGE');
    expect(commandsOf(run, 'checkLegs')).toHaveLength(10);
    expect(commandsOf(run, 'lastExchange')).toHaveLength(1);
    expect(run.clock.armed()).toHaveLength(1);
  });

  test('T11: a lifetime cuts HTTP too, counted from accept, however many exchanges there were', () => {
    const bounded = { ...defaultTimeouts, lifetime: 60_000 };
    const run = served('http', bounded);
    for (let count = 1; count <= 5; count += 1) {
      run.clock.advance(5_000);
      run.chart.send({ type: 'exchange.opened' });
      run.clock.advance(5_000);
      run.chart.send({ type: 'exchange.closed', timeouts: bounded, ageMs: count * 10_000 });
    }
    run.chart.send({ type: 'exchange.opened' });
    expect(endsAtMs(run)).toBe(60_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.lifetime' });
  });

  test('T11: the lifetime goes on counting while HTTP sends what it has written', () => {
    const bounded = { ...defaultTimeouts, lifetime: 20_000 };
    const run = served('http', bounded);
    run.clock.advance(15_000);
    expect(run.chart.leaf).toBe('HALF_CLOSED.FINISHING');
    for (let count = 0; count < 9 && !run.chart.isDone; count += 1) {
      run.host.toldBefore = [{ type: 'bytes.flowed', quietMs: 0 }];
      const next = run.clock.next();
      if (next !== undefined) run.clock.fire(next);
    }
    expect(run.clock.nowMs()).toBe(20_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.keepAlive' });
  });

  test('H03, T02: an upgraded connection has the deadlines of a tunnel, and the lifetime of HTTP no more', () => {
    const run = served('http', { ...defaultTimeouts, lifetime: 20_000 });
    run.chart.send({ type: 'exchange.opened' });
    run.clock.advance(10_000);
    run.chart.send({
      type: 'connection.upgraded',
      timeouts: { ...defaultTimeouts, lifetime: null },
      ageMs: 10_000,
      pingMs: null,
    });
    expect(run.chart.leaf).toBe('ESTABLISHED.TUNNEL.ACTIVE');
    expect(endsAtMs(run)).toBe(310_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.idle' });
  });

  test('H03: a WebSocket is pinged whenever it has been quiet for as long as its route says, and idle still ends a dead one', () => {
    const run = served('http', defaultTimeouts);
    run.chart.send({ type: 'exchange.opened' });
    const timeouts = { ...defaultTimeouts, lifetime: null };
    run.chart.send({ type: 'connection.upgraded', timeouts, ageMs: 0, pingMs: 30_000 });
    const pings: number[] = [];
    const wait = (): void => {
      const next = run.clock.next();
      if (next === undefined) return;
      const before = commandsOf(run, 'sendPing').length;
      run.clock.fire(next);
      if (commandsOf(run, 'sendPing').length > before) pings.push(run.clock.nowMs());
    };
    wait();
    run.host.toldBefore = [{ type: 'bytes.flowed', quietMs: 10_000 }];
    wait();
    // A byte at 50 s: from there on it is quiet.
    while (!run.chart.isDone) wait();
    expect(pings).toEqual([30_000, 80_000, 110_000, 140_000, 170_000, 200_000, 230_000, 260_000]);
    expect(run.clock.nowMs()).toBe(350_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.idle' });
    expect(commandsOf(run, 'warnIdling')).toHaveLength(1);
  });

  test('H03: without a ping exactly the deadlines of a tunnel are armed, and with an infinite idle too', () => {
    const endless = { ...defaultTimeouts, idle: null };
    for (const [timeouts, pingMs, count] of [
      [defaultTimeouts, null, 1],
      [defaultTimeouts, 30_000, 2],
      [endless, 30_000, 1],
    ] as const) {
      const run = served('http', timeouts);
      run.chart.send({ type: 'exchange.opened' });
      run.chart.send({ type: 'connection.upgraded', timeouts, ageMs: 0, pingMs });
      expect(run.clock.armed()).toHaveLength(count);
    }
  });

  test('H03, T11: an upgraded connection whose route asks for a lifetime is cut by it, counted from accept', () => {
    const run = served('http', defaultTimeouts);
    run.chart.send({ type: 'exchange.opened' });
    run.clock.advance(10_000);
    run.chart.send({
      type: 'connection.upgraded',
      timeouts: { ...defaultTimeouts, lifetime: 60_000 },
      ageMs: 10_000,
      pingMs: null,
    });
    expect(endsAtMs(run)).toBe(60_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.lifetime' });
  });

  test('K04: a handler is held by idle, and ends as handler.completed when both sides have ended', () => {
    const silent = served('handler', defaultTimeouts);
    expect(endsAtMs(silent)).toBe(300_000);
    expect(reasonOf(silent)).toMatchObject({ reason: 'timeout.idle' });
    const run = served('handler', defaultTimeouts);
    run.chart.send({ type: 'upstream.ended', ageMs: 1 });
    run.chart.send({ type: 'downstream.ended', heldBytes: 0, ageMs: 2 });
    run.chart.send({ type: 'splice.flushed' });
    expect(reasonOf(run)).toMatchObject({ reason: 'handler.completed' });
  });

  test('L22: a handler whose client resets after it has ended is no completed one', () => {
    const run = served('handler', defaultTimeouts);
    run.chart.send({ type: 'upstream.ended', ageMs: 1 });
    run.chart.send({ type: 'downstream.failed', reason: 'downstream.reset' });
    expect(reasonOf(run)).toMatchObject({ reason: 'downstream.reset' });
  });

  test('L22: an answer that the client does not take ends as timeout.flush, though the exchange was complete', () => {
    const run = served('http', defaultTimeouts);
    run.chart.send({ type: 'exchange.opened' });
    run.chart.send({ type: 'service.finished', reason: 'completed', timeouts: defaultTimeouts, ageMs: 0 });
    run.chart.send({ type: 'exchange.closed', timeouts: defaultTimeouts, ageMs: 0 });
    expect(run.chart.leaf).toBe('HALF_CLOSED.FINISHING');
    expect(endsAtMs(run)).toBe(10_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.flush' });
  });
});
