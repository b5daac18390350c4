/**
 * Who hears of what happens: any number of listeners, each on its own.
 *
 * Decides: the order (every listener hears every event in the order of publishing, even of those published by a
 * listener) and what becomes of a listener that throws (it is told of, and stays).
 * Must never do: let a listener's exception out, or cost more than one check when nobody listens.
 */
import type { Observable } from 'rxjs';
import type { EventIterator, ProxyEvent, ProxyEventName, ProxyEventOf } from '../proxy-api.ts';
import { containPromise } from './contain-promise.ts';
import { containedObservable } from './contained-observable.ts';
import { BufferedEvents, eventIterator, type EventIteratorOptions } from './event-iterator.ts';

/** A listener threw. `during` is the event it was told of when it was called; null = none, or one that it put off. */
export interface ListenerFailure {
  readonly error: unknown;
  readonly during: ProxyEventName | null;
}

export interface EventBus {
  publish(event: ProxyEvent): void;
  /** Hot: a subscriber hears what is published from now on. Completes with the bus. */
  readonly events$: Observable<ProxyEvent>;
  /** @returns takes the listener off again; after it returned, the listener hears nothing more */
  on<Name extends ProxyEventName>(name: Name, listener: (event: ProxyEventOf<Name>) => void): () => void;
  /** @throws ProxyError SALLYPORT_CONFIG_INVALID when `bufferMax` is not a whole number from 1 */
  iterate(options?: EventIteratorOptions): EventIterator;
  /** The end: subscribers complete, iterators end, later events are not heard. Idempotent. */
  complete(): void;
  /** True exactly when somebody would hear an event of this name. Ask before building an expensive one. */
  hasListeners(name: ProxyEventName): boolean;
}

/** @param onListenerFailure must not throw; may publish */
export function createEventBus(onListenerFailure: (failure: ListenerFailure) => void): EventBus {
  return new Bus(onListenerFailure);
}

interface Listener {
  /** Null: hears everything. */
  readonly name: ProxyEventName | null;
  hear(event: ProxyEvent): void;
  end(): void;
  isOn: boolean;
}

class Bus implements EventBus {
  readonly events$: Observable<ProxyEvent>;
  readonly #onListenerFailure: (failure: ListenerFailure) => void;
  /** Replaced, never changed: a round of telling goes on with the ones it began with. */
  #listeners: readonly Listener[] = [];
  readonly #untold: ProxyEvent[] = [];
  #telling: ProxyEventName | null = null;
  #hasCompleted = false;

  constructor(onListenerFailure: (failure: ListenerFailure) => void) {
    this.#onListenerFailure = onListenerFailure;
    this.events$ = containedObservable(
      (subscriber) => {
        if (this.#hasCompleted) {
          subscriber.complete();
          return undefined;
        }
        return this.#add(
          null,
          (event) => subscriber.next(event),
          () => subscriber.complete(),
        );
      },
      (error) => this.#failed(error, null),
      () => {
        const during = this.#telling;
        return (error) => this.#failed(error, during);
      },
    );
  }

  publish(event: ProxyEvent): void {
    if (this.#listeners.length === 0 || this.#hasCompleted) return;
    this.#untold.push(event);
    if (this.#telling === null) this.#tellAll();
  }

  on<Name extends ProxyEventName>(name: Name, listener: (event: ProxyEventOf<Name>) => void): () => void {
    if (this.#hasCompleted) return nothing;
    const hear = (event: ProxyEvent): void => {
      if (isNamed(event, name)) containPromise(listener(event), (error) => this.#failed(error, name));
    };
    return this.#add(name, hear, nothing);
  }

  iterate(options: EventIteratorOptions = {}): EventIterator {
    let remove = nothing;
    const events = new BufferedEvents(options, () => remove());
    if (this.#hasCompleted) events.end();
    if (!events.hasEnded) {
      remove = this.#add(
        null,
        (event) => events.offer(event),
        () => events.end(),
      );
    }
    return eventIterator(events);
  }

  complete(): void {
    if (this.#hasCompleted) return;
    this.#hasCompleted = true;
    if (this.#telling === null) this.#endAll();
  }

  hasListeners(name: ProxyEventName): boolean {
    return (
      this.#listeners.length > 0 && this.#listeners.some((listener) => listener.name === null || listener.name === name)
    );
  }

  #add(name: ProxyEventName | null, hear: (event: ProxyEvent) => void, end: () => void): () => void {
    const listener: Listener = { name, hear, end, isOn: true };
    this.#listeners = [...this.#listeners, listener];
    return () => {
      if (!listener.isOn) return;
      listener.isOn = false;
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  #tellAll(): void {
    for (let event = this.#untold.shift(); event !== undefined; event = this.#untold.shift()) {
      this.#telling = event.event;
      for (const listener of this.#listeners) this.#tell(listener, event);
    }
    this.#telling = null;
    if (this.#hasCompleted) this.#endAll();
  }

  #tell(listener: Listener, event: ProxyEvent): void {
    if (!listener.isOn || (listener.name !== null && listener.name !== event.event)) return;
    try {
      listener.hear(event);
    } catch (error) {
      this.#failed(error, event.event);
    }
  }

  #endAll(): void {
    const ending = this.#listeners;
    this.#listeners = [];
    for (const listener of ending) listener.end();
  }

  #failed(error: unknown, during: ProxyEventName | null): void {
    this.#onListenerFailure({ error, during });
  }
}

function isNamed<Name extends ProxyEventName>(event: ProxyEvent, name: Name): event is ProxyEventOf<Name> {
  return event.event === name;
}

function nothing(): void {}
