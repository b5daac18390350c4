/** What the deadlines of an exchange come to in real milliseconds, and the plain stories of a request, by both interpreters. */
import { describe, expect, test } from 'vitest';
import { defaultTimeouts, livenessMs, type Timeouts } from '../../src/machines/connection/delays.ts';
import type { ExchangeCommand } from '../../src/machines/exchange/commands.ts';
import { createExchangeChart } from '../../src/machines/exchange/exchange-chart.ts';
import type { ExchangeFact } from '../../src/machines/exchange/events.ts';
import { begin, type Run } from '../support/chart-pair.ts';

type ExchangeRun = Run<ExchangeFact, ExchangeCommand>;

const bodyless: ExchangeFact = { type: 'head.received', hasBody: false, expectsContinue: false };
const bodied: ExchangeFact = { type: 'head.received', hasBody: true, expectsContinue: false };
const expecting: ExchangeFact = { type: 'head.received', hasBody: true, expectsContinue: true };
const acquired: ExchangeFact = { type: 'upstream.acquired' };
const closedByUpstream: ExchangeFact = { type: 'upstream.failed', reason: 'upstream.reset', retryable: true };
const refused: ExchangeFact = { type: 'dial.failed', reason: 'upstream.refused', retryable: true };

describe.each(['compiled', 'xstate'] as const)('by the %s interpreter', (interpreter) => {
  function exchange(timeouts: Timeouts = defaultTimeouts): ExchangeRun {
    return begin((clock, host) => createExchangeChart(interpreter, { timeouts }, clock, host));
  }

  function routed(head: ExchangeFact, attemptsMax = 1, timeouts: Timeouts = defaultTimeouts): ExchangeRun {
    return told(exchange(timeouts), head, { type: 'exchange.routed', timeouts, attemptsMax });
  }

  function told(run: ExchangeRun, ...facts: readonly ExchangeFact[]): ExchangeRun {
    for (const fact of facts) run.chart.send(fact);
    return run;
  }

  /** When the chart ended, if nothing but time passes; `before` is told before the first deadline. */
  function endsAtMs({ chart, clock, host }: ExchangeRun, ...before: readonly ExchangeFact[]): number {
    host.toldBefore = before;
    for (let next = clock.next(); next !== undefined && !chart.isDone; next = clock.next()) clock.fire(next);
    return clock.nowMs();
  }

  function contextOf({ chart }: ExchangeRun): unknown {
    return chart.persist().snapshot.context;
  }

  function commandsOf({ log }: ExchangeRun): readonly string[] {
    return log.flatMap((line) => /^perform \{"type":"(\w+)"/.exec(line)?.slice(1) ?? []);
  }

  test.each([
    ['in ACCEPTED', 'requestHead', () => exchange(), 10_000 + 2_000],
    ['in SNIFFING', 'sniff', () => told(exchange(), bodyless), 10_000 + 2_000],
    ['in QUEUED', 'queue', () => routed(bodyless), 5_000 + 2_000],
    ['in ATTEMPTING', 'dial', () => told(routed(bodyless), { type: 'place.granted' }), 5_000 + 2_000],
    ['in SENDING', 'requestBody', () => told(routed(bodied), acquired), 30_000 + 2_000],
    ['in AWAITING', 'response', () => told(routed(bodyless), acquired), 60_000 + 2_000],
    ['in EXPECTING', 'response', () => told(routed(expecting), acquired), 60_000 + 2_000],
    ['in RECEIVING', 'response', () => told(routed(bodyless), acquired, { type: 'response.began' }), 60_000],
  ] as const)(
    'H04: silence ends an exchange %s at its %s deadline, and our answer has linger to be taken',
    (_state, name, make, endMs) => {
      const run = make();
      expect(endsAtMs(run)).toBe(endMs);
      expect(contextOf(run)).toMatchObject({ reason: `timeout.${name}` });
    },
  );

  test('T05: attempts, waits for a place and back-offs end at the dial budget', () => {
    const run = routed(bodyless, 9);
    for (let count = 0; count < 3; count += 1) {
      told(run, { type: 'place.granted' });
      run.clock.advance(5_000);
      run.clock.advance(count === 0 ? 100 : 200);
    }
    expect([run.chart.leaf, run.clock.nowMs()]).toEqual(['HALF_CLOSED.ANSWERING', 15_500]);
    expect(contextOf(run)).toMatchObject({ reason: 'timeout.dialBudget', attempt: 3 });
  });

  test('I10: a request that found a used connection closed gets one fresh connection, with a dial budget of its own, and no more', () => {
    const run = routed(bodyless, 2);
    run.clock.advance(3_000);
    told(run, acquired, closedByUpstream);
    expect(run.chart.armed().map(({ remainingMs }) => remainingMs)).toEqual([15_000, 5_000]);
    expect([run.chart.leaf, commandsOf(run)]).toEqual([
      'DIALING.QUEUED',
      ['route', 'stopRouting', 'claim', 'stopClaiming', 'send', 'abandonUpstream', 'claim'],
    ]);
    const claims = run.log.filter((line) => line.startsWith('perform {"type":"claim"'));
    expect(claims.at(-1)).toContain('{"type":"claim","attempt":1,"isFresh":true}');
    told(run, { type: 'place.granted' }, refused);
    expect(run.chart.leaf).toBe('DIALING.BACKING_OFF');
    run.clock.advance(100);
    told(run, { type: 'place.granted' }, acquired);
    expect(contextOf(run)).toMatchObject({ attempt: 2, retries: 1 });
    told(run, closedByUpstream);
    expect([run.chart.leaf, commandsOf(run).at(-1)]).toEqual(['HALF_CLOSED.ANSWERING', 'answer']);
    expect(commandsOf(run).filter((name) => name === 'send')).toHaveLength(2);
  });

  test('I10: after an interim response a request is not sent again, whatever the upstream’s side says', () => {
    const run = told(routed(bodyless), acquired, { type: 'response.informed', isContinue: false }, closedByUpstream);
    expect([run.chart.leaf, contextOf(run)]).toMatchObject(['HALF_CLOSED.ANSWERING', { reason: 'upstream.reset' }]);
  });

  test('100 Continue makes it the client’s turn, another interim response does not', () => {
    const run = told(routed(expecting), acquired);
    told(run, { type: 'response.informed', isContinue: false });
    expect(run.chart.leaf).toBe('ESTABLISHED.EXPECTING');
    told(run, { type: 'response.informed', isContinue: true });
    expect(run.chart.leaf).toBe('ESTABLISHED.SENDING');
    expect(endsAtMs(run)).toBe(32_000);
    expect(contextOf(run)).toMatchObject({ reason: 'timeout.requestBody' });
  });

  test('a client that does not wait for 100 Continue is held like any other that sends a body', () => {
    const run = told(routed(expecting), acquired, { type: 'request.continued' });
    expect(run.chart.leaf).toBe('ESTABLISHED.SENDING');
    told(run, { type: 'request.ended' }, { type: 'response.began' }, { type: 'response.ended' });
    expect([run.chart.leaf, contextOf(run)]).toMatchObject(['CLOSED', { reason: 'completed', isRequestOver: true }]);
  });

  test('a refused expectation is an early response: the rest of the request is dropped for linger', () => {
    const run = told(routed(expecting), acquired, { type: 'response.began' }, { type: 'response.ended' });
    expect([run.chart.leaf, commandsOf(run).slice(-2)]).toEqual([
      'HALF_CLOSED.RESPONSE_ENDED',
      ['abandonUpstream', 'discardRequest'],
    ]);
    expect(endsAtMs(run)).toBe(2_000);
    expect(contextOf(run)).toMatchObject({ reason: 'completed', isRequestOver: false });
  });

  test('L07: an early response goes on when the request has ended, and both ends make it complete', () => {
    const run = told(routed(bodied), acquired, { type: 'response.began' }, { type: 'request.ended' });
    expect(run.chart.leaf).toBe('HALF_CLOSED.RECEIVING');
    told(run, { type: 'response.ended' });
    expect([run.chart.leaf, commandsOf(run).includes('abandonUpstream')]).toEqual(['CLOSED', false]);
  });

  test('L04: a request that breaks off is answered before the head of a response, and cut after it', () => {
    const broken: ExchangeFact = { type: 'request.failed', reason: 'downstream.malformed' };
    expect(told(routed(bodied), acquired, broken).chart.leaf).toBe('HALF_CLOSED.ANSWERING');
    const late = told(routed(bodied), acquired, { type: 'response.began' }, broken);
    expect([late.chart.leaf, commandsOf(late).includes('answer')]).toEqual(['CLOSED', false]);
  });

  test('L20: whoever takes nothing is given the deadline that is its own, and silence ends it', () => {
    const upload = told(routed(bodied), acquired);
    expect(endsAtMs(upload, { type: 'upstream.blocked' })).toBe(30_000 + 60_000 + 2_000);
    expect(contextOf(upload)).toMatchObject({ reason: 'timeout.response' });
    const download = told(routed(bodyless), acquired, { type: 'response.began' });
    expect(endsAtMs(download, { type: 'downstream.blocked' })).toBe(60_000 + 300_000);
    expect(contextOf(download)).toMatchObject({ reason: 'timeout.halfClosed' });
  });

  test('T08: a byte puts a deadline off by as long as it has been, and a silence that is longer than the deadline ends it now', () => {
    const run = told(routed(bodied), acquired);
    expect(endsAtMs(run, { type: 'bytes.flowed', quietMs: 12_000 })).toBe(30_000 + 18_000 + 2_000);
    const late = told(routed(bodied), acquired);
    expect(endsAtMs(late, { type: 'bytes.flowed', quietMs: 99_000 })).toBe(30_000 + 2_000);
  });

  test('H04, L40: on HTTP/1.1 an accepted upgrade ends the exchange and the connection goes on; on HTTP/2 the exchange does', () => {
    const handedOver = told(routed(bodyless), acquired, { type: 'upgrade.accepted', isHandedOver: true });
    expect([handedOver.chart.leaf, commandsOf(handedOver).slice(-2)]).toEqual(['CLOSED', ['handOver', 'release']]);
    expect(contextOf(handedOver)).toMatchObject({ reason: 'completed' });
    const tunnel = told(routed(bodyless), acquired, { type: 'upgrade.accepted', isHandedOver: false });
    expect([tunnel.chart.leaf, commandsOf(tunnel).at(-1)]).toEqual(['ESTABLISHED.TUNNEL', 'openTunnel']);
    expect(endsAtMs(tunnel)).toBe(300_000);
    expect(contextOf(tunnel)).toMatchObject({ reason: 'timeout.idle' });
  });

  test('H04, L39, L40: a tunnel whose idle deadline is infinite outlives any silence and stays held by one deadline', () => {
    const run = told(routed(bodyless, 1, { ...defaultTimeouts, idle: null }), acquired, {
      type: 'upgrade.accepted',
      isHandedOver: false,
    });
    run.clock.advance(livenessMs * 100);
    expect([run.chart.leaf, run.clock.armed().length]).toEqual(['ESTABLISHED.TUNNEL', 1]);
    told(run, { type: 'request.ended' });
    expect(endsAtMs(run)).toBe(livenessMs * 100 + 300_000);
    expect(contextOf(run)).toMatchObject({ reason: 'timeout.halfClosed' });
  });
});
