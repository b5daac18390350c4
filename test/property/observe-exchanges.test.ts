/**
 * Ring 0 of what is told of exchanges: counters, events, lines, records, and the sentence behind the id in an error's body.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/io/reports.ts';
import { closeReasons, describeReason, type CloseReason } from '../../src/machines/connection/close-reason.ts';
import {
  connectionOfExchange,
  explainExchangeRecord,
  explainLiveExchange,
} from '../../src/observe/explain-exchange.ts';
import { levelOfExchange, levelOfReason } from '../../src/observe/log-events.ts';
import { createObservation, type Observation, type ObservationOptions } from '../../src/observe/observation.ts';
import type { Logger, ProxyEvent } from '../../src/proxy-api.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { runs, seed } from '../support/fuzz.ts';
import { anyReason, closedSample, exchangeSample, liveExchangeSample, liveSample } from './observe-samples.ts';

interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

function observed(options: Partial<ObservationOptions> = {}): {
  readonly observation: Observation;
  readonly lines: Line[];
  readonly clock: StepClock;
} {
  const lines: Line[] = [];
  const clock = new StepClock();
  const logger: Logger = { log: (level, fields, message) => lines.push({ level, fields, message }) };
  return { observation: createObservation({ clock, logger, ...options }), lines, clock };
}

/** Ends an exchange; the answer says whether its record was built. */
function close({ reports }: Observation, record: ExchangeRecord): boolean {
  let isBuilt = false;
  reports.exchangeOpened();
  reports.exchangeClosed(record.reason, record.status, () => {
    isBuilt = true;
    return record;
  });
  return isBuilt;
}

const failures = closeReasons.filter((reason) => reason !== 'completed');

test('O05: every exchange is counted by its reason and its status, whoever listens', () => {
  fc.assert(
    fc.property(fc.array(anyReason, { maxLength: 40 }), (reasons) => {
      const { observation } = observed();
      for (const [index, reason] of reasons.entries()) close(observation, exchangeSample(`c1.${index}`, reason));
      observation.reports.exchangeOpened();
      const { exchanges, closed } = observation.counters();
      const completed = reasons.filter((reason) => reason === 'completed').length;
      expect(exchanges).toMatchObject({ opened: reasons.length + 1, live: 1, closed: reasons.length });
      expect([exchanges.closedByStatus['200'] ?? 0, exchanges.closedByStatus['502'] ?? 0]).toEqual([
        completed,
        reasons.length - completed,
      ]);
      expect(exchanges.closedByReason.completed ?? 0).toBe(completed);
      expect(closed).toBe(0);
    }),
    { seed: seed(), numRuns: runs(50) },
  );
});

test('the record of an exchange that completed is built only for who listens, or for a log that says debug', () => {
  const completed = exchangeSample('c1.1');
  expect(close(observed().observation, completed)).toBe(false);
  expect(close(observed({ logLevel: 'silent' }).observation, completed)).toBe(false);
  expect(close(observed({ logLevel: 'debug' }).observation, completed)).toBe(true);
  const { observation } = observed();
  const off = observation.bus.on('connection.closed', () => undefined);
  expect(close(observation, completed)).toBe(false);
  off();
  const heard: ProxyEvent[] = [];
  observation.bus.on('exchange.closed', (event) => heard.push(event));
  expect(close(observation, completed)).toBe(true);
  expect(heard).toEqual([completed]);
});

test('the record of any other exchange is always built, told to whoever listens, and explained', () => {
  for (const reason of failures) {
    const { observation } = observed({ logLevel: 'silent' });
    const heard: ProxyEvent[] = [];
    observation.bus.events$.subscribe((event) => heard.push(event));
    const record = exchangeSample('c1.1', reason);
    expect(close(observation, record)).toBe(true);
    expect(heard).toEqual([record]);
    expect(observation.explainClosed('c1.1')?.exchangeRecord).toBe(record);
  }
});

test('O04, L35: a failed exchange is one line of its connection’s levels with exactly the fields of the contract; a completed one is debug', () => {
  expect(levelOfExchange('completed')).toBe('debug');
  for (const reason of failures) expect(levelOfExchange(reason)).toBe(levelOfReason(reason));
  fc.assert(
    fc.property(anyReason, (reason) => {
      const { observation, lines } = observed({ logLevel: 'debug' });
      const record = exchangeSample('c1.1', reason);
      close(observation, record);
      const { timeline: _timeline, ...fields } = record;
      expect(lines).toEqual([
        { level: levelOfExchange(reason), fields, message: explainExchangeRecord(record).sentence },
      ]);
      expect(Object.keys(lines[0]?.fields ?? {})).toEqual(
        'event exchangeId connectionId listener route client upstream protocol method authority requestPath status reason by state deadline limitMs configPath code cause interpreter durationMs path bytesIn bytesOut isReused clientIp attempts'.split(
          ' ',
        ),
      );
    }),
    { seed: seed(), numRuns: runs(50) },
  );
});

