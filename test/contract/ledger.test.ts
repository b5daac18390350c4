/**
 * The ledger against a model, and the two small tables beside it: what OS codes mean, and how many files there may be.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limitIn, limitInReport, openFileCount, openFileLimit } from '../../src/io/fd-limit.ts';
import { createLedger, releaseMs, type LedgerEntry } from '../../src/io/ledger.ts';
import {
  causeOf,
  closeReasonOf,
  codeOf,
  codeSentence,
  dialReasonOf,
  isKnownCode,
  isRetryable,
} from '../../src/io/os-codes.ts';
import { systemResolver } from '../../src/io/resolver.ts';
import { StepClock } from '../../src/testing/step-clock.ts';

interface ModelEntry {
  readonly entry: LedgerEntry;
  state: 'new' | 'held' | 'leaving' | 'gone' | 'overdue';
  dueMs: number;
}

describe('the ledger', () => {
  test('agrees with a model over every history, and arms nothing unless somebody is leaving', () => {
    const deed = fc.record({
      kind: fc.constantFrom('enter', 'letGo', 'leave', 'advance'),
      who: fc.nat({ max: 5 }),
      ms: fc.nat({ max: releaseMs }),
    });
    fc.assert(
      fc.property(fc.array(deed, { size: 'max', maxLength: 60 }), (deeds) => {
        const clock = new StepClock();
        const troubles: string[] = [];
        const ledger = createLedger(clock, { trouble: ({ message }) => void troubles.push(message) });
        const model = Array.from({ length: 6 }, (_, who): ModelEntry => ({
          entry: { name: `leg ${who}`, side: 'upstream' },
          state: 'new',
          dueMs: 0,
        }));
        const inState = (...states: readonly string[]): readonly ModelEntry[] =>
          model.filter(({ state }) => states.includes(state));
        for (const { kind, who, ms } of deeds) {
          const one = model[who];
          if (one === undefined) continue;
          if (kind === 'enter' && one.state === 'new') {
            one.state = 'held';
            ledger.enter(one.entry);
          } else if (kind === 'letGo') {
            if (one.state === 'held') Object.assign(one, { state: 'leaving', dueMs: clock.nowMs() + releaseMs });
            ledger.letGo(one.entry);
          } else if (kind === 'leave') {
            if (one.state === 'held' || one.state === 'leaving') one.state = 'gone';
            ledger.leave(one.entry);
          } else if (kind === 'advance') {
            clock.advance(ms);
            for (const late of inState('leaving')) if (late.dueMs <= clock.nowMs()) late.state = 'overdue';
          }
          const held = inState('held', 'leaving');
          expect(new Set(ledger.entries())).toEqual(new Set(held.map(({ entry }) => entry)));
          expect(ledger.size).toBe(held.length);
          const entered = model.length - inState('new').length;
          expect(ledger.counts).toEqual({ entered, left: inState('gone').length, overdue: inState('overdue').length });
          expect(troubles).toHaveLength(inState('overdue').length);
          expect(clock.armedCount).toBe(inState('leaving').length > 0 ? 1 : 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('is quiescent when the last transport has left, for everybody who waits, and at once when it is empty', async () => {
    const clock = new StepClock();
    const ledger = createLedger(clock, { trouble: () => undefined });
    await ledger.quiescent();
    const entries: LedgerEntry[] = ['a', 'b'].map((name) => ({ name, side: 'downstream' }));
    for (const entry of entries) ledger.enter(entry);
    let isQuiet = false;
    const waiting = Promise.all([ledger.quiescent(), ledger.quiescent()]).then(() => (isQuiet = true));
    const [first, second] = entries;
    if (first === undefined || second === undefined) return;
    ledger.leave(first);
    await Promise.resolve();
    expect(isQuiet).toBe(false);
    ledger.letGo(second);
    clock.advance(releaseMs);
    await waiting;
    expect(isQuiet).toBe(true);
  });
});

describe('what OS codes mean', () => {
  test.each([
    ['ECONNREFUSED', 'upstream.refused', true],
    ['ECONNRESET', 'upstream.reset', true],
    ['EHOSTUNREACH', 'upstream.unreachable', true],
    ['ENETUNREACH', 'upstream.unreachable', true],
    ['ENOTFOUND', 'upstream.unreachable', true],
    ['EAI_AGAIN', 'upstream.unreachable', true],
    ['ETIMEDOUT', 'upstream.unreachable', true],
    ['EADDRNOTAVAIL', 'upstream.unreachable', true],
    ['EMFILE', 'upstream.unreachable', false],
    ['ENFILE', 'upstream.unreachable', false],
  ])('a dial that fails with %s is %s; another endpoint is worth a try: %s', (code, reason, retryable) => {
    expect([dialReasonOf(code), isRetryable(code), isKnownCode(code)]).toEqual([reason, retryable, true]);
  });

  test('a live leg that fails was reset, by its side, whatever the code', () => {
    for (const code of ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'EODD']) {
      expect([closeReasonOf('downstream', code), closeReasonOf('upstream', code)]).toEqual([
        'downstream.reset',
        'upstream.reset',
      ]);
    }
  });

  test('a code that is not in the table is known for that, and handled', () => {
    expect([isKnownCode('EODD'), codeSentence('EODD'), dialReasonOf('EODD'), isKnownCode('toString')]).toEqual([
      false,
      null,
      'upstream.unreachable',
      false,
    ]);
    const odd = Object.assign(new Error('odd'), { code: 'EODD' });
    expect([codeOf(odd), causeOf(odd), causeOf('odd')]).toEqual(['EODD', 'odd', 'odd']);
    expect(causeOf(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))).toBe(
      codeSentence('ECONNRESET'),
    );
  });
});

describe('file descriptors', () => {
  test('the soft limit is read from /proc or from the report, and null where there is none', () => {
    const limits =
      'Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n';
    expect(limitIn(limits)).toBe(1024);
    expect(limitIn(limits.replace('1024', 'unlimited'))).toBe(null);
    expect(limitInReport({ userLimits: { open_files: { soft: '2560', hard: 'unlimited' } } })).toBe(2560);
    expect(limitInReport({ userLimits: { open_files: { soft: 'unlimited' } } })).toBe(null);
    for (const nothing of [undefined, null, {}, { userLimits: 1 }]) expect(limitInReport(nothing)).toBe(null);
  });

  test('on this machine both are numbers that fit each other, or unknown', async () => {
    const [limit, count] = [await openFileLimit(), await openFileCount()];
    if (limit !== null && count !== null) expect(count).toBeLessThan(limit);
    if (process.platform === 'linux') expect(count).toBeGreaterThan(2);
  });
});

test('the system’s resolver knows this machine', async () => {
  expect(await systemResolver('localhost')).toContain('127.0.0.1');
});
