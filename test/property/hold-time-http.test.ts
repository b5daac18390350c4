/**
 * Ring 1: the worst-case hold time of a connection that serves HTTP is a true bound, and not a loose one.
 *
 * Witnesses as in `hold-time.test.ts`: examples, a formula written without looking at the charts, and random walks of both
 * charts on one clock, the exchange's inside the connection's, none of which may last longer than what was computed.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connectionTable, createConnectionChart } from '../../src/machines/connection/connection-chart.ts';
import { defaultTimeouts, type Timeouts } from '../../src/machines/connection/delays.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import {
  exchangeHoldTime,
  handOverHoldTime,
  silentExchangeFacts,
} from '../../src/machines/connection/exchange-hold-time.ts';
import {
  connectionHoldTime,
  silentFacts,
  silentHoldTime,
  type HoldPolicy,
} from '../../src/machines/connection/hold-time.ts';
import { createExchangeChart, exchangeTable, type ExchangeChart } from '../../src/machines/exchange/exchange-chart.ts';
import { exchangeFactTypes, type ExchangeFact } from '../../src/machines/exchange/events.ts';
import { ChartTestClock } from '../support/chart-clock.ts';
import { runs, seed } from '../support/fuzz.ts';

function policy(timeouts: Partial<Timeouts>, serves: 'http' | 'answers' = 'http', attemptsMax = 1): HoldPolicy {
  const route = { ...defaultTimeouts, ...timeouts };
  return {
    listener: route,
    route,
    attemptsMax,
    keepHalfOpen: false,
    expectsProxyHeader: false,
    mayWait: false,
    serves,
  };
}

test('T01: a route that answers by itself is held through one request and the waits around it, and the path says where', () => {
  expect(connectionHoldTime(policy({}, 'answers')).silent).toEqual({
    totalMs: 75_000,
    path: [
      { state: 'ACCEPTED', deadline: 'admission', ms: 1_000 },
      { state: 'SNIFFING.SILENT', deadline: 'sniff', ms: 10_000 },
      { state: 'ESTABLISHED.HTTP.WAITING', deadline: 'keepAlive', ms: 15_000 },
      { state: 'ESTABLISHED.HTTP.BUSY › ACCEPTED', deadline: 'requestHead', ms: 10_000 },
      { state: 'ESTABLISHED.HTTP.BUSY › SNIFFING', deadline: 'sniff', ms: 10_000 },
      { state: 'ESTABLISHED.HTTP.BUSY › HALF_CLOSED.ANSWERING', deadline: 'linger', ms: 2_000 },
      { state: 'ESTABLISHED.HTTP.WAITING', deadline: 'keepAlive', ms: 15_000 },
      { state: 'HALF_CLOSED.FINISHING', deadline: 'flush', ms: 10_000 },
      { state: 'HALF_CLOSED.LINGERING', deadline: 'linger', ms: 2_000 },
    ],
  });
});

test('T05: a route that forwards HTTP is held by every deadline of its exchange', () => {
  const { silent } = connectionHoldTime(policy({}));
  const names = new Set(silent.path.map(({ deadline }) => deadline));
  const expected = ['requestHead', 'queue', 'dial', 'requestBody', 'response', 'keepAlive', 'flush', 'linger'];
  expect(expected.filter((name) => !names.has(name))).toEqual([]);
  expect(silentHoldTime(defaultTimeouts, 1, true)).toBe(silent.totalMs);
  expect(silentHoldTime(defaultTimeouts, 1)).toBe(626_000);
});

test('T11: a lifetime bounds a hostile client of HTTP, but not the tunnel that an upgrade makes of its connection', () => {
  const bounded = { lifetime: 3_600_000 };
  expect(connectionHoldTime(policy({}, 'answers')).hostile.totalMs).toBeNull();
  expect(connectionHoldTime(policy(bounded, 'answers')).hostile.totalMs).toBe(3_600_000);
  expect(connectionHoldTime(policy({ halfClosedMax: 30_000 }, 'answers')).hostile.totalMs).toBeNull();
  const { hostile } = connectionHoldTime(policy(bounded));
  expect(hostile.totalMs).toBeNull();
  expect(hostile.path.at(-1)).toEqual({ state: 'ESTABLISHED.TUNNEL.ACTIVE', deadline: null, ms: null });
});

test('T11: a lifetime shorter than an exchange cuts it, and what an upgrade just before it leaves is the longest end', () => {
  const { silent } = connectionHoldTime(policy({ lifetime: 20_000 }));
  expect(silent.totalMs).toBe(20_000 + 300_000 + 300_000 + 10_000);
  expect(connectionHoldTime(policy({ lifetime: 20_000 }, 'answers')).silent.totalMs).toBe(20_000);
});

test('T08: an infinite idle deadline leaves an upgraded connection without bound, and nothing else of HTTP', () => {
  expect(connectionHoldTime(policy({ idle: null })).silent.totalMs).toBeNull();
  expect(connectionHoldTime(policy({ idle: null }, 'answers')).silent.totalMs).toBe(75_000);
});

test('T05: nothing but moving bytes and a kill is left out of the silent walk of an exchange', () => {
  const told = new Set<string>(silentExchangeFacts({ ...policy({}), answersItself: false }).map(({ type }) => type));
  expect(exchangeFactTypes.filter((type) => !told.has(type))).toEqual([
    'request.continued',
    'response.informed',
    'upgrade.accepted',
    'bytes.flowed',
    'kill.requested',
  ]);
});

const someMs = fc.integer({ min: 1, max: 5_000 });
const names = ['admission', 'sniff', 'dial', 'dialBudget', 'queue', 'idle', 'halfClosed', 'flush', 'linger'] as const;
const drawnTimeouts = fc
  .record({
    ...Object.fromEntries(names.map((name) => [name, someMs])),
    ...Object.fromEntries(
      (['requestHead', 'requestBody', 'response', 'keepAlive'] as const).map((name) => [name, someMs]),
    ),
    backoff: fc.integer({ min: 1, max: 500 }),
    halfClosedMax: fc.option(someMs),
  })
  .map((drawn): Partial<Timeouts> => drawn);

test('T12: the hold time of HTTP is what adding up the deadlines by hand gives', () => {
  fc.assert(
    fc.property(drawnTimeouts, (drawn) => {
      const asked = policy(drawn);
      const exchange = { ...asked, answersItself: false };
      expect(exchangeHoldTime(exchange).totalMs).toBeCloseTo(exchangeByHand(asked.route), 3);
      expect(handOverHoldTime(exchange)?.totalMs).toBeCloseTo(handOverByHand(asked.route), 3);
      expect(connectionHoldTime(asked).silent.totalMs).toBeCloseTo(byHand(asked.route), 3);
    }),
    { seed: seed(), numRuns: runs(20) },
  );
});

const ms = (value: number | null) => value ?? Infinity;

/** With one attempt: until a connection to the upstream is there. */
function reachMs({ queue, dial, dialBudget }: Timeouts): number {
  return Math.min(ms(dialBudget), ms(queue) + ms(dial));
}