test('a line below the level is not written, and takes no place of those that are told whole', () => {
  const { observation, lines, clock } = observed({ logLevel: 'warn' });
  for (let index = 0; index < 50; index += 1) close(observation, exchangeSample(`c1.${index}`, 'refused.route'));
  expect(clock.armedCount).toBe(0);
  for (let index = 0; index < 10; index += 1) close(observation, exchangeSample(`c2.${index}`, 'refused.capacity'));
  close(observation, exchangeSample('c3.1', 'handler.failed'));
  clock.advance(1000);
  const capacity = Array.from({ length: 10 }, (_, index) => `c2.${index}`);
  expect(lines.map(({ fields }) => fields['exchangeId'])).toEqual([...capacity, 'c3.1']);
});

test('O04: a flood of failed exchanges is ten lines and a count for each second, and still an event and a record each', () => {
  const byClients = failures.filter(
    (reason) => /^refused\.|^route\.blocked/.test(reason) || describeReason(reason).by === 'downstream',
  );
  const byOthers = failures.filter((reason) => !byClients.includes(reason));
  const flood = (reasons: readonly CloseReason[]) =>
    fc.array(fc.constantFrom(...reasons), { minLength: 11, maxLength: 150, size: 'max' });
  fc.assert(
    fc.property(fc.oneof(flood(byClients), flood(byOthers)), (reasons) => {
      const { observation, lines, clock } = observed();
      const events: ProxyEvent[] = [];
      observation.bus.events$.subscribe((event) => events.push(event));
      for (const [index, reason] of reasons.entries()) close(observation, exchangeSample(`c1.${index}`, reason));
      expect(lines.map(({ fields }) => fields['exchangeId'])).toEqual(
        Array.from({ length: 10 }, (_, index) => `c1.${index}`),
      );
      clock.advance(1000);
      const folded = lines.slice(10).map(({ fields }) => fields);
      expect(folded.every(({ event }) => event === 'exchange.folded')).toBe(true);
      const counts = Object.fromEntries(folded.map(({ reason, count }) => [String(reason), count]));
      const expected: Record<string, number> = {};
      for (const reason of reasons.slice(10)) expected[reason] = (expected[reason] ?? 0) + 1;
      expect(counts).toEqual(expected);
      expect(events.map(({ event }) => event)).toEqual(reasons.map(() => 'exchange.closed'));
      expect(observation.explainClosed(`c1.${reasons.length - 1}`)).not.toBeNull();
      observation.close();
      expect(clock.armedCount).toBe(0);
    }),
    { seed: seed(), numRuns: runs(40) },
  );
});

test('O04: a flood of bad requests hides neither an upstream that fails nor the end of a connection', () => {
  const { observation, lines } = observed();
  for (let index = 0; index < 500; index += 1) {
    close(observation, exchangeSample(`c1.${index}`, index % 2 === 0 ? 'refused.route' : 'downstream.malformed'));
  }
  close(observation, exchangeSample('c2.1', 'upstream.refused'));
  observation.reports.closed(closedSample('c1', 'upstream.reset'));
  expect(lines).toHaveLength(12);
  expect(lines.at(-2)?.fields['exchangeId']).toBe('c2.1');
  expect(lines.at(-1)?.fields['event']).toBe('connection.closed');
});

test('what is still folded is told before the last word, and one of them is told as one', () => {
  const { observation, lines } = observed();
  for (let index = 0; index < 11; index += 1) close(observation, exchangeSample(`c1.${index}`, 'refused.route'));
  for (let index = 0; index < 13; index += 1) close(observation, exchangeSample(`c2.${index}`, 'upstream.refused'));
  observation.close({ event: 'proxy.stopped' });
  expect(lines.slice(-3).map(({ level, message }) => [level, message])).toEqual([
    ['info', '1 more exchange on [::]:8080: refused.route'],
    ['warn', '3 more exchanges on [::]:8080: upstream.refused'],
    ['info', 'stopped'],
  ]);
});

test('O03: the id in an error’s body is explained until it is forgotten, and requests that went well push nothing out', () => {
  const { observation } = observed({ keep: 2, logLevel: 'debug' });
  for (let index = 0; index < 3; index += 1) close(observation, exchangeSample(`c1.${index}`, 'upstream.refused'));
  for (let index = 0; index < 9; index += 1) close(observation, exchangeSample(`c2.${index}`));
  for (let index = 0; index < 9; index += 1) observation.reports.closed(closedSample(`c${index}`));
  const known = (id: string): boolean => observation.explainClosed(id) !== null;
  expect(['c1.0', 'c1.1', 'c1.2'].map(known)).toEqual([false, true, true]);
  expect(['c2.6', 'c2.7', 'c2.8'].map(known)).toEqual([false, true, true]);
  expect(['c6', 'c7', 'c8'].map(known)).toEqual([false, true, true]);
  expect(['c1', 'c1.', 'c1.9', '1.2', ''].map(known)).toEqual([false, false, false, false, false]);
});

