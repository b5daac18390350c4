/**
 * Ring 0 of the reports: each one reaches the counters, the log, the listeners and `explain`, and a fault of any of these
 * stays there.
 */
import fc from 'fast-check';
import { asapScheduler, observeOn } from 'rxjs';
import { expect, test } from 'vitest';
import { maxConnectionsDefault } from '../../src/config/build-plan.ts';
import type { ConnectionSnapshot, Refusal, Trouble } from '../../src/io/reports.ts';
import { explainClose } from '../../src/machines/chart/explain.ts';
import { closeReasons, type CloseReason } from '../../src/machines/connection/close-reason.ts';
import { explainLive, explainRecord } from '../../src/observe/explain.ts';
import { levelOfReason } from '../../src/observe/log-events.ts';
import { createObservation, type Observation, type ObservationOptions } from '../../src/observe/observation.ts';
import type { Logger, ProxyEvent } from '../../src/proxy-api.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { runs, seed } from '../support/fuzz.ts';
import { anyReason, anyRefusal, closedSample, liveSample, numbered } from './observe-samples.ts';

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

const unseen = { connectionId: 'c1', snapshot: (): ConnectionSnapshot => fail('a snapshot that nobody asked for') };

function fail(message: string): never {
  throw new Error(message);
}

test('rule 12: every closed connection is one line with exactly the fields of the contract in their order, and behind them what was added', () => {
  fc.assert(
    fc.property(anyReason, (reason) => {
      const { observation, lines } = observed();
      const record = closedSample('c1', reason);
      observation.reports.closed(record);
      expect(lines).toHaveLength(1);
      const { timeline: _timeline, ...fields } = record;
      expect(lines[0]?.fields).toEqual(fields);
      expect(Object.keys(lines[0]?.fields ?? {})).toEqual(
        'event connectionId listener route client upstream protocol reason by state deadline limitMs configPath code cause interpreter durationMs path bytesIn bytesOut serverName tls peer proxyHeader uniqueId attempts'.split(
          ' ',
        ),
      );
      expect(lines[0]?.message).toBe(explainClose(record));
    }),
    { seed: seed(), numRuns: runs(50) },
  );
});

test('L35: every close reason has its level: ends and policy are info, failures of the upstream and other timeouts are warnings, faults are errors', () => {
  const policy =
    /^(completed|downstream\..*|handler\.completed|nftables\.closed|operator\..*|route\..*|timeout\.(?:idle|keepAlive))$/;
  for (const reason of closeReasons) {
    const level = levelOfReason(reason);
    if (policy.test(reason)) expect([reason, level]).toEqual([reason, 'info']);
    else if (/^(upstream|timeout)\./.test(reason)) expect([reason, level]).toEqual([reason, 'warn']);
    else if (reason.startsWith('refused.')) expect(['info', 'warn']).toContain(level);
    else expect([reason, level]).toEqual([reason, 'error']);
  }
});

test('a line below the level is not written, and a silent log builds nothing', () => {
  fc.assert(
    fc.property(fc.constantFrom('trace', 'debug', 'info', 'warn', 'error', 'silent'), (logLevel) => {
      const { observation, lines } = observed({ logLevel });
      for (const reason of closeReasons) observation.reports.closed(closedSample('c1', reason));
      observation.reports.moved('c1', 'ACCEPTED', 'SNIFFING', 'admission.granted');
      const order = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];
      expect(lines.filter(({ level }) => order.indexOf(level) < order.indexOf(logLevel))).toEqual([]);
      const expected = closeReasons.filter((reason) => order.indexOf(levelOfReason(reason)) >= order.indexOf(logLevel));
      expect(lines.filter(({ fields }) => fields['event'] === 'connection.closed')).toHaveLength(expected.length);
      expect(lines.some(({ fields }) => fields['event'] === 'connection.moved')).toBe(order.indexOf(logLevel) <= 1);
    }),
    { seed: seed(), numRuns: runs(12) },
  );
});

test('a snapshot is taken only when somebody hears of it', () => {
  const { observation } = observed();
  observation.reports.opened(unseen);
  observation.reports.idling('c1', unseen.snapshot);
  const heard: ProxyEvent[] = [];
  const off = observation.bus.on('connection.opened', (event) => heard.push(event));
  observation.reports.opened({ connectionId: 'c1', snapshot: () => liveSample() });
  observation.reports.idling('c1', unseen.snapshot);
  off();
  observation.reports.opened(unseen);
  expect(heard).toEqual([{ event: 'connection.opened', connection: liveSample() }]);
  expect(observation.counters()).toMatchObject({ accepted: 3, live: 3 });
});