/** The body stalls, then the upstream does not take it. */
function sendMs({ requestBody, response }: Timeouts): number {
  return ms(requestBody) + ms(response);
}

/** The longest exchange, from the description of its states alone: everything that may happen twice does. */
function exchangeByHand(timeouts: Timeouts): number {
  const { requestHead, sniff, response, idle, halfClosed, linger } = timeouts;
  const deliverMs = ms(response) + ms(halfClosed);
  const answered = ms(response) + Math.max(deliverMs, ms(linger), ms(idle) + ms(halfClosed));
  const exchanging = deliverMs + Math.max(deliverMs, ms(linger));
  const sent = sendMs(timeouts) + Math.max(exchanging, answered);
  const retryMs = reachMs(timeouts);
  const twice = Math.max(sendMs(timeouts) + retryMs + sent, sendMs(timeouts) + ms(response) + retryMs + answered);
  return ms(requestHead) + ms(sniff) + reachMs(timeouts) + twice;
}

function handOverByHand(timeouts: Timeouts): number {
  const { requestHead, sniff, response } = timeouts;
  const once = reachMs(timeouts) + sendMs(timeouts);
  return ms(requestHead) + ms(sniff) + once + once + ms(response);
}

function byHand(timeouts: Timeouts): number {
  const { admission, sniff, keepAlive, idle, halfClosed, halfClosedMax, flush, linger } = timeouts;
  const finish = Math.min(ms(flush) + ms(linger), ms(halfClosedMax));
  const tunnel = ms(idle) + Math.min(ms(halfClosed) + ms(flush), ms(halfClosedMax));
  const served = Math.max(exchangeByHand(timeouts) + ms(keepAlive) + finish, handOverByHand(timeouts) + tunnel);
  return ms(admission) + ms(sniff) + ms(keepAlive) + served;
}

interface Step {
  readonly fact: number;
  readonly waited: number;
}

test('T05: no walk of both charts in which no byte moves lasts longer, whenever its facts come', () => {
  const step = fc.record({ fact: fc.nat(1_000), waited: fc.double({ min: 0, max: 1, noNaN: true }) });
  const walks = fc.array(fc.array(step, { maxLength: 40, size: 'max' }), { minLength: 20, maxLength: 20 });
  const lifetime = fc.option(fc.integer({ min: 1, max: 60_000 }));
  const attemptsMax = fc.integer({ min: 1, max: 3 });
  const seen = new Set<string>();
  fc.assert(
    fc.property(drawnTimeouts, lifetime, attemptsMax, walks, (drawn, lifetimeMs, attempts, several) => {
      const asked = policy({ ...drawn, lifetime: lifetimeMs }, 'http', attempts);
      const boundMs = connectionHoldTime(asked).silent.totalMs ?? Infinity;
      for (const steps of several) expect(walked(asked, steps, seen)).toBeLessThanOrEqual(boundMs + 0.001);
    }),
    { seed: seed(), numRuns: runs(25), endOnFailure: true },
  );
  expect([...seen].toSorted()).toEqual(['exchange.closed', 'handOver']);
});

