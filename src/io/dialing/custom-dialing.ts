/**
 * A dialer of the embedding program's, and what it answers made into what a dialer here emits.
 *
 * Decides: what is believed. It may answer an Observable of a leg, a Duplex, or a promise of either. What
 * throws, or is none of these, is a failed handler, and is reported, also when it is told that nobody wants it any more; what
 * rejects is a failed dial, as its code says. A stream that agrees on TLS is no connection before the handshake is done.
 * Must never do: keep what comes after the dial was aborted (it is let go at once), or wait; how long a dial may take is
 * the chart's. Read first: `../dialer.ts`.
 */
import type { Duplex } from 'node:stream';
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import type { CustomDial } from '../../routing/pool-plan.ts';
import { dialFailureOf, type DialFailure, type Dialer, type DialWatch, type Endpoint } from '../dialer.ts';
import { DuplexLeg, namesOf } from '../duplex-leg.ts';
import { isLeg, type Leg } from '../leg.ts';
import type { LegPorts } from '../leg-base.ts';
import { fromSource } from './source-address.ts';
import { causeOf, closedSilently, codeOf } from '../os-codes.ts';

export function customDialer(dial: CustomDial, ports: LegPorts): Dialer {
  return (endpoint, watch) =>
    new Observable((subscriber) => {
      const dialing = new CustomDialing(subscriber, ports);
      dialing.start(dial, endpoint, watch);
      return () => dialing.abort();
    });
}

class CustomDialing implements DialWatch {
  readonly #subscriber: Subscriber<Leg>;
  readonly #ports: LegPorts;
  #dialing: Subscription | null = null;
  /** A socket that was brought before it was connected. */
  #connecting: Duplex | null = null;
  #watch: DialWatch | null = null;
  #sourceAddress: string | undefined;
  /** True exactly when a leg was handed over, the failure told, or the dial aborted. */
  #isOver = false;

  constructor(subscriber: Subscriber<Leg>, ports: LegPorts) {
    this.#subscriber = subscriber;
    this.#ports = ports;
  }

  start(dial: CustomDial, endpoint: Endpoint, watch: DialWatch): void {
    this.#watch = watch;
    this.#sourceAddress = endpoint.sourceAddress;
    try {
      const answer: unknown = Reflect.apply(dial, undefined, [endpoint, watchOf(this)]);
      this.#answered(answer);
    } catch (error) {
      this.#blame(error);
    }
  }

  /** Also the end of a dial that succeeded. Nothing of what is let go may throw at whoever ends the dial. */
  abort(): void {
    this.#isOver = true;
    this.#watch = null;
    const [dialing, connecting] = [this.#dialing, this.#connecting];
    this.#dialing = null;
    this.#connecting = null;
    if (dialing !== null) this.#contained(() => dialing.unsubscribe());
    if (connecting !== null) this.#contained(() => connecting.destroy());
  }

  /** Whoever says so after the end, or twice, is not heard. */
  resolved(): void {
    this.#watch?.resolved();
  }

  securing(): void {
    this.#watch?.securing();
  }

  #answered(answer: unknown): void {
    if (isThenable(answer)) this.#await(answer);
    else if (isSubscribable(answer)) this.#listen(answer);
    else this.#dialled(answer);
  }

