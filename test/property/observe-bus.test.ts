/**
 * Ring 0 of the events: whoever listens hears everything in order, hurts nobody, and loses nothing without a count.
 */
import fc from 'fast-check';
import { filter, map, take } from 'rxjs';
import { expect, test } from 'vitest';
import { ProxyError } from '../../src/errors.ts';
import { BoundedQueue } from '../../src/observe/bounded-queue.ts';
import { createEventBus, type EventBus, type ListenerFailure } from '../../src/observe/event-bus.ts';
import { runs, seed } from '../support/fuzz.ts';
import { closedSample, numbered, numberOf } from './observe-samples.ts';

function recordedBus(): { readonly bus: EventBus; readonly failures: ListenerFailure[] } {
  const failures: ListenerFailure[] = [];
  return { bus: createEventBus((failure) => failures.push(failure)), failures };
}

test('a bounded queue is an array that forgets its oldest, and says so', () => {
  const step = fc.oneof({ weight: 3, arbitrary: fc.nat() }, { weight: 2, arbitrary: fc.constant('shift' as const) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { size: 'max', maxLength: 60 }), (sizeMax, steps) => {
      const queue = new BoundedQueue<number>(sizeMax);
      let model: number[] = [];
      for (const item of steps) {
        if (item === 'shift') {
          expect(queue.shift()).toBe(model.shift());
        } else {
          model.push(item);
          expect(queue.push(item)).toBe(model.length > sizeMax);
          model = model.slice(-sizeMax);
        }
        expect(queue.size).toBe(model.length);
      }
    }),
    { seed: seed(), numRuns: runs(300) },
  );
});

/** What is done to a bus with one iterator. */
type IteratorStep = { readonly publish: number } | { readonly take: number };

test('an iterator loses nothing without counting: taken, dropped and waiting are what was published, in order', async () => {
  const step: fc.Arbitrary<IteratorStep> = fc.oneof(
    fc.record({ publish: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 8 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.array(step, { maxLength: 30 }), async (bufferMax, steps) => {
      const { bus, failures } = recordedBus();
      const iterator = bus.iterate({ bufferMax });
      const seen: number[] = [];
      const takeOne = async (): Promise<void> => {
        const result = await iterator.next();
        if (result.done !== true) seen.push(numberOf(result.value));
      };
      const takes: Promise<void>[] = [];
      let published = 0;
      for (const what of steps) {
        if ('publish' in what) for (let count = 0; count < what.publish; count += 1) bus.publish(numbered(published++));
        else for (let count = 0; count < what.take; count += 1) takes.push(takeOne());
      }
      bus.complete();
      await Promise.all(takes);
      for await (const event of iterator) seen.push(numberOf(event));
      expect(seen.length + iterator.dropped).toBe(published);
      expect(seen).toEqual([...seen].toSorted((one, other) => one - other));
      expect(new Set(seen).size).toBe(seen.length);
      // The newest are never the ones that go.
      if (published > 0 && seen.length > 0) expect(seen.at(-1)).toBe(published - 1);
      expect(failures).toEqual([]);
    }),
    { seed: seed(), numRuns: runs(200) },
  );
});

test('an iterator that nobody reads holds the newest and no more than its bound', async () => {
  const { bus } = recordedBus();
  const iterator = bus.iterate({ bufferMax: 3 });
  for (let number = 0; number < 10; number += 1) bus.publish(numbered(number));
  bus.complete();
  const seen: number[] = [];
  for await (const event of iterator) seen.push(numberOf(event));
  expect(seen).toEqual([7, 8, 9]);
  expect(iterator.dropped).toBe(7);
});

test('an iterator ends when its signal aborts, when it is left, and when the bus completes, and then costs nothing', async () => {
  const { bus } = recordedBus();
  const controller = new AbortController();
  const aborted = bus.iterate({ signal: controller.signal });
  const left = bus.iterate();
  const waiting = aborted.next();
  bus.publish(numbered(1));
  bus.publish(numbered(2));
  expect(await waiting).toEqual({ done: false, value: numbered(1) });
  const pending = bus.iterate({ signal: controller.signal });
  const never = pending.next();
  controller.abort();
  expect(await never).toEqual({ done: true, value: undefined });
  expect(await aborted.next()).toEqual({ done: true, value: undefined });
  expect(bus.hasListeners('connection.moved')).toBe(true);
  for await (const event of left) {
    expect(numberOf(event)).toBe(1);
    break;
  }
  expect(await left.next()).toEqual({ done: true, value: undefined });
  expect(bus.hasListeners('connection.moved')).toBe(false);
  expect(await bus.iterate({ signal: controller.signal }).next()).toEqual({ done: true, value: undefined });
  expect(bus.hasListeners('connection.moved')).toBe(false);
  bus.complete();
  expect(await bus.iterate().next()).toEqual({ done: true, value: undefined });
});

test('an iterator without a bound is refused', () => {
  const { bus } = recordedBus();
  for (const bufferMax of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => bus.iterate({ bufferMax })).toThrow(ProxyError);
  }
  expect(bus.hasListeners('connection.moved')).toBe(false);
});

