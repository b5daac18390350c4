/**
 * A network in memory: listeners, upstreams and dials, with every outcome a dial can have.
 *
 * Decides: which dial succeeds when, as its plan says. `dial` is a `Dialer` and `createListener` makes a `Listener`, so
 * both take the place of the real ones; the legs they make enter the ledger they are given. The world's own ends are kept
 * in a ledger of their own, `outside`.
 * Read first: `memory-leg.ts`.
 */
import { Observable, type Subscriber } from 'rxjs';
import { ProxyError } from '../errors.ts';
import type { Timer, TimerTarget } from '../io/clock.ts';
import type { Dialer, DialFailure, DialWatch, Endpoint } from '../io/dialer.ts';
import { createLedger, type Ledger } from '../io/ledger.ts';
import type { Address, Leg } from '../io/leg.ts';
import type { LegPorts } from '../io/leg-base.ts';
import type { Listener, ListenerOptions } from '../io/listener.ts';
import { codeSentence, dialReasonOf, isRetryable } from '../io/os-codes.ts';
import { MemoryLeg, type LegFaults, type WireOptions } from './memory-leg.ts';
import type { StepClock } from './step-clock.ts';

/** What becomes of one dial. Milliseconds count from when the name is resolved. */
export type DialPlan = {
  /** The name takes so long to resolve; 0 = resolved at once, within the subscription. Default 0. */
  readonly resolveMs?: number;
  /** How the proxy's own leg misbehaves. */
  readonly faults?: Partial<LegFaults>;
} & (
  | { readonly type: 'succeeds'; readonly afterMs: number }
  /** Connects, and is reset so much later. */
  | { readonly type: 'resets'; readonly afterMs: number; readonly resetMs: number }
  /** Connects although nobody waits for it any more: the leg is released when it appears. */
  | { readonly type: 'succeedsAfterAbort'; readonly afterMs: number }
  | { readonly type: 'fails'; readonly afterMs: number; readonly code: string }
  | { readonly type: 'hangs' }
);

export interface MemoryNetworkOptions extends WireOptions {
  readonly clock: StepClock;
  /** For the legs of `dial`. */
  readonly ports: LegPorts;
  /** Asked once per dial. Default: succeeds at once where somebody serves, is refused where nobody does. */
  readonly plan?: (endpoint: Endpoint) => DialPlan;
}

/** An upstream or a client of the simulated world. */
export type Serve = (leg: MemoryLeg) => void;

export class MemoryNetwork {
  readonly dial: Dialer;
  /** The ends of connections that are not the proxy's. */
  readonly outside: Ledger;
  readonly #options: MemoryNetworkOptions;
  readonly #outsidePorts: LegPorts;
  readonly #upstreams = new Map<string, Serve>();
  readonly #listeners = new Map<number, MemoryListener>();
  #nextPort = 49_152;

  constructor(options: MemoryNetworkOptions) {
    const { clock } = options;
    this.#options = options;
    this.outside = createLedger(clock.network, { trouble: () => undefined });
    this.#outsidePorts = { clock: clock.network, ledger: this.outside, report: () => undefined };
    this.dial = (endpoint, watch) =>
      new Observable((subscriber) => {
        const dial = new MemoryDial(endpoint, watch, subscriber, this);
        dial.start();
        return () => dial.abort();
      });
  }

  get clock(): StepClock {
    return this.#options.clock;
  }

  /** Connections to this endpoint are answered from now on. Returns how to stop. */
  serve(endpoint: Endpoint, serve: Serve): () => void {
    const key = keyOf(endpoint);
    this.#upstreams.set(key, serve);
    return () => void this.#upstreams.delete(key);
  }

  createListener(options: ListenerOptions): Listener {
    return new MemoryListener(options, this);
  }

  /** A client of the world connects. Its leg fails with ECONNREFUSED where nobody listens. */
  connect(
    port: number,
    client: {
      readonly host?: string;
      readonly faults?: Partial<LegFaults>;
      readonly proxyFaults?: Partial<LegFaults>;
    } = {},
  ): MemoryLeg {
    const local: Address = { host: client.host ?? '192.0.2.10', port: this.takePort() };
    const remote: Address = { host: '192.0.2.1', port };
    const outer = this.#outsideLeg(local, remote, client.faults ?? {});
    const listener = this.#listeners.get(port);
    if (listener === undefined) outer.failReading('ECONNREFUSED');
    else listener.accept(outer, client.proxyFaults ?? {});
    return outer;
  }

  /** @internal What will become of a dial. */
  planFor(endpoint: Endpoint): DialPlan {
    const plan = this.#options.plan?.(endpoint);
    if (plan !== undefined) return plan;
    const isServed = this.#upstreams.has(keyOf(endpoint));
    return isServed ? { type: 'succeeds', afterMs: 0 } : { type: 'fails', afterMs: 0, code: 'ECONNREFUSED' };
  }

  /** @internal The proxy's end of a dial, connecting. */
  dialLeg(endpoint: Endpoint, plan: DialPlan): MemoryLeg {
    return new MemoryLeg({
      side: 'upstream',
      ports: this.#options.ports,
      network: this.clock.network,
      local: { host: '192.0.2.1', port: this.takePort() },
      remote: endpoint,
      faults: plan.faults ?? {},
    });
  }