  #await(answer: PromiseLike<unknown>): void {
    const arrived = (value: unknown): void => {
      try {
        if (isSubscribable(value) && !this.#isOver) this.#listen(value);
        else this.#dialled(value);
      } catch (error) {
        this.#blame(error);
      }
    };
    Promise.resolve(answer).then(arrived, (error: unknown) => this.#fail(this.#failureOf(error)));
  }

  #listen(answer: Observable<unknown>): void {
    const dialing = answer.subscribe({
      next: (value) => this.#dialled(value),
      error: (error: unknown) => this.#fail(this.#failureOf(error)),
      complete: () => {
        if (this.#connecting === null) this.#blame(new TypeError('the dialer ended without a leg'));
      },
    });
    this.#dialing = dialing;
    if (this.#isOver) this.abort();
  }

  /** Too late, or once more: it is let go. */
  #dialled(value: unknown): void {
    if (isLeg(value)) {
      if (this.#isOver) this.#contained(() => value.reset());
      else this.#handOver(value);
    } else if (isDuplex(value)) {
      if (this.#isOver) this.#contained(() => letGo(value));
      else if (isConnecting(value)) this.#awaitConnection(value);
      else this.#handOver(new DuplexLeg(value, 'upstream', this.#ports, namesOf(value)));
    } else {
      this.#blame(new TypeError('the dialer answered with something that is neither a leg nor a Duplex'));
    }
  }

  /** One more while one is awaited is let go, as one that comes too late. */
  #awaitConnection(socket: Duplex): void {
    if (this.#connecting !== null) return this.#contained(() => letGo(socket));
    this.#connecting = socket;
    // For good: an error that nobody listens for must never end the process.
    socket.on('error', (error: unknown) => this.#brokeOff(socket, this.#failureOf(error)));
    socket.once('close', () => this.#brokeOff(socket, closed));
    const ready = (): void => {
      // `secure` comes of a certificate that is not believed as well; then the socket has been destroyed by now.
      if (this.#connecting !== socket || socket.destroyed) return;
      this.#connecting = null;
      this.#handOver(new DuplexLeg(socket, 'upstream', this.#ports, namesOf(socket)));
    };
    if (isShakingHands(socket)) socket.once('secure', ready);
    else socket.once('connect', ready);
    return undefined;
  }

  #brokeOff(socket: Duplex, failure: DialFailure): void {
    if (this.#connecting !== socket) return;
    this.#connecting = null;
    this.#fail(failure);
  }

  #handOver(leg: Leg): void {
    this.#isOver = true;
    this.#subscriber.next(leg);
    this.#subscriber.complete();
  }

  #blame(error: unknown): void {
    if (this.#isOver) return;
    this.#report(error);
    this.#fail({
      reason: 'handler.failed',
      code: codeOf(error),
      cause: causeOf(error),
      retryable: false,
      blame: 'here',
    });
  }

  /** What is the embedder's may throw when it is let go: it is told, and that is all. */
  #contained(letGoOfIt: () => void): void {
    try {
      letGoOfIt();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    const message = `a dialer failed: ${causeOf(error)}`;
    this.#ports.report({ event: 'handler.failed', connectionId: null, message });
  }

  #failureOf(error: unknown): DialFailure {
    const failure = dialFailureOf(error);
    return this.#sourceAddress === undefined ? failure : fromSource(this.#sourceAddress, failure);
  }

  #fail(failure: DialFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch = null;
    this.#subscriber.error(failure);
  }
}

/** Functions that may be handed on alone, each heard once. */
function watchOf(dialing: CustomDialing): DialWatch {
  let isResolved = false;
  let isSecuring = false;
  return {
    resolved() {
      if (!isResolved) dialing.resolved();
      isResolved = true;
    },
    securing() {
      if (!isSecuring) dialing.securing();
      isSecuring = true;
    },
  };
}

/** An error that nobody listens for must never end the process. */
function letGo(duplex: Duplex): void {
  duplex.on('error', () => undefined);
  duplex.destroy();
}

const closed: DialFailure = {
  reason: 'upstream.reset',
  code: closedSilently,
  cause: 'the socket of the dialer was closed before it was connected',
  retryable: true,
};

/** True exactly for a socket that says so of itself. */
function isConnecting(duplex: Duplex): boolean {
  return !duplex.destroyed && (Reflect.get(duplex, 'connecting') === true || isShakingHands(duplex));
}

/** A TLSSocket that was made without `tls.connect` says for ever that it is securing; what the peer finished with tells. */
function isShakingHands(duplex: Duplex): boolean {
  if (Reflect.get(duplex, 'secureConnecting') !== true) return false;
  const finished: unknown = Reflect.get(duplex, 'getPeerFinished');
  return typeof finished !== 'function' || Reflect.apply(finished, duplex, []) === undefined;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Of any copy of RxJS: the method is what matters. A leg has its own Observables, and is none. */
function isSubscribable(value: unknown): value is Observable<unknown> {
  return typeof value === 'object' && value !== null && 'subscribe' in value && typeof value.subscribe === 'function';
}

const duplexMethods = ['on', 'read', 'write', 'end', 'destroy', 'unshift', 'pause'];

function isDuplex(value: unknown): value is Duplex {
  if (typeof value !== 'object' || value === null) return false;
  return duplexMethods.every((name) => typeof Reflect.get(value, name) === 'function');
}
