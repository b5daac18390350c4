/**
 * The dialer: an endpoint becomes a leg, or a failure with a reason. A cold Observable; unsubscribing aborts everything.
 *
 * Decides: which address is tried when (happy eyeballs, RFC 8305): the families take turns, an attempt every 250 ms or as
 * soon as the one before has failed, at most three sockets at a time. `localhost` always means both loopback addresses.
 * Must never do: hold a deadline. How long a dial may take is the chart's; it unsubscribes.
 */
import { Observable, type Subscriber } from 'rxjs';
import { closeReasons, type CloseReason } from '../machines/connection/close-reason.ts';
import { addressText } from './address-text.ts';
import type { Clock, Timer, TimerTarget } from './clock.ts';
import { fromSource, noFamily, reachableFrom, sourceProblem } from './dialing/source-address.ts';
import type { Ledger } from './ledger.ts';
import type { Leg } from './leg.ts';
import { causeOf, codeOf, dialReasonOf, isKnownCode, isRetryable } from './os-codes.ts';
import type { Reports } from './reports.ts';
import type { Resolver } from './resolver.ts';
import { ipFamily, openSocket, type Opening, type SocketLeg } from './socket.ts';
import type { DialOrder, DialWatch } from '../routing/pool-plan.ts';
import { isUnixHost } from './unix-path.ts';

export type { DialWatch } from '../routing/pool-plan.ts';

/** What one attempt is told. */
export type Endpoint = DialOrder;

/** `handler.failed`: a dialer of the embedding program's is at fault. */
export type DialFailureReason = Extract<CloseReason, `upstream.${string}` | 'handler.failed'>;

/** Why a dial failed: the error value of its Observable. */
export interface DialFailure {
  readonly reason: DialFailureReason;
  readonly code: string;
  readonly cause: string;
  /** True exactly when another endpoint may be tried. */
  readonly retryable: boolean;
  /** Absent: the endpoint's, unless the code is of a shortage of this machine. */
  readonly blame?: DialBlame;
}

/**
 * Whose fault it is that a dial failed; a breaker counts the endpoint's alone. `client`: with another client it would have
 * been another matter; `here`: this machine or program lacks something; `way`: what lies between, a proxy for example.
 */
export type DialBlame = 'endpoint' | 'client' | 'here' | 'way';

/** Emits one connected leg and completes, or errors with a `DialFailure`. Unsubscribing before that aborts it. */
export type Dialer = (endpoint: Endpoint, watch: DialWatch) => Observable<Leg>;

export interface DialerPorts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly resolver: Resolver;
  readonly report: Reports['trouble'];
}

/** RFC 8305 §5: the recommended delay between two attempts. */
const attemptDelayMs = 250;
/** Sockets one dial may have open at a time. */
const attemptsAtOnceMax = 3;

/** What a dialer's Observable failed with: a `DialFailure`, or whatever a dialer of the embedder's threw. */
export function dialFailureOf(error: unknown): DialFailure {
  if (isDialFailure(error)) return error;
  const code = codeOf(error);
  if (isKnownCode(code)) return failureOf(code, causeOf(error));
  return { reason: 'upstream.unreachable', code, cause: causeOf(error), retryable: false };
}

/** A failure of ours, whole and with a reason of the closed set. */
function isDialFailure(error: unknown): error is DialFailure {
  if (typeof error !== 'object' || error === null) return false;
  if (!('reason' in error && 'retryable' in error && 'code' in error && 'cause' in error)) return false;
  return failureReasons.some((reason) => reason === error.reason);
}

const failureReasons: readonly CloseReason[] = closeReasons.filter(
  (reason) => reason.startsWith('upstream.') || reason === 'handler.failed',
);

export function createDialer(ports: DialerPorts): Dialer {
  return (endpoint, watch) =>
    new Observable((subscriber) => {
      const dial = new Dial(endpoint, watch, subscriber, ports);
      dial.start();
      return () => dial.abort();
    });
}

class Dial implements Opening, TimerTarget {
  readonly #endpoint: Endpoint;
  readonly #watch: DialWatch;
  readonly #subscriber: Subscriber<Leg>;
  readonly #ports: DialerPorts;
  readonly #pending = new Set<SocketLeg>();
  #addresses: readonly string[] = [];
  #next = 0;
  #timer: Timer | null = null;
  #failure: DialFailure | null = null;
  /** True exactly when a leg was handed over, the failure told, or the dial aborted. */
  #isOver = false;

  constructor(endpoint: Endpoint, watch: DialWatch, subscriber: Subscriber<Leg>, ports: DialerPorts) {
    this.#endpoint = endpoint;
    this.#watch = watch;
    this.#subscriber = subscriber;
    this.#ports = ports;
  }

