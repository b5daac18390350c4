/**
 * Whose fault the end of a dial is: a breaker hears of the endpoint's alone.
 */
import { expect, test } from 'vitest';
import { outcomeOf, outcomeOfCut } from '../../src/io/dial-outcome.ts';
import type { DialFailure } from '../../src/io/dialer.ts';
import { fromSource, noFamily, sourceProblem } from '../../src/io/dialing/source-address.ts';
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import { defaultTimeouts } from '../../src/machines/connection/delays.ts';

const refused: DialFailure = { reason: 'upstream.refused', code: 'ECONNREFUSED', cause: '', retryable: true };

test('a failure is the endpoint’s unless it blames somebody else, or this machine lacks what every dial needs', () => {
  expect(outcomeOf(refused)).toBe('failed');
  expect(outcomeOf({ ...refused, blame: 'endpoint' })).toBe('failed');
  for (const blame of ['client', 'here', 'way'] as const) expect(outcomeOf({ ...refused, blame })).toBe('abandoned');
  for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EADDRINUSE'])
    expect(outcomeOf({ ...refused, code })).toBe('abandoned');
  expect(outcomeOf({ ...refused, reason: 'handler.failed' })).toBe('abandoned');
});

test('P05: what comes of the client’s own address is never the endpoint’s fault', () => {
  const problems = [
    sourceProblem({ host: '192.0.2.1', port: 1, sourceAddress: 'somewhere' }),
    sourceProblem({ host: 'unix:/run/it.sock', port: 0, sourceAddress: '192.0.2.7' }),
    noFamily('v4.test', '2001:db8::7'),
  ];
  for (const problem of problems) expect(problem === null ? null : outcomeOf(problem)).toBe('abandoned');
  const codes = ['ENETUNREACH', 'EINVAL', 'EACCES', 'EPERM', 'EADDRNOTAVAIL', 'ECONNREFUSED', 'EHOSTUNREACH'];
  const outcomes = codes.map((code) => outcomeOf(fromSource('192.0.2.7', { ...refused, code })));
  expect(outcomes).toEqual([...codes.slice(0, 5).map(() => 'abandoned'), 'failed', 'failed']);
});

test('B05: the budget of all attempts blames an endpoint that had as long as one attempt may last, and no other', () => {
  const cut = (reason: CloseReason, dial: number | null, lastedMs: number, leaf = 'CLOSED') =>
    outcomeOfCut({ leaf, context: { reason, timeouts: { ...defaultTimeouts, dial, dialBudget: 1000 } } }, lastedMs);
  expect(cut('timeout.dialBudget', null, 1000)).toBe('failed');
  expect(cut('timeout.dialBudget', 1000, 1000)).toBe('failed');
  expect(cut('timeout.dialBudget', 400, 400)).toBe('failed');
  expect(cut('timeout.dialBudget', 5000, 1000)).toBe('failed');
  for (const dial of [null, 1000, 5000]) expect(cut('timeout.dialBudget', dial, 999)).toBe('abandoned');
  expect(cut('timeout.dialBudget', 400, 399)).toBe('abandoned');
  expect(cut('timeout.dial', 1000, 1)).toBe('failed');
  expect(cut('downstream.reset', 1000, 1, 'DIALING.BACKING_OFF')).toBe('failed');
  expect(cut('downstream.reset', 1000, 5000)).toBe('abandoned');
});
