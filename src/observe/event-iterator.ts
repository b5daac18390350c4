/**
 * One consumer's stream of events, for `for await`: bounded, the oldest are dropped first and counted.
 *
 * Decides: what a slow consumer loses. Must never do: slow the proxy down, or keep its source after its end.
 * Law: what was offered = what was taken + `dropped` + what waits.
 */
import { ProxyError } from '../errors.ts';
import type { EventIterator, ProxyEvent } from '../proxy-api.ts';
import { BoundedQueue } from './bounded-queue.ts';

export interface EventIteratorOptions {
  /** Aborting ends the stream at once; what waits is let go. */
  readonly signal?: AbortSignal;
  /** Events that may wait, 1 to 1,048,576; 1,024 unless given. */
  readonly bufferMax?: number;
}

const bufferMaxDefault = 1024;
const bufferMaxLargest = 1_048_576;

/** The end that the bus holds. */
export class BufferedEvents {
  readonly #waiting: BoundedQueue<ProxyEvent>;
  readonly #takers: ((result: IteratorResult<ProxyEvent, undefined>) => void)[] = [];
  readonly #onEnd: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => {
    this.#waiting.clear();
    this.end();
  };
  #hasEnded = false;
  dropped = 0;

  /**
   * @param onEnd called once, whoever ended it
   * @throws ProxyError SALLYPORT_CONFIG_INVALID when `bufferMax` is no such number
   */
  constructor({ signal, bufferMax = bufferMaxDefault }: EventIteratorOptions, onEnd: () => void) {
    if (!Number.isInteger(bufferMax) || bufferMax < 1 || bufferMax > bufferMaxLargest) {
      throw new ProxyError(
        'SALLYPORT_CONFIG_INVALID',
        `bufferMax must be a whole number from 1 to ${bufferMaxLargest}, got ${bufferMax}`,
      );
    }
    this.#waiting = new BoundedQueue(bufferMax);
    this.#onEnd = onEnd;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted === true) this.#abort();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  offer(event: ProxyEvent): void {
    if (this.#hasEnded) return;
    const taker = this.#takers.shift();
    if (taker !== undefined) taker({ done: false, value: event });
    else if (this.#waiting.push(event)) this.dropped += 1;
  }

  take(): Promise<IteratorResult<ProxyEvent, undefined>> {
    const event = this.#waiting.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#hasEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** Nothing more comes; what waits may still be taken. Idempotent. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    for (const taker of this.#takers.splice(0)) taker({ done: true, value: undefined });
    this.#onEnd();
  }

  /** The consumer leaves. */
  leave(): Promise<IteratorResult<ProxyEvent, undefined>> {
    this.#abort();
    return Promise.resolve({ done: true, value: undefined });
  }
}

/** The end that the consumer holds. */
export function eventIterator(events: BufferedEvents): EventIterator {
  return {
    get dropped() {
      return events.dropped;
    },
    next: () => events.take(),
    return: () => events.leave(),
    throw: () => events.leave(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