/** A report of the shell. */
type Step = { readonly reason: CloseReason } | { readonly refusals: readonly Refusal[] } | Trouble | 'open' | 'second';

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom('open', 'second'),
  fc.record({ reason: anyReason }),
  fc.record({ refusals: fc.array(anyRefusal, { maxLength: 30, size: 'max' }) }),
  fc.record({
    event: fc.constantFrom('handler.failed', 'invariant.broken', 'release.overdue', 'code.unmapped', 'listener.failed'),
    connectionId: fc.constantFrom('c1', null),
    message: fc.constant('of the test'),
  }),
);

test('counters, listeners and log agree with the reports, whether or not listeners and logger throw', () => {
  const plan = fc.array(anyStep, { maxLength: 40, size: 'max' });
  fc.assert(
    fc.property(plan, fc.boolean(), fc.boolean(), (steps, listenersThrow, loggerThrows) => {
      let logged = 0;
      const logger: Logger = {
        log: () => {
          logged += 1;
          if (loggerThrows) fail('the logger');
        },
      };
      const clock = new StepClock();
      const observation = createObservation({ clock, logger });
      const heard: ProxyEvent[] = [];
      observation.bus.events$.subscribe(() => (listenersThrow ? fail('first') : undefined));
      observation.bus.events$.subscribe((event) => heard.push(event));
      const reported = { opened: 0, closed: 0, refused: 0, failed: 0, broken: 0, overdue: 0, trouble: 0 };
      for (const step of steps) {
        if (step === 'second') {
          clock.advance(1000);
        } else if (step === 'open') {
          observation.reports.opened({ connectionId: 'c1', snapshot: () => liveSample() });
          reported.opened += 1;
        } else if ('reason' in step) {
          observation.reports.closed(closedSample(`c${reported.closed}`, step.reason));
          reported.closed += 1;
        } else if ('refusals' in step) {
          for (const refusal of step.refusals) observation.reports.refused(refusal);
          reported.refused += step.refusals.length;
        } else {
          observation.reports.trouble(step);
          reported.trouble += 1;
          if (step.event === 'handler.failed') reported.failed += 1;
          if (step.event === 'invariant.broken') reported.broken += 1;
          if (step.event === 'release.overdue') reported.overdue += 1;
        }
      }
      observation.close({ event: 'proxy.stopped' });
      observation.close({ event: 'proxy.stopped' });
      const count = (name: string): number => heard.filter(({ event }) => event === name).length;
      const refusals = heard.map((event) => (event.event === 'connection.refused' ? event.count : 0));
      const own = heard.filter((event) => event.event === 'handler.failed' && event.message.includes('Error: first'));
      expect(refusals.reduce((sum, more) => sum + more, 0)).toBe(reported.refused);
      expect(count('connection.closed')).toBe(reported.closed);
      expect(count('connection.opened')).toBe(reported.opened);
      expect(count('proxy.stopped')).toBe(1);
      // Each event that is no handler.failed itself makes the throwing listener one trouble of its own.
      const others = heard.length - count('handler.failed');
      expect(own).toHaveLength(listenersThrow ? others : 0);
      expect(count('handler.failed')).toBe(reported.failed + own.length);
      const listenerFailures = listenersThrow ? heard.length : 0;
      const counters = observation.counters();
      expect(counters).toMatchObject({
        accepted: reported.opened,
        closed: reported.closed,
        refused: reported.refused,
        invariantViolations: reported.broken,
        releasesOverdue: reported.overdue,
        handlerFailures: reported.failed + listenerFailures + (loggerThrows ? logged : 0),
      });
      expect(counters.live).toBe(reported.opened - reported.closed);
      expect(clock.armedCount).toBe(0);
    }),
    { seed: seed(), numRuns: runs(60) },
  );
});

test('a logger that rejects later is counted and contained', async () => {
  const rejected: unknown = Promise.reject(new Error('later'));
  const logger: Logger = { log: () => rejected };
  const observation = createObservation({ clock: new StepClock(), logger });
  observation.announce({ event: 'proxy.stopped' });
  await Promise.resolve();
  await Promise.resolve();
  expect(observation.counters().handlerFailures).toBe(1);
});