  start(): void {
    const problem = sourceProblem(this.#endpoint);
    if (problem !== null) return this.#fail(problem);
    const known = knownAddresses(this.#endpoint.host);
    if (known !== null) return this.#resolved(known);
    this.#resolve();
  }

  /** Also the end of a dial that succeeded: whoever else was connecting is let go. */
  abort(): void {
    this.#isOver = true;
    this.#stopWaiting();
    for (const leg of this.#pending) leg.release();
    this.#pending.clear();
  }

  onTimer(): void {
    this.#timer = null;
    this.#attempt();
  }

  opened(leg: SocketLeg): void {
    this.#pending.delete(leg);
    this.abort();
    this.#subscriber.next(leg);
    this.#subscriber.complete();
  }

  failed(leg: SocketLeg, code: string, cause: string): void {
    this.#pending.delete(leg);
    if (!isKnownCode(code)) {
      const message = `dial ${addressText(this.#endpoint)}: ${code} (${cause})`;
      this.#ports.report({ event: 'code.unmapped', connectionId: null, message });
    }
    const { sourceAddress } = this.#endpoint;
    const failure = failureOf(code, cause);
    // The first address is the preferred one, so its failure is the one worth telling.
    const first = this.#failure ?? (sourceAddress === undefined ? failure : fromSource(sourceAddress, failure));
    this.#failure = first;
    this.#stopWaiting();
    this.#attempt();
    if (this.#pending.size === 0) this.#fail(first);
  }

  #resolve(): void {
    const { host } = this.#endpoint;
    const answered = (addresses: readonly string[]): void => {
      if (!this.#isOver) this.#resolved(addresses);
    };
    const failed = (error: unknown): void => {
      if (!this.#isOver) this.#fail(failureOf(codeOf(error), `cannot resolve ${host}: ${causeOf(error)}`));
    };
    // A resolver of the embedder's may throw instead of rejecting.
    Promise.resolve(host).then(this.#ports.resolver).then(answered).catch(failed);
  }

  #resolved(addresses: readonly string[]): void {
    const { host, sourceAddress } = this.#endpoint;
    // A name among the answers would be looked up by Node, without anybody knowing.
    const dialable = addresses.filter((address) => ipFamily(address) !== 0 || address === host);
    if (dialable.length === 0) return this.#fail(failureOf('ENODATA', `${host} has no address`));
    this.#addresses = interleaved(reachableFrom(sourceAddress, dialable));
    if (this.#addresses.length === 0) return this.#fail(noFamily(host, sourceAddress ?? ''));
    this.#watch.resolved();
    if (!this.#isOver) this.#attempt();
  }

  /** Begins the next attempt, if there is an address left and room for it. */
  #attempt(): void {
    const address = this.#addresses[this.#next];
    if (address === undefined || this.#pending.size >= attemptsAtOnceMax) return;
    this.#next += 1;
    const { port, sourceAddress = null } = this.#endpoint;
    this.#pending.add(openSocket(address, port, this.#ports, this, sourceAddress));
    if (this.#next < this.#addresses.length) this.#timer = this.#ports.clock.arm(attemptDelayMs, this, 0);
  }

  #fail(failure: DialFailure): void {
    this.abort();
    this.#subscriber.error(failure);
  }

  #stopWaiting(): void {
    if (this.#timer !== null) this.#ports.clock.cancel(this.#timer);
    this.#timer = null;
  }
}

/** Addresses that need no resolver, the path of a UNIX socket among them, or null. RFC 6761 §6.3: localhost names never leave the machine. */
function knownAddresses(host: string): readonly string[] | null {
  if (ipFamily(host) !== 0 || isUnixHost(host)) return [host];
  const name = host.toLowerCase().replace(/\.$/, '');
  return name === 'localhost' || name.endsWith('.localhost') ? ['127.0.0.1', '::1'] : null;
}

/** RFC 8305 §4: the families take turns, beginning with the first answer's. */
function interleaved(addresses: readonly string[]): readonly string[] {
  const [first] = addresses;
  if (first === undefined || addresses.length === 1) return addresses;
  const same = addresses.filter((address) => ipFamily(address) === ipFamily(first));
  const other = addresses.filter((address) => ipFamily(address) !== ipFamily(first));
  const turns = Array.from({ length: Math.max(same.length, other.length) }, (_, turn) => [same[turn], other[turn]]);
  return turns.flat().filter((address) => address !== undefined);
}

function failureOf(code: string, cause: string): DialFailure {
  return { reason: dialReasonOf(code), code, cause, retryable: isRetryable(code) };
}
