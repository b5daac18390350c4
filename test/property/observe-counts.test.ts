/**
 * Ring 0 of the numbers: folded refusals, counters and remembered records lose nothing and stay bounded.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '../../src/io/clock.ts';
import type { ClosedRecord, Refusal } from '../../src/io/reports.ts';
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import { ClosedRecords } from '../../src/observe/closed-records.ts';
import { Counters } from '../../src/observe/counters.ts';
import { RefusalFold } from '../../src/observe/refusal-fold.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { runs, seed } from '../support/fuzz.ts';
import { anyReason, anyRefusal, closedSample } from './observe-samples.ts';

/** What was told of the refusals, with the time. */
interface Told {
  readonly refusal: Refusal;
  readonly count: number;
  readonly atMs: number;
}

/** @param lateMs how much later than asked for a timer fires */
function foldedOn(clock: StepClock, lateMs = 0): { readonly fold: RefusalFold; readonly told: Told[] } {
  const told: Told[] = [];
  const late: Clock = {
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    arm: (delayMs, target, slot) => clock.arm(delayMs + lateMs, target, slot),
    cancel: (timer) => clock.cancel(timer),
    get armedCount() {
      return clock.armedCount;
    },
  };
  const fold = new RefusalFold(late, (refusal, count) => told.push({ refusal, count, atMs: clock.nowMs() }));
  return { fold, told };
}

function keyOf({ listener, reason }: Refusal): string {
  return `${listener} ${reason}`;
}

function sums(told: readonly { readonly refusal: Refusal; readonly count: number }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { refusal, count } of told) counts.set(keyOf(refusal), (counts.get(keyOf(refusal)) ?? 0) + count);
  return counts;
}

type FoldStep = { readonly burst: readonly Refusal[] } | { readonly advanceMs: number } | 'close';

const foldSteps: fc.Arbitrary<readonly FoldStep[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ burst: fc.array(anyRefusal, { maxLength: 40, size: 'max' }) }) },
    { weight: 5, arbitrary: fc.record({ advanceMs: fc.constantFrom(1, 150, 400, 999, 1000, 1001, 2500) }) },
    { weight: 1, arbitrary: fc.constant('close' as const) },
  ),
  { maxLength: 30, size: 'max' },
);

test('folded refusals keep their exact counts for each listener and reason, whatever the pace', () => {
  fc.assert(
    fc.property(foldSteps, fc.constantFrom(0, 300), (steps, lateMs) => {
      const clock = new StepClock();
      const { fold, told } = foldedOn(clock, lateMs);
      const added: { refusal: Refusal; count: number }[] = [];
      for (const step of steps) {
        if (step === 'close') {
          fold.close();
          expect(sums(told)).toEqual(sums(added));
          expect(clock.armedCount).toBe(0);
        } else if ('advanceMs' in step) {
          clock.advance(step.advanceMs);
          if (step.advanceMs >= 1000 + lateMs) expect(sums(told)).toEqual(sums(added));
        } else {
          for (const refusal of step.burst) {
            fold.add(refusal);
            added.push({ refusal, count: 1 });
          }
        }
        expect(clock.armedCount).toBeLessThanOrEqual(1);
      }
      clock.advance(1000 + lateMs);
      expect(sums(told)).toEqual(sums(added));
      expect(clock.armedCount).toBe(0);
    }),
    { seed: seed(), numRuns: runs(200) },
  );
});

test('a flood of refusals is at most ten and one for each listener and reason in a second', () => {
  fc.assert(
    fc.property(fc.array(anyRefusal, { minLength: 11, maxLength: 300, size: 'max' }), (flood) => {
      const clock = new StepClock();
      const { fold, told } = foldedOn(clock);
      for (const refusal of flood) fold.add(refusal);
      expect(told.map(({ refusal }) => refusal)).toEqual(flood.slice(0, 10));
      clock.advance(999);
      expect(told).toHaveLength(10);
      clock.advance(1);
      const folded = told.slice(10);
      expect(new Set(folded.map(({ refusal }) => keyOf(refusal))).size).toBe(folded.length);
      expect(folded.every(({ atMs }) => atMs === 1000)).toBe(true);
      for (const { refusal } of folded) {
        expect(refusal).toBe(flood.findLast((other) => keyOf(other) === keyOf(refusal)));
      }
      expect(sums(told)).toEqual(sums(flood.map((refusal) => ({ refusal, count: 1 }))));
    }),
    { seed: seed(), numRuns: runs(100) },
  );
});