test('a subscriber that fails whenever it hears an event, at once or late, is told of once for each event that is no failure', async () => {
  const later = fc.constantFrom<'throws' | 'rejects' | 'rejects late' | 'puts off'>(
    'throws',
    'rejects',
    'rejects late',
    'puts off',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(later, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 3 }),
      async (ways, count) => {
        const { observation, lines } = observed();
        let calls = 0;
        // Gives up at last, so that a circle is a failure and no hang.
        const boom = (): void => {
          calls += 1;
          if (calls <= 1000) fail('boom');
        };
        for (const way of ways) {
          const events$ =
            way === 'puts off' ? observation.bus.events$.pipe(observeOn(asapScheduler)) : observation.bus.events$;
          events$.subscribe((): unknown => {
            if (way === 'throws' || way === 'puts off') return boom();
            return (way === 'rejects' ? Promise.resolve() : Promise.resolve().then(() => undefined)).then(boom);
          });
        }
        for (let number = 0; number < count; number += 1) observation.announce(numbered(number));
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        const known = ways.filter((way) => way !== 'puts off').length;
        // Each hears every event, and every failure whose event is known.
        const heard = count + count * known;
        expect(calls).toBe(ways.length * heard);
        expect(observation.counters().handlerFailures).toBe(ways.length * heard);
        expect(lines.filter(({ fields }) => fields['event'] === 'handler.failed')).toHaveLength(ways.length * heard);
      },
    ),
    { seed: seed(), numRuns: runs(30) },
  );
});

test('what an async subscriber rejects with is contained, also in its end', async () => {
  const { observation } = observed();
  observation.bus.events$.subscribe({ complete: (): unknown => Promise.reject(new Error('late')) });
  observation.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(observation.counters().handlerFailures).toBe(1);
});

test('the cap is told whatever the logger does, and warned of only where it falls short of a number that was asked for', () => {
  const told = (maxConnections: number, configured: number, logLevel: 'debug' | 'info' = 'debug'): Line[] => {
    const { observation, lines } = observed({ logLevel, maxConnectionsDefault });
    const places = { places: 5, configuredPlaces: 5 };
    observation.announce({ event: 'limits.derived', maxConnections, configured, ...places, openFiles: 1024 });
    return lines;
  };
  expect(told(500, 500)).toEqual([
    {
      level: 'debug',
      fields: {
        event: 'limits.derived',
        maxConnections: 500,
        configured: 500,
        places: 5,
        configuredPlaces: 5,
        openFiles: 1024,
      },
      message: 'maxConnections is 500',
    },
  ]);
  expect(told(500, 500, 'info')).toEqual([]);
  expect(told(400, maxConnectionsDefault).map(({ level }) => level)).toEqual(['info']);
  expect(told(400, maxConnectionsDefault - 1).map(({ level }) => level)).toEqual(['warn']);
});

test('the ready line names every bound address', () => {
  const { observation, lines } = observed();
  const addresses = [
    { host: '::', port: 8080 },
    { host: '127.0.0.1', port: 9000 },
    { host: '/run/web.sock', port: 0 },
  ];
  observation.announce({ event: 'proxy.ready', addresses, legs: 'native' });
  expect(lines).toEqual([
    {
      level: 'info',
      fields: { event: 'proxy.ready', addresses, legs: 'native' },
      message: 'ready on [::]:8080, 127.0.0.1:9000, /run/web.sock',
    },
  ]);
});

test('what is still folded is told before the last word', () => {
  const { observation, lines } = observed();
  const refusal = { listener: '[::]:80', client: '127.0.0.1:5000', reason: 'refused.capacity' } as const;
  for (let count = 0; count < 50; count += 1) observation.reports.refused(refusal);
  observation.close({ event: 'proxy.stopped' });
  expect(lines.slice(-2).map(({ fields }) => fields)).toEqual([
    { event: 'connection.refused', count: 40, ...refusal },
    { event: 'proxy.stopped' },
  ]);
});