/** Both charts on one clock: the exchange is opened at most once, and how it ends is told to the connection. */
function walked(asked: HoldPolicy, steps: readonly Step[], seen: Set<string>): number {
  const clock = new ChartTestClock();
  const host = { perform: () => {}, moved: () => {}, beforeDeadline: () => {} };
  const input = { timeouts: asked.listener, expectsProxyHeader: asked.expectsProxyHeader };
  const connection = createConnectionChart('compiled', input, clock, host);
  let exchange: ExchangeChart | null = null;
  let isSpent = false;
  const toConnection = (fact: ConnectionFact) => {
    const from = connection.leaf;
    connection.send(fact);
    if (fact.type !== 'exchange.opened' || connection.leaf === from) return;
    isSpent = true;
    exchange = openExchange(asked, clock, (isHandedOver) => {
      exchange = null;
      seen.add(isHandedOver ? 'handOver' : 'exchange.closed');
      const told = { timeouts: asked.route, ageMs: clock.nowMs() };
      if (!isHandedOver) return connection.send({ type: 'exchange.closed', ...told });
      const timeouts = { ...asked.route, lifetime: null };
      return connection.send({ type: 'connection.upgraded', ...told, timeouts, pingMs: null });
    });
  };
  connection.start();
  for (const { fact, waited } of steps) {
    // What an exchange still waits for holds nothing once its connection is closed.
    if (connection.isDone) break;
    clock.advance(((clock.next()?.dueMs ?? clock.nowMs()) - clock.nowMs()) * waited);
    const live = exchangeOf(exchange);
    const heard = likely(
      live === null ? [] : exchangeFacts(asked).filter(({ type }) => hears(exchangeTable, live.leaf, type)),
      fact,
    );
    if (live !== null && heard.length > 0 && fact % 5 > 0) {
      const told = heard[fact % heard.length];
      if (told !== undefined) live.send(told);
      continue;
    }
    const facts = likely(
      silentFacts(asked, clock.nowMs()).filter(
        ({ type }) =>
          hears(connectionTable, connection.leaf, type) &&
          !isOfExchange(type) &&
          !(isSpent && type === 'exchange.opened'),
      ),
      fact,
    );
    const told = facts[fact % facts.length];
    if (told !== undefined) toConnection(told);
  }
  for (let due = clock.next(); due !== undefined && !connection.isDone; due = clock.next()) clock.fire(due);
  expect(connection.isDone).toBe(true);
  return clock.nowMs();
}

/** So that a drawn fact is seldom one that changes nothing. */
function hears(
  { leaves, leafByName }: Pick<typeof connectionTable | typeof exchangeTable, 'leaves' | 'leafByName'>,
  leaf: string,
  type: string,
): boolean {
  return leaves[leafByName.get(leaf) ?? -1]?.candidates.has(type) === true;
}

/** Mostly what leads on: a drawn walk that ends at once says little. */
function likely<Fact extends { readonly type: string }>(facts: readonly Fact[], drawn: number): readonly Fact[] {
  if (drawn % 7 === 0) return facts;
  return facts.filter(({ type }) => !/failed|refused|finished|answered|^downstream\.ended/.test(type));
}

/** A closure has changed it. */
function exchangeOf(exchange: ExchangeChart | null): ExchangeChart | null {
  return exchange;
}

function openExchange(asked: HoldPolicy, clock: ChartTestClock, over: (isHandedOver: boolean) => void): ExchangeChart {
  let isHandedOver = false;
  const chart = createExchangeChart('compiled', { timeouts: asked.listener }, clock, {
    perform: ({ type }) => {
      isHandedOver ||= type === 'handOver';
      if (type === 'release') over(isHandedOver);
    },
    moved: () => {},
    beforeDeadline: () => {},
  });
  chart.start();
  return chart;
}

function exchangeFacts(asked: HoldPolicy): readonly ExchangeFact[] {
  return [
    ...silentExchangeFacts({ ...asked, answersItself: false }),
    { type: 'upgrade.accepted', isHandedOver: true },
    { type: 'upgrade.accepted', isHandedOver: false },
  ];
}

/** What the exchange itself decides in this walk. */
function isOfExchange(type: ConnectionFact['type']): boolean {
  return type === 'exchange.closed' || type === 'connection.upgraded';
}