test('unless told otherwise the last thousand exchanges that failed are explained', () => {
  const { observation } = observed({ logLevel: 'silent' });
  for (let index = 0; index < 1500; index += 1) close(observation, exchangeSample(`c1.${index}`, 'refused.route'));
  expect(observation.explainClosed('c1.499')).toBeNull();
  expect(observation.explainClosed('c1.500')).not.toBeNull();
});

function sentenceOf(reason: CloseReason, changes: Partial<ExchangeRecord> = {}): string {
  return explainExchangeRecord(exchangeSample('k3f9-12.3', reason, changes)).sentence;
}

test('rule 12: an exchange is told in one sentence: what was asked, what was answered, why, by which limit of which line', () => {
  expect(
    sentenceOf('timeout.dial', { status: 504, state: 'DIALING', path: [['DIALING', 5000]], bytesIn: 0, bytesOut: 0 }),
  ).toBe(
    'GET /v1/users was answered 504: closed after 5.00 s in DIALING on route web because the upstream 10.0.0.7:80 never ' +
      'answered: the dial deadline of 5 s (sallyport.yaml:3:5 routes[0] timeouts.dial) passed; no byte of a body had moved.',
  );
  expect(sentenceOf('completed')).toBe(
    'GET /v1/users was answered 200 by 10.0.0.7:80 on route web after 12.5 ms; 24 bytes of a body in, 1.2 kB out.',
  );
  expect(sentenceOf('completed', { upstream: null, route: null, status: 301, bytesIn: 0, bytesOut: 0 })).toBe(
    'GET /v1/users was answered 301 by the proxy itself after 12.5 ms; no byte of a body had moved.',
  );
  expect(sentenceOf('downstream.reset', { status: null })).toContain(
    'GET /v1/users got no answer: closed after 12.3 ms in ',
  );
  expect(sentenceOf('downstream.malformed', { method: '', requestPath: '', status: 400 })).toMatch(
    /^a request whose head never became clear was answered 400: closed after /,
  );
});

test('rule 12: every exchange has a sentence that names its request, its status and, for a deadline, its limit and line', () => {
  const changes = fc.record({
    status: fc.constantFrom(null, 200, 404, 502),
    route: fc.constantFrom(null, 'web'),
    upstream: fc.constantFrom(null, '10.0.0.7:80'),
    bytesIn: fc.maxSafeNat(),
    cause: fc.constantFrom(null, 'a; b; c', 'ECONNREFUSED'),
  });
  fc.assert(
    fc.property(anyReason, changes, (reason, changed) => {
      const record = exchangeSample('k3f9-12.3', reason, changed);
      const { sentence } = explainExchangeRecord(record);
      expect(sentence).toMatch(
        /^GET \/v1\/users .*; (no byte of a body had moved|[\d.]+ \w+ of a body in, [\d.]+ \w+ out)\.$/,
      );
      expect(sentence).not.toMatch(/no byte had moved|\n/);
      expect(sentence).toContain(changed.status === null ? 'got no answer' : `was answered ${changed.status}`);
      if (record.deadline !== null) {
        expect(sentence).toContain(`the ${record.deadline} deadline of 5 s (sallyport.yaml:3:5 routes[0]`);
      }
      if (reason !== 'completed' && changed.cause !== null && record.deadline === null)
        expect(sentence).toContain(changed.cause);
    }),
    { seed: seed(), numRuns: runs(200) },
  );
});

test('a request longer than a line can bear is shortened in the sentence', () => {
  const sentence = sentenceOf('refused.route', { method: 'M'.repeat(30_000), requestPath: `/${'p'.repeat(30_000)}` });
  expect(sentence.length).toBeLessThan(500);
  expect(sentence).toMatch(/^M{20}… \/p{119}… was answered/);
});

test('O03: a live exchange says what was asked, where it is, since when and with whom', () => {
  const connection = liveSample({ exchanges: [liveExchangeSample({ exchangeId: 'c1.2' }), liveExchangeSample()] });
  expect(explainLiveExchange('c1.3', connection)).toEqual({
    connectionId: 'c1',
    exchangeId: 'c1.3',
    isLive: true,
    sentence: 'POST /v1/users in HALF_CLOSED.AWAITING for 1.2 s on route web, upstream 10.0.0.7:80; began 1.3 s ago.',
    timeline: [],
    record: null,
    connection,
    exchangeRecord: null,
    exchange: liveExchangeSample(),
  });
  expect(explainLiveExchange('c1.4', connection)).toBeNull();
  const early = liveSample({
    exchanges: [liveExchangeSample({ method: '', requestPath: '', route: null, upstream: null, leaf: 'ACCEPTED' })],
  });
  expect(explainLiveExchange('c1.3', early)?.sentence).toBe(
    'a request whose head is arriving in ACCEPTED for 1.2 s without a route yet, no upstream yet; began 1.3 s ago.',
  );
});

test('an exchange’s id names its connection, and a connection’s id names none', () => {
  expect(['k3f9-12.3', 'a.b.7', 'k3f9-12', 'k3f9-12.', '.3', 'k3f9-12.x', ''].map(connectionOfExchange)).toEqual([
    'k3f9-12',
    'a.b',
    null,
    null,
    null,
    null,
    null,
  ]);
});