test('ten refusals in a second arm nothing', () => {
  fc.assert(
    fc.property(fc.array(anyRefusal, { maxLength: 10 }), fc.array(anyRefusal, { maxLength: 10 }), (first, second) => {
      const clock = new StepClock();
      const { fold, told } = foldedOn(clock);
      for (const refusal of first) fold.add(refusal);
      expect(clock.armedCount).toBe(0);
      clock.advance(1000);
      for (const refusal of second) fold.add(refusal);
      expect(clock.armedCount).toBe(0);
      expect(told.map(({ refusal }) => refusal)).toEqual([...first, ...second]);
      expect(told.every(({ count }) => count === 1)).toBe(true);
    }),
    { seed: seed(), numRuns: runs(100) },
  );
});

type CounterStep = { readonly closes: CloseReason } | { readonly refuses: CloseReason } | 'opens' | 'trouble';

test('the counters add up: accepted is closed and live, and every sum by reason is its total', () => {
  const step: fc.Arbitrary<CounterStep> = fc.oneof(
    fc.constantFrom('opens', 'trouble'),
    fc.record({ closes: anyReason }),
    fc.record({ refuses: anyReason }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const counters = new Counters();
      const closed: string[] = [];
      const refused: string[] = [];
      let live = 0;
      let accepted = 0;
      let troubles = 0;
      for (const what of steps) {
        if (what === 'opens') {
          counters.connectionOpened();
          live += 1;
          accepted += 1;
        } else if (what === 'trouble') {
          counters.handlerFailed();
          counters.invariantBroken();
          counters.releaseOverdue();
          troubles += 1;
        } else if ('refuses' in what) {
          counters.connectionRefused(what.refuses);
          refused.push(what.refuses);
        } else if (live > 0) {
          counters.connectionClosed(what.closes);
          closed.push(what.closes);
          live -= 1;
        }
        const read = counters.read();
        expect(read).toEqual({
          accepted,
          live,
          closed: closed.length,
          refused: refused.length,
          closedByReason: tally(closed),
          refusedByReason: tally(refused),
          invariantViolations: troubles,
          handlerFailures: troubles,
          releasesOverdue: troubles,
          exchanges: { opened: 0, live: 0, closed: 0, closedByReason: {}, closedByStatus: {} },
        });
        expect(read.accepted).toBe(read.closed + read.live);
      }
    }),
    { seed: seed(), numRuns: runs(100) },
  );
});

test('the counters of exchanges add up, whatever becomes of them: opened is closed and live, by reason and by status', () => {
  const anyEnd = fc.record({ reason: anyReason, status: fc.constantFrom(null, 200, 204, 404, 502, 599) });
  fc.assert(
    fc.property(fc.array(fc.option(anyEnd), { maxLength: 80, size: 'max' }), (steps) => {
      const counters = new Counters();
      const ends: { readonly reason: CloseReason; readonly status: number | null }[] = [];
      let opened = 0;
      for (const end of steps) {
        if (end === null) {
          counters.exchangeOpened();
          opened += 1;
        } else if (opened > ends.length) {
          counters.exchangeClosed(end.reason, end.status);
          ends.push(end);
        }
        expect(counters.read().exchanges).toEqual({
          opened,
          live: opened - ends.length,
          closed: ends.length,
          closedByReason: tally(ends.map(({ reason }) => reason)),
          closedByStatus: tally(ends.map(({ status }) => (status === null ? 'none' : String(status)))),
        });
        expect(counters.read()).toMatchObject({ accepted: 0, closed: 0 });
      }
    }),
    { seed: seed(), numRuns: runs(100) },
  );
});

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

test('the last closed records are found by id, the older ones are forgotten, and no more than those are kept', () => {
  fc.assert(
    fc.property(fc.nat(6), fc.array(fc.nat(30), { maxLength: 60, size: 'max' }), (keep, ids) => {
      const records = new ClosedRecords<ClosedRecord>(keep);
      let model: number[] = [];
      for (const id of ids) {
        const record = closedSample(`c${id}`);
        records.put(record.connectionId, record);
        if (!model.includes(id)) model = keep === 0 ? [] : [...model, id].slice(-keep);
        expect(records.get(`c${id}`)).toBe(keep === 0 ? null : record);
        expect(records.size).toBe(model.length);
      }
      for (let id = 0; id <= 30; id += 1) {
        expect(records.get(`c${id}`)?.connectionId ?? null).toBe(model.includes(id) ? `c${id}` : null);
      }
    }),
    { seed: seed(), numRuns: runs(200) },
  );
});

test('unless told otherwise the last thousand closed records are kept', () => {
  const records = new ClosedRecords<ClosedRecord>();
  for (let id = 0; id < 2500; id += 1) records.put(`c${id}`, closedSample(`c${id}`));
  expect(records.size).toBe(1000);
  expect(records.get('c1499')).toBeNull();
  expect(records.get('c1500')?.connectionId).toBe('c1500');
});