test('every listener hears every event in the order of publishing, whoever throws, leaves or publishes meanwhile', () => {
  const listener = fc.record({
    throws: fc.boolean(),
    /** Leaves after so many events. */
    leavesAfter: fc.option(fc.integer({ min: 1, max: 5 }), { nil: null }),
    /** Publishes another event when it hears the first one. */
    publishes: fc.boolean(),
    kind: fc.constantFrom('on', 'observable', 'piped'),
  });
  fc.assert(
    fc.property(fc.array(listener, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 8 }), (plan, count) => {
      const { bus, failures } = recordedBus();
      const heard: number[][] = [];
      let next = 100;
      let thrown = 0;
      for (const { throws, leavesAfter, publishes, kind } of plan) {
        const mine: number[] = [];
        heard.push(mine);
        const hear = (number: number): void => {
          mine.push(number);
          if (publishes && mine.length === 1) bus.publish(numbered(next++));
          if (mine.length === leavesAfter) leave();
          if (!throws) return;
          thrown += 1;
          throw new Error('a listener of the test');
        };
        const subscription =
          kind === 'on'
            ? { unsubscribe: bus.on('connection.moved', (event) => hear(numberOf(event))) }
            : kind === 'observable'
              ? bus.events$.subscribe((event) => hear(numberOf(event)))
              : bus.events$
                  .pipe(
                    map(numberOf),
                    filter((number) => Number.isFinite(number)),
                  )
                  .subscribe({ next: hear });
        const leave = (): void => subscription.unsubscribe();
      }
      for (let number = 0; number < count; number += 1) bus.publish(numbered(number));
      const published = plan.some(({ publishes }) => publishes);
      const longest = heard.reduce((one, other) => (other.length > one.length ? other : one), []);
      for (const [index, numbers] of heard.entries()) {
        const leavesAfter = plan[index]?.leavesAfter ?? Number.POSITIVE_INFINITY;
        expect(numbers).toEqual(longest.slice(0, numbers.length));
        expect(numbers.length).toBe(Math.min(leavesAfter, count + next - 100));
      }
      expect(published).toBe(next > 100);
      expect(failures.length).toBe(thrown);
      expect(failures.every(({ during }) => during === 'connection.moved')).toBe(true);
    }),
    { seed: seed(), numRuns: runs(300) },
  );
});

test('a listener hears nothing after it was taken off, even when another one takes it off during an event', () => {
  const { bus } = recordedBus();
  const heard: string[] = [];
  bus.on('connection.moved', () => offs.second());
  const offs = { second: bus.on('connection.moved', () => heard.push('second')) };
  bus.on('connection.moved', () => heard.push('third'));
  bus.publish(numbered(1));
  expect(heard).toEqual(['third']);
});

test('a chain that was piped from the events leaves nothing behind, whether its consumer or its operator ends it', () => {
  const { bus } = recordedBus();
  const heard: number[] = [];
  const subscription = bus.events$.pipe(map(numberOf)).subscribe((number) => heard.push(number));
  bus.events$.pipe(take(1), map(numberOf)).subscribe((number) => heard.push(number));
  bus.publish(numbered(1));
  subscription.unsubscribe();
  expect(bus.hasListeners('connection.moved')).toBe(false);
  expect(heard).toEqual([1, 1]);
});

test('a listener that subscribes during an event hears from the next one on', () => {
  const { bus } = recordedBus();
  const heard: number[] = [];
  const off = bus.on('connection.moved', () => {
    off();
    bus.events$.subscribe((event) => heard.push(numberOf(event)));
  });
  bus.publish(numbered(1));
  bus.publish(numbered(2));
  expect(heard).toEqual([2]);
});

test('a listener hears its own name only, and only its name counts as listened to', () => {
  const { bus } = recordedBus();
  const heard: string[] = [];
  const off = bus.on('connection.closed', (record) => heard.push(record.connectionId));
  expect(bus.hasListeners('connection.closed')).toBe(true);
  expect(bus.hasListeners('connection.moved')).toBe(false);
  bus.publish(numbered(1));
  bus.publish(closedSample('c7'));
  expect(heard).toEqual(['c7']);
  off();
  off();
  expect(bus.hasListeners('connection.closed')).toBe(false);
});

test('what fails in a piped chain, in an error or completion callback, or later in an async listener is told, not thrown', async () => {
  const { bus, failures } = recordedBus();
  const fail = (what: string): never => {
    throw new Error(what);
  };
  bus.events$.pipe(map(() => fail('operator'))).subscribe();
  bus.events$.pipe(map(() => fail('operator'))).subscribe({ error: () => fail('error callback') });
  bus.events$.subscribe({ complete: () => fail('completion') });
  const rejects = (what: string): unknown => Promise.reject(new Error(what));
  bus.events$.subscribe({ next: () => rejects('async observer') });
  bus.on('connection.moved', () => rejects('async listener'));
  bus.publish(numbered(1));
  bus.complete();
  await Promise.resolve();
  await Promise.resolve();
  const messages = failures.map(({ error }) => (error instanceof Error ? error.message : ''));
  expect(messages.toSorted()).toEqual(['async listener', 'async observer', 'completion', 'error callback', 'operator']);
});

test('after the bus completed subscribers complete at once and nothing is heard', () => {
  const { bus } = recordedBus();
  const heard: string[] = [];
  bus.events$.subscribe({ next: () => heard.push('early'), complete: () => heard.push('early end') });
  bus.on('connection.moved', () => heard.push('early'));
  bus.complete();
  bus.complete();
  bus.publish(numbered(1));
  bus.on('connection.moved', () => heard.push('late'));
  bus.events$.subscribe({ next: () => heard.push('late'), complete: () => heard.push('late end') });
  bus.publish(numbered(2));
  expect(heard).toEqual(['early end', 'late end']);
  expect(bus.hasListeners('connection.moved')).toBe(false);
});

test('an end that a listener asks for comes after the events that were published before it', () => {
  const { bus } = recordedBus();
  const heard: (number | string)[] = [];
  bus.on('connection.moved', (event) => {
    if (numberOf(event) !== 1) return;
    bus.publish(numbered(2));
    bus.complete();
    bus.publish(numbered(3));
  });
  bus.events$.subscribe({ next: (event) => heard.push(numberOf(event)), complete: () => heard.push('end') });
  bus.publish(numbered(1));
  expect(heard).toEqual([1, 2, 'end']);
});
