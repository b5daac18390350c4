/**
 * Ring 1: the worst-case hold time is a true bound, and not a loose one.
 *
 * Three witnesses: examples computed by hand, a formula written without looking at the chart, and random walks of the real
 * chart (facts at any moment, deadlines when due), none of which may last longer than what was computed.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createConnectionChart } from '../../src/machines/connection/connection-chart.ts';
import { deadlineMsMax, defaultTimeouts, type Timeouts } from '../../src/machines/connection/delays.ts';
import { connectionFactTypes } from '../../src/machines/connection/events.ts';
import {
  connectionHoldTime,
  silentFacts,
  silentHoldTime,
  type HoldPolicy,
} from '../../src/machines/connection/hold-time.ts';
import { ChartTestClock } from '../support/chart-clock.ts';
import { runs, seed } from '../support/fuzz.ts';

function policy(timeouts: Partial<Timeouts>, attemptsMax = 1): HoldPolicy {
  const route = { ...defaultTimeouts, ...timeouts };
  return {
    listener: route,
    route,
    attemptsMax,
    keepHalfOpen: false,
    expectsProxyHeader: false,
    mayWait: false,
    serves: 'upstream',
  };
}

test('T01: by the defaults a silent connection holds its slot for 10 min 26 s, and the path says where', () => {
  const { silent } = connectionHoldTime(policy({}));
  expect(silent).toEqual({
    totalMs: 626_000,
    path: [
      { state: 'ACCEPTED', deadline: 'admission', ms: 1_000 },
      { state: 'SNIFFING.SILENT', deadline: 'sniff', ms: 10_000 },
      { state: 'DIALING.ATTEMPTING.RESOLVING', deadline: 'dial', ms: 5_000 },
      { state: 'ESTABLISHED.TUNNEL.ACTIVE', deadline: 'idling', ms: 240_000 },
      { state: 'ESTABLISHED.TUNNEL.IDLING', deadline: 'idle', ms: 60_000 },
      { state: 'HALF_CLOSED.DOWNSTREAM_ENDED', deadline: 'halfClosed', ms: 300_000 },
      { state: 'HALF_CLOSED.FLUSHING', deadline: 'flush', ms: 10_000 },
    ],
  });
});

test('T05: attempts and the waits between them are counted, and the dial budget ends them', () => {
  const dialling = (attemptsMax: number) =>
    connectionHoldTime(policy({}, attemptsMax)).silent.path.filter(({ state }) => state.startsWith('DIALING'));
  expect(dialling(2).map(({ deadline, ms }) => [deadline, ms])).toEqual([
    ['dial', 5_000],
    ['backoff', 100],
    ['dial', 5_000],
  ]);
  expect(dialling(1_000).map(({ deadline, ms }) => [deadline, ms])).toEqual([
    ['dial', 5_000],
    ['backoff', 100],
    ['dial', 5_000],
    ['backoff', 200],
    ['dialBudget', 4_700],
  ]);
});

test('C04: waiting for a place is counted, a second time where the endpoint is full too, and the dial budget ends it', () => {
  const dialling = (timeouts: Partial<Timeouts>) =>
    connectionHoldTime({ ...policy(timeouts), mayWait: true })
      .silent.path.filter(({ state }) => state.startsWith('DIALING'))
      .map(({ state, deadline, ms }) => [state, deadline, ms]);
  expect(dialling({})).toEqual([
    ['DIALING.QUEUED', 'queue', 5_000],
    ['DIALING.ATTEMPTING.RESOLVING', 'dial', 5_000],
    ['DIALING.QUEUED', 'dialBudget', 5_000],
  ]);
  expect(dialling({ dialBudget: 8_000 })).toEqual([
    ['DIALING.QUEUED', 'queue', 5_000],
    ['DIALING.ATTEMPTING.RESOLVING', 'dialBudget', 3_000],
  ]);
  expect(silentHoldTime(defaultTimeouts, 1, false, true)).toBe(636_000);
});

test('T05: rounds of waiting and dialling are counted up to the dial budget, however many of them fit', () => {
  const budgetMs = deadlineMsMax;
  const { silent } = connectionHoldTime({ ...policy({ dialBudget: budgetMs, queue: 3, dial: 4 }, 3), mayWait: true });
  expect(silent.totalMs).toBe(626_000 - 5_000 + budgetMs);
  expect(silent.path.length).toBeLessThan(30);
});

test('P02: a PROXY header is awaited inside the sniff deadline: it holds nobody longer', () => {
  fc.assert(
    fc.property(drawnPolicy, (drawn) => {
      const [without, expected] = [false, true].map((expectsProxyHeader) =>
        connectionHoldTime({ ...drawn, expectsProxyHeader }),
      );
      expect(expected?.silent.totalMs).toBe(without?.silent.totalMs);
      const [, header] = expected?.silent.path ?? [];
      expect(header).toEqual({ state: 'SNIFFING.PROXY_HEADER', deadline: 'sniff', ms: drawn.listener.sniff });
    }),
    { seed: seed(), numRuns: runs(30) },
  );
});

test('C04: nobody waits for a handler, and exchanges wait in their own chart', () => {
  for (const serves of ['handler', 'http', 'answers'] as const) {
    const [without, waiting] = [false, true].map((mayWait) => connectionHoldTime({ ...policy({}), serves, mayWait }));
    expect(waiting).toEqual(without);
  }
});

test('T08: an infinite idle deadline is spelled out as a stay without bound', () => {
  const { silent, hostile } = connectionHoldTime(policy({ idle: null }));
  expect(silent.totalMs).toBeNull();
  expect(silent.path.at(-1)).toEqual({ state: 'ESTABLISHED.TUNNEL.ACTIVE', deadline: null, ms: null });
  expect(hostile.totalMs).toBeNull();
});

test('T11: a lifetime bounds even a peer that trickles, and nothing else does', () => {
  expect(connectionHoldTime(policy({})).hostile.totalMs).toBeNull();
  const { hostile } = connectionHoldTime(policy({ lifetime: 3_600_000 }));
  expect(hostile.totalMs).toBe(3_600_000);
  expect(hostile.path.at(-1)?.deadline).toBe('lifetime');
  expect(connectionHoldTime(policy({ idle: null, lifetime: 3_600_000 })).silent.totalMs).toBe(3_600_000);
});

test('T11: a lifetime shorter than the way to the upstream leaves the refusal as the longest end', () => {
  const { silent } = connectionHoldTime(policy({ lifetime: 4_000 }));
  expect(silent.totalMs).toBe(1_000 + 10_000 + 5_000 + 2_000);
  expect(silent.path.at(-1)).toEqual({ state: 'HALF_CLOSED.REFUSING', deadline: 'linger', ms: 2_000 });
});

test('T05: nothing but moving bytes and what an operator does is left out of the silent walk', () => {
  const told = new Set<string>(
    (['upstream', 'handler', 'http'] as const).flatMap((serves) =>
      silentFacts({ ...policy({}), serves, mayWait: true }, 0).map(({ type }) => type),
    ),
  );
  expect(connectionFactTypes.filter((type) => !told.has(type))).toEqual([
    'bytes.flowed',
    'drain.requested',
    'kill.requested',
  ]);
});

test('K04: a handler is held like a tunnel that needs no dial', () => {
  const { silent, hostile } = connectionHoldTime({ ...policy({}), serves: 'handler' });
  expect(silent.totalMs).toBe(1_000 + 10_000 + 300_000 + 300_000 + 10_000);
  expect(silent.path.some(({ state }) => state.startsWith('DIALING'))).toBe(false);
  expect(hostile.totalMs).toBeNull();
});

const someMs = fc.integer({ min: 1, max: 5_000 });
const drawnPolicy = fc
  .record({
    admission: someMs,
    sniff: someMs,
    serverFirst: fc.option(someMs),
    dial: someMs,
    dialBudget: someMs,
    queue: someMs,
    backoff: fc.integer({ min: 1, max: 500 }),
    idle: someMs,
    halfClosed: someMs,
    halfClosedMax: fc.option(someMs),
    flush: someMs,
    linger: someMs,
  })
  .chain((timeouts) =>
    fc
      .record({ attemptsMax: fc.integer({ min: 1, max: 6 }), mayWait: fc.boolean(), expectsProxyHeader: fc.boolean() })
      .map(({ attemptsMax, ...how }) => ({ ...policy(timeouts, attemptsMax), ...how })),
  );

test('T12: the hold time is what adding up the deadlines by hand gives', () => {
  fc.assert(
    fc.property(drawnPolicy, (drawn) => {
      expect(connectionHoldTime(drawn).silent.totalMs).toBeCloseTo(byHand(drawn), 3);
    }),
    { seed: seed(), numRuns: runs(200) },
  );
});

test('T05: no walk of the chart in which no byte moves lasts longer, whenever its facts come', () => {
  const step = fc.record({ fact: fc.nat(100), waited: fc.double({ min: 0, max: 1, noNaN: true }) });
  const walk = fc.array(step, { maxLength: 40, size: 'max' });
  const lifetime = fc.option(fc.integer({ min: 1, max: 20_000 }));
  fc.assert(
    fc.property(drawnPolicy, lifetime, walk, fc.boolean(), (drawn, lifetimeMs, steps, isTrickling) => {
      const route = { ...drawn.route, lifetime: lifetimeMs };
      const asked = { ...drawn, listener: route, route };
      const { silent, hostile } = connectionHoldTime(asked);
      const boundMs = (isTrickling ? hostile : silent).totalMs ?? Infinity;
      expect(walked(asked, steps, isTrickling)).toBeLessThanOrEqual(boundMs + 0.001);
    }),
    { seed: seed(), numRuns: runs(300) },
  );
});

/** The longest silent walk, from the description of the states alone. */
function byHand({ route, attemptsMax, mayWait }: HoldPolicy): number {
  const ms = (value: number | null) => value ?? Infinity;
  const budgetMs = ms(route.dialBudget);
  let begunMs = 0;
  let reachedMs = 0;
  let refusedMs = 0;
  for (let attempt = 1; attempt <= attemptsMax && begunMs <= budgetMs; attempt += 1) {
    reachedMs = Math.min(budgetMs, begunMs + ms(route.dial));
    begunMs += ms(route.dial) + Math.min(2_000, ms(route.backoff) * 2 ** (attempt - 1));
    // A budget that passes between two attempts refuses later than the last attempt could have succeeded.
    refusedMs = attempt < attemptsMax && begunMs > budgetMs ? budgetMs : reachedMs;
  }
  // Whoever may wait may wait again after every attempt that finds its endpoint full.
  if (mayWait) [reachedMs, refusedMs] = [budgetMs, budgetMs];
  const refusingMs = Math.min(ms(route.linger), ms(route.halfClosedMax));
  const tunnelMs = ms(route.idle) + Math.min(ms(route.halfClosed) + ms(route.flush), ms(route.halfClosedMax));
  return ms(route.admission) + ms(route.sniff) + Math.max(reachedMs + tunnelMs, refusedMs + refusingMs);
}