test('L35: a flood of refused connections is ten lines and a count for each second, and still an event and a record each', () => {
  const refusals = closeReasons.filter((reason) => reason === 'route.blocked' || reason.startsWith('refused.'));
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...refusals), { minLength: 11, maxLength: 200, size: 'max' }), (reasons) => {
      const { observation, lines, clock } = observed();
      const events: ProxyEvent[] = [];
      observation.bus.events$.subscribe((event) => events.push(event));
      for (const [index, reason] of reasons.entries()) observation.reports.closed(closedSample(`c${index}`, reason));
      observation.reports.closed(closedSample('other', 'completed'));
      expect(lines.map(({ fields }) => fields['connectionId'])).toEqual([
        ...reasons.slice(0, 10).map((_reason, index) => `c${index}`),
        'other',
      ]);
      clock.advance(1000);
      const folded = lines.slice(11).map(({ fields }) => fields);
      expect(folded.every(({ event }) => event === 'connection.refused')).toBe(true);
      const counts = Object.fromEntries(folded.map(({ reason, count }) => [String(reason), count]));
      const expected: Record<string, number> = {};
      for (const reason of reasons.slice(10)) expected[reason] = (expected[reason] ?? 0) + 1;
      expect(counts).toEqual(expected);
      expect(events.map(({ event }) => event)).toEqual(Array(reasons.length + 1).fill('connection.closed'));
      expect(observation.counters()).toMatchObject({ closed: reasons.length + 1, refused: 0 });
      expect(observation.explainClosed(`c${reasons.length - 1}`)).not.toBeNull();
      observation.close();
      expect(clock.armedCount).toBe(0);
    }),
    { seed: seed(), numRuns: runs(40) },
  );
});

test('rule 12: a closed connection is explained by its record, its timeline and its sentence until it is forgotten', () => {
  const { observation } = observed({ keep: 2 });
  const records = closeReasons.map((reason, index) => closedSample(`c${index}`, reason));
  for (const record of records) observation.reports.closed(record);
  for (const record of records.slice(0, -2)) expect(observation.explainClosed(record.connectionId)).toBeNull();
  for (const record of records.slice(-2)) {
    expect(observation.explainClosed(record.connectionId)).toEqual({
      connectionId: record.connectionId,
      exchangeId: null,
      isLive: false,
      sentence: explainClose(record),
      timeline: record.timeline,
      record,
      connection: null,
      exchangeRecord: null,
      exchange: null,
    });
    expect(explainRecord(record)).toEqual(observation.explainClosed(record.connectionId));
  }
});

test('rule 12: a live connection says where it is, since when, with whom, what moved and the way it came', () => {
  const snapshot = liveSample();
  expect(explainLive(snapshot)).toEqual({
    connectionId: 'c1',
    exchangeId: null,
    isLive: true,
    sentence:
      'in ESTABLISHED.TUNNEL.ACTIVE for 12.3 s on route web, 127.0.0.1:5000 → 10.0.0.7:80, 24 bytes in, 1.2 kB out; ' +
      'came through ACCEPTED 0.1 ms.',
    timeline: snapshot.timeline,
    record: null,
    connection: snapshot,
    exchangeRecord: null,
    exchange: null,
  });
});

test('rule 12: a live connection of any kind has a sentence that names its state, its client and every state it left', () => {
  const stay = fc.record({
    state: fc.constantFrom('ACCEPTED', 'SNIFFING', 'DIALING'),
    ms: fc.double({ min: 0, max: 1e9, noNaN: true }),
    event: fc.constantFrom('admission.granted', 'deadline.dial'),
  });
  const snapshot = fc.record({
    route: fc.constantFrom(null, 'web'),
    upstream: fc.constantFrom(null, { host: '::1', port: 80 }, { host: '', port: 0 }),
    client: fc.constantFrom({ host: '::1', port: 5000 }, { host: '/run/a.sock', port: 0 }),
    stateMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    bytesIn: fc.maxSafeNat(),
    bytesOut: fc.constantFrom(0, 1, 999, 1000, 999_949, 999_950, 999_999_999),
    timeline: fc.array(stay, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(snapshot, (changes) => {
      const { sentence } = explainLive(liveSample(changes));
      expect(sentence).toMatch(/^in ESTABLISHED\.TUNNEL\.ACTIVE for [\d.]+ (ms|s|min|h) /);
      expect(sentence).toContain(changes.client.port === 0 ? '/run/a.sock → ' : '[::1]:5000 → ');
      expect(sentence).toContain(changes.route === null ? 'without a route yet' : 'on route web');
      expect(sentence.includes('no upstream yet')).toBe(changes.upstream === null);
      expect(sentence).toMatch(/, [\d.]+ (bytes?|[kMGTP]B) in, [\d.]+ (bytes?|[kMGTP]B) out[.;]/);
      expect(sentence).not.toContain('1000 ');
      expect(sentence.match(/(ACCEPTED|SNIFFING|DIALING) [\d.]+ /g) ?? []).toHaveLength(changes.timeline.length);
    }),
    { seed: seed(), numRuns: runs(200) },
  );
});
