/**
 * The one subscriber of a stream: it leaves its stream exactly once, whenever it leaves.
 */
import { Observable } from 'rxjs';
import { expect, test } from 'vitest';
import { Sink } from '../../src/io/sink.ts';

class Quiet extends Sink<number> {
  readonly heard: number[] = [];

  protected override _next(value: number): void {
    this.heard.push(value);
  }

  protected override _error(error: unknown): void {
    throw error;
  }
}

test('a stream hears once that its sink has left, and nothing is taken from it afterwards', () => {
  let left = 0;
  const sink = new Quiet();
  const stream = new Observable<number>((subscriber) => {
    subscriber.next(1);
    return () => (left += 1);
  });
  stream.subscribe(sink);
  expect([sink.heard, left]).toEqual([[1], 0]);
  sink.unsubscribe();
  sink.unsubscribe();
  sink.next(2);
  expect([sink.heard, left]).toEqual([[1], 1]);
});

test('a sink that leaves while it is being subscribed leaves at once', () => {
  let left = 0;
  const sink = new Quiet();
  new Observable<number>(() => {
    sink.unsubscribe();
    return () => (left += 1);
  }).subscribe(sink);
  expect(left).toBe(1);
});

test('what else is to be undone with a sink is undone with it', () => {
  const undone: string[] = [];
  const sink = new Quiet();
  for (const name of ['first', 'second']) sink.add(() => undone.push(name));
  sink.unsubscribe();
  expect(undone.toSorted()).toEqual(['first', 'second']);
});
