/**
 * The one subscriber of one stream of a leg. A Subscriber itself, so that RxJS wraps nothing around it: two objects and
 * half a microsecond less for each of the four streams of a connection.
 *
 * RxJS calls its `Subscriber` constructor internal from version 8 on; this file is the one place that leans on it, and
 * an Observer object would do in its stead (docs/adr/0011-subscribers-of-our-own.md).
 */
import { Subscriber, type TeardownLogic } from 'rxjs';

export abstract class Sink<Value> extends Subscriber<Value> {
  /** How its one stream is left. RxJS would keep a list of such, which is larger than the sink. */
  #leave: (() => void) | null = null;

  /** Its own, so that what RxJS deprecates is called here and nowhere else. */
  constructor() {
    super();
  }

  override add(teardown: TeardownLogic): void {
    if (this.closed || this.#leave !== null || typeof teardown !== 'function') super.add(teardown);
    else this.#leave = teardown;
  }

  override unsubscribe(): void {
    super.unsubscribe();
    const leave = this.#leave;
    this.#leave = null;
    leave?.();
  }

  protected abstract override _next(value: Value): void;
  /** A leg tells its failures as facts; an error of its streams can only be a bug of ours. */
  protected abstract override _error(error: unknown): void;
}
