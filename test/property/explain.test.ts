/**
 * Ring 0 of the words: a closed connection is told in one sentence that carries its facts.
 *
 * The sentences below are the contract with the reader of a log, so some of them are spelled out whole.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { durationText, explainClose, type CloseExplanation } from '../../src/machines/chart/explain.ts';
import { closeReasons, deadlineOf, describeReason } from '../../src/machines/connection/close-reason.ts';
import { runs, seed } from '../support/fuzz.ts';

const base: CloseExplanation = {
  connectionId: 'c1',
  route: 'api',
  listener: '[::]:80',
  client: '127.0.0.1:5000',
  upstream: '10.0.0.7:80',
  protocol: null,
  reason: 'completed',
  by: 'downstream',
  state: 'HALF_CLOSED',
  deadline: null,
  limitMs: null,
  configPath: null,
  code: null,
  cause: null,
  path: [],
  durationMs: 12.25,
  bytesIn: 24,
  bytesOut: 0,
};

test('L35: a dial that never answers names the upstream, the deadline, its limit and its line', () => {
  const sentence = explainClose({
    ...base,
    reason: 'timeout.dial',
    by: 'upstream',
    state: 'DIALING',
    deadline: 'dial',
    limitMs: 5_000,
    configPath: 'sallyport.yaml:12:9',
    path: [
      ['ACCEPTED', 0.2],
      ['SNIFFING', 1.5],
      ['DIALING', 5_001],
    ],
    durationMs: 5_003,
  });
  expect(sentence).toBe(
    'closed after 5.00 s in DIALING on route api because the upstream 10.0.0.7:80 never answered: the dial deadline of 5 s ' +
      '(sallyport.yaml:12:9 timeouts.dial) passed; the client had sent 24 bytes and been sent none.',
  );
});

test('L35: a refused dial names the code of the operating system', () => {
  const sentence = explainClose({
    ...base,
    reason: 'upstream.refused',
    by: 'upstream',
    state: 'DIALING',
    code: 'ECONNREFUSED',
    bytesIn: 0,
  });
  expect(sentence).toBe(
    'closed after 12.3 ms in DIALING on route api because the upstream 10.0.0.7:80 refused the connection (ECONNREFUSED); no byte had moved.',
  );
});

test('L12: a client that left before it said anything is told as such, without a route', () => {
  const sentence = explainClose({
    ...base,
    route: null,
    upstream: null,
    reason: 'downstream.left',
    state: 'SNIFFING',
    bytesIn: 0,
  });
  expect(sentence).toBe(
    'closed after 12.3 ms in SNIFFING because the client 127.0.0.1:5000 left before it sent anything; no byte had moved.',
  );
});

test('L35: a completed connection tells who ended first', () => {
  expect(explainClose({ ...base, by: 'upstream' })).toContain('everything was delivered, the upstream first;');
  expect(explainClose({ ...base, by: 'downstream' })).toContain('everything was delivered, the client first;');
});

test('T08: an idle end names the idle deadline and where its value came from', () => {
  const sentence = explainClose({
    ...base,
    reason: 'timeout.idle',
    by: 'proxy',
    state: 'ESTABLISHED',
    deadline: 'idle',
    limitMs: 300_000,
    configPath: 'default',
    durationMs: 400_000,
    path: [['ESTABLISHED', 399_000]],
  });
  expect(sentence).toContain('after 6.65 min in ESTABLISHED');
  expect(sentence).toContain('no byte moved either way: the idle deadline of 5 min (default timeouts.idle) passed');
});

test('L40: a connection that served HTTP tells which deadline ended the wait for another request', () => {
  const sentence = explainClose({
    ...base,
    upstream: null,
    reason: 'timeout.keepAlive',
    state: 'ESTABLISHED',
    deadline: 'keepAlive',
    limitMs: 15_000,
    configPath: 'sallyport.yaml:7:5',
    durationMs: 15_812,
    path: [
      ['SNIFFING', 12],
      ['ESTABLISHED', 15_600],
      ['HALF_CLOSED', 200],
    ],
  });
  expect(sentence).toBe(
    'closed after 15.60 s in ESTABLISHED on route api because the client 127.0.0.1:5000 sent no further request: the ' +
      'keepAlive deadline of 15 s (sallyport.yaml:7:5 timeouts.keepAlive) passed; the client had sent 24 bytes and been sent none.',
  );
});

test('K04: a handler that finished, and one that failed, are told apart from an upstream', () => {
  const handled = { ...base, upstream: null, by: 'proxy', state: 'ESTABLISHED' } as const;
  expect(explainClose({ ...handled, reason: 'handler.completed', state: 'HALF_CLOSED' })).toContain(
    'in HALF_CLOSED on route api because the handler finished;',
  );
  expect(explainClose({ ...handled, reason: 'handler.failed', cause: 'no such room' })).toContain(
    'because a callback of the embedding program failed (no such room);',
  );
});

test('L22: what was not taken in the end is told without saying that anybody had ended', () => {
  const flush = {
    reason: 'timeout.flush',
    by: 'proxy',
    deadline: 'flush',
    limitMs: 10_000,
    configPath: 'default',
  } as const;
  expect(explainClose({ ...base, ...flush })).toContain(
    'because nothing more was to come and what was left to write was not taken: the flush deadline of 10 s',
  );
});

test('L35: every reason gives one sentence that carries its state, its cause and its bytes', () => {
  const record = fc.record({
    reason: fc.constantFrom(...closeReasons),
    state: fc.constantFrom('ACCEPTED', 'SNIFFING', 'DIALING', 'ESTABLISHED', 'HALF_CLOSED'),
    limitMs: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    upstream: fc.option(fc.constant('10.0.0.7:80')),
    code: fc.option(fc.constantFrom('ECONNRESET', 'EPIPE')),
    bytesIn: fc.nat(),
    bytesOut: fc.nat(),
  });
  fc.assert(
    fc.property(record, (drawn) => {
      const deadline = deadlineOf(drawn.reason);
      const sentence = explainClose({ ...base, ...drawn, deadline });
      expect(sentence).toMatch(/^closed after \S+ (ms|s|min|h) in [A-Z_]+ .*because .+; .+\.$/);
      expect(sentence).not.toMatch(/undefined|null|NaN|\s{2}|\(\)/);
      expect(sentence).toContain(` in ${drawn.state} `);
      if (deadline !== null) expect(sentence).toContain(`the ${deadline} deadline of ${durationText(drawn.limitMs)}`);
      else expect(sentence).toContain(describeReason(drawn.reason).says.split(' ').at(-1));
      if (deadline === null && drawn.code !== null) expect(sentence).toContain(drawn.code);
      if (drawn.bytesIn > 1) expect(sentence).toContain(`sent ${drawn.bytesIn} bytes`);
    }),
    { seed: seed(), numRuns: runs(500) },
  );
});

test('L35: durations read like the configuration writes them', () => {
  const written = [0.2, 250, 1_000, 1_500, 5_000, 60_000, 300_000, 3_600_000].map(durationText);
  expect(written).toEqual(['0.2 ms', '250 ms', '1 s', '1.5 s', '5 s', '1 min', '5 min', '1 h']);
});
