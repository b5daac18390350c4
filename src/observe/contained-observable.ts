/**
 * An Observable whose subscribers cannot hurt the process: what one of them throws is handed to `onFailure`.
 *
 * Decides: where an embedder's exception goes. RxJS itself throws it again from a timer, which ends the process. A
 * subscriber may be `async`: its rejection comes late, and goes to who was responsible when it was called.
 * Holds for whatever is piped from it, too. Must never do: end the subscription of a subscriber that threw, or touch
 * RxJS's global configuration, which belongs to the embedder.
 */
import { Observable, type Observer, type Subscriber, type Subscription, type TeardownLogic } from 'rxjs';
import { containPromise } from './contain-promise.ts';

type PartialObserver<Value> = Partial<Observer<Value>> | ((value: Value) => void) | null;

/**
 * @param subscribe as for `new Observable`
 * @param onFailure told of every exception of a subscriber, and of every error nobody listens to; must not throw
 * @param ofNow asked each time before a subscriber is called: what to tell of a failure of this call, whenever it comes;
 * `onFailure` unless given
 */
export function containedObservable<Value>(
  subscribe: (subscriber: Subscriber<Value>) => TeardownLogic,
  onFailure: OnFailure,
  ofNow: () => OnFailure = () => onFailure,
): Observable<Value> {
  return new ContainedObservable(subscribe, ofNow);
}

type OnFailure = (error: unknown) => void;

class ContainedObservable<Value> extends Observable<Value> {
  readonly #ofNow: () => OnFailure;

  constructor(subscribe: (subscriber: Subscriber<Value>) => TeardownLogic, ofNow: () => OnFailure) {
    super(subscribe);
    this.#ofNow = ofNow;
  }

  override subscribe(
    observerOrNext?: PartialObserver<Value>,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    if (isSubscriber(observerOrNext)) return super.subscribe(observerOrNext);
    const observer =
      typeof observerOrNext === 'object' && observerOrNext !== null
        ? observerOrNext
        : { next: observerOrNext ?? nothing, error: error ?? undefined, complete: complete ?? undefined };
    return super.subscribe(contain(observer, this.#ofNow));
  }

  /** What every operator is applied through. */
  override lift<Result>(operator?: {
    call(subscriber: Subscriber<Result>, source: unknown): TeardownLogic;
  }): Observable<Result> {
    return new ContainedObservable<Result>((subscriber) => operator?.call(subscriber, this), this.#ofNow);
  }
}

/** True exactly when an operator subscribes; its own end is the consumer's, who is contained already. */
function isSubscriber<Value>(observer: PartialObserver<Value> | undefined): observer is Subscriber<Value> {
  return typeof observer === 'object' && observer !== null && 'unsubscribe' in observer;
}

/** The members are looked up at each call, with their `this`, as RxJS does. */
function contain<Value>(
  observer: { [Member in keyof Observer<Value>]?: Observer<Value>[Member] | undefined },
  ofNow: () => OnFailure,
): Observer<Value> {
  const guarded = (call: () => unknown): void => {
    const onFailure = ofNow();
    try {
      containPromise(call(), onFailure);
    } catch (error) {
      onFailure(error);
    }
  };
  return {
    next: (value) => guarded(() => observer.next?.(value)),
    error: (failure) => {
      if (observer.error === undefined) ofNow()(failure);
      else guarded(() => observer.error?.(failure));
    },
    complete: () => guarded(() => observer.complete?.()),
  };
}

function nothing(): void {}