  /** @internal Joins a dialled leg with an upstream of the world and returns the world's end. */
  reach(endpoint: Endpoint, inner: MemoryLeg): MemoryLeg {
    const outer = this.#outsideLeg(inner.remote, inner.local, {});
    inner.join(outer, this.#options);
    this.#upstreams.get(keyOf(endpoint))?.(outer);
    return outer;
  }

  /** @internal */
  joinAccepted(inner: MemoryLeg, outer: MemoryLeg): void {
    inner.join(outer, this.#options);
  }

  /** @internal */
  takePort(): number {
    this.#nextPort += 1;
    return this.#nextPort;
  }

  /** @internal False when the port is taken. */
  bind(port: number, listener: MemoryListener): boolean {
    if (this.#listeners.has(port)) return false;
    this.#listeners.set(port, listener);
    return true;
  }

  /** @internal */
  unbind(port: number, listener: MemoryListener): void {
    if (this.#listeners.get(port) === listener) this.#listeners.delete(port);
  }

  #outsideLeg(local: Address, remote: Address, faults: Partial<LegFaults>): MemoryLeg {
    return new MemoryLeg({
      side: 'downstream',
      ports: this.#outsidePorts,
      network: this.clock.network,
      local,
      remote,
      faults,
    });
  }
}

const resolveSlot = 0;
const connectSlot = 1;
const resetSlot = 2;

class MemoryDial implements TimerTarget {
  readonly #endpoint: Endpoint;
  readonly #watch: DialWatch;
  readonly #subscriber: Subscriber<Leg>;
  readonly #network: MemoryNetwork;
  readonly #plan: DialPlan;
  #leg: MemoryLeg | null = null;
  #outer: MemoryLeg | null = null;
  #timer: Timer | null = null;
  #isOver = false;

  constructor(endpoint: Endpoint, watch: DialWatch, subscriber: Subscriber<Leg>, network: MemoryNetwork) {
    this.#endpoint = endpoint;
    this.#watch = watch;
    this.#subscriber = subscriber;
    this.#network = network;
    this.#plan = network.planFor(endpoint);
  }

  start(): void {
    const resolveMs = this.#plan.resolveMs ?? 0;
    if (resolveMs === 0) this.#resolved();
    else this.#arm(resolveMs, resolveSlot);
  }

  /** Harmless after success. A leg that is to appear late appears all the same. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#plan.type === 'succeedsAfterAbort' && this.#leg !== null) return;
    if (this.#timer !== null) this.#network.clock.network.cancel(this.#timer);
    this.#leg?.release();
  }

  onTimer(slot: number): void {
    this.#timer = null;
    if (slot === resolveSlot) this.#resolved();
    else if (slot === connectSlot) this.#settled();
    else this.#outer?.reset();
  }

  #resolved(): void {
    this.#leg = this.#network.dialLeg(this.#endpoint, this.#plan);
    if (this.#plan.type !== 'hangs') this.#arm(this.#plan.afterMs, connectSlot);
    this.#watch.resolved();
  }

  #settled(): void {
    const leg = this.#leg;
    if (leg === null) return;
    if (this.#plan.type === 'fails') {
      leg.release();
      this.#isOver = true;
      this.#subscriber.error(failureOf(this.#plan.code));
      return;
    }
    this.#outer = this.#network.reach(this.#endpoint, leg);
    if (this.#isOver) {
      leg.release();
      return;
    }
    this.#isOver = true;
    if (this.#plan.type === 'resets') this.#arm(this.#plan.resetMs, resetSlot);
    this.#subscriber.next(leg);
    this.#subscriber.complete();
  }

  #arm(delayMs: number, slot: number): void {
    this.#timer = this.#network.clock.network.arm(delayMs, this, slot);
  }
}

class MemoryListener implements Listener {
  readonly accepted$: Observable<Leg>;
  readonly #options: ListenerOptions;
  readonly #network: MemoryNetwork;
  #subscriber: Subscriber<Leg> | null = null;
  #address: Address | null = null;

  constructor(options: ListenerOptions, network: MemoryNetwork) {
    this.#options = options;
    this.#network = network;
    this.accepted$ = new Observable((subscriber) => {
      this.#subscriber = subscriber;
    });
  }

  open(): Promise<Address> {
    const { host } = this.#options;
    const port = this.#options.port === 0 ? this.#network.takePort() : this.#options.port;
    if (!this.#network.bind(port, this)) {
      const says = codeSentence('EADDRINUSE') ?? '';
      return Promise.reject(new ProxyError('SALLYPORT_LISTEN_FAILED', `cannot listen on ${host}:${port}: ${says}`));
    }
    this.#address = { host, port };
    return Promise.resolve(this.#address);
  }

  close(): Promise<void> {
    if (this.#address !== null) this.#network.unbind(this.#address.port, this);
    this.#address = null;
    this.#subscriber?.complete();
    return Promise.resolve();
  }

  /** A client of the world arrives; the proxy hears of it one step later, if it still listens. */
  accept(outer: MemoryLeg, faults: Partial<LegFaults>): void {
    const { clock, ledger, report } = this.#options;
    const ports: LegPorts = { clock, ledger, report };
    const network = this.#network.clock.network;
    const onTimer = (): void => {
      if (this.#address === null) return outer.failReading('ECONNRESET');
      const inner = new MemoryLeg({
        side: 'downstream',
        ports,
        network,
        local: outer.remote,
        remote: outer.local,
        faults,
      });
      this.#network.joinAccepted(inner, outer);
      if (this.#subscriber === null) return inner.reset();
      return this.#subscriber.next(inner);
    };
    network.arm(0, { onTimer }, 0);
  }
}

function failureOf(code: string): DialFailure {
  return { reason: dialReasonOf(code), code, cause: codeSentence(code) ?? code, retryable: isRetryable(code) };
}

function keyOf({ host, port }: Endpoint): string {
  return `${host} ${port}`;
}