interface Step {
  readonly fact: number;
  readonly waited: number;
}

/** Drives the real chart: waits a part of the time to the next deadline, tells a fact, and in the end waits for CLOSED. */
function walked(asked: HoldPolicy, steps: readonly Step[], isTrickling: boolean): number {
  const clock = new ChartTestClock();
  let stepsLeft = steps.length;
  const input = { timeouts: asked.listener, expectsProxyHeader: asked.expectsProxyHeader };
  const chart = createConnectionChart('compiled', input, clock, {
    perform: () => {},
    moved: () => {},
    beforeDeadline: () => {
      // Bytes for as long as the drawn walk lasts; a walk that trickled for ever would not end.
      if (isTrickling && stepsLeft > 0) chart.send({ type: 'bytes.flowed', quietMs: 0 });
    },
  });
  chart.start();
  for (const { fact, waited } of steps) {
    stepsLeft -= 1;
    clock.advance(((clock.next()?.dueMs ?? clock.nowMs()) - clock.nowMs()) * waited);
    const facts = silentFacts(asked, clock.nowMs());
    const told = facts[fact % facts.length];
    if (told !== undefined && !chart.isDone) chart.send(told);
  }
  for (let due = clock.next(); due !== undefined && !chart.isDone; due = clock.next()) clock.fire(due);
  expect(chart.isDone).toBe(true);
  return clock.nowMs();
}
