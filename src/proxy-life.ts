/**
 * The proxy's own life: runs the proxy machine as an actor and carries out its commands.
 *
 * Decides nothing: `machines/proxy/machine.ts` does. Binds all listeners or none, and is over when the ledger is empty.
 */
import { createActor } from 'xstate';
import { ProxyError } from './errors.ts';
import type { Acceptor, ConnectionRegistry } from './io/acceptor.ts';
import type { Clock } from './io/clock.ts';
import type { Connection } from './io/connection.ts';
import { legRung } from './io/direct-handles.ts';
import { addressText } from './io/address-text.ts';
import type { Address, Leg } from './io/leg.ts';
import type { Ledger } from './io/ledger.ts';
import type { Listener } from './io/listener.ts';
import { actorClock } from './machines/chart/actor-clock.ts';
import { deadlines, type TimeoutsPlan } from './machines/connection/delays.ts';
import { proxyMachine, type ProxyCommand, type ProxyFact } from './machines/proxy/machine.ts';
import type { ProxyEvent } from './proxy-api.ts';

/** A listener with the acceptor it feeds. */
export interface Post {
  readonly listener: Listener;
  readonly acceptor: Acceptor;
}

export interface LifePorts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly registry: ConnectionRegistry;
  readonly timeouts: TimeoutsPlan;
  readonly releaseMs: number;
  /** What must be known before the first listener is bound. */
  prepare(): Promise<readonly Post[]>;
  publish(event: ProxyEvent): void;
  /** Every listener is bound. */
  running(): void;
  /** Resolves when nothing beside listeners and connections is left to be let go of. */
  release(): Promise<void>;
  /** What works for connections to come ends: unused upstream connections, orders of certificates. May be called again. */
  drain(): void;
  /** The proxy is over: says so, and no event will follow. */
  finished(): void;
}

export class ProxyLife {
  readonly #ports: LifePorts;
  readonly #actor;
  readonly #started = deferred();
  readonly #drained = deferred();
  readonly #stopped = deferred();
  #posts: readonly Post[] = [];
  #addresses: readonly Address[] = [];
  #bindError: unknown = null;
  #isStartRequested = false;
  /** When the drain under way is to end, on the clock's axis. */
  #drainDueMs = Infinity;
  #state = '';

  constructor(ports: LifePorts) {
    this.#ports = ports;
    const { startup, drain } = ports.timeouts.values;
    this.#actor = createActor(proxyMachine, {
      clock: actorClock(ports.clock),
      input: {
        startupMs: startup ?? deadlines.startup.defaultMs,
        drainMs: drain ?? deadlines.drain.defaultMs,
        releaseMs: ports.releaseMs,
      },
    });
    this.#actor.on('*', (command) => this.#carryOut(command));
    this.#actor.subscribe({
      next: ({ value }) => this.#arrived(typeof value === 'string' ? value : 'DRAINING'),
      complete: () => this.#over(),
    });
    this.#actor.start();
  }

  get listenerCount(): number {
    return this.#addresses.length;
  }

  addresses(): readonly Address[] {
    return this.#addresses;
  }

  start(): Promise<void> {
    if (this.#isStartRequested || this.#actor.getSnapshot().status !== 'active') {
      return Promise.reject(new ProxyError('SALLYPORT_LIFECYCLE', 'a proxy is started once; create another one'));
    }
    this.#isStartRequested = true;
    this.#actor.send({ type: 'start.requested' });
    return this.#started.promise;
  }

  /** @param timeoutMs null = the configured drain deadline. */
  drain(timeoutMs: number | null): Promise<void> {
    this.#requestDrain(timeoutMs ?? this.#ports.timeouts.values.drain ?? deadlines.drain.defaultMs);
    return this.#drained.promise;
  }

  /** @param timeoutMs null = at once. */
  stop(timeoutMs: number | null): Promise<void> {
    this.#requestDrain(timeoutMs ?? 0);
    return this.#stopped.promise;
  }

  /**
   * A connection that somebody else accepted, as if the listener of that port had.
   * @throws ProxyError SALLYPORT_LIFECYCLE unless the proxy is running; SALLYPORT_CONFIG_INVALID where it has no such port
   */
  adopt(open: () => Leg, port: number | null): void {
    if (!this.#actor.getSnapshot().matches('RUNNING')) {
      throw new ProxyError('SALLYPORT_LIFECYCLE', 'a proxy takes connections while it is running');
    }
    const position = port === null ? 0 : this.#addresses.findIndex((address) => address.port === port);
    const post = this.#posts[position];
    if (post === undefined) throw new ProxyError('SALLYPORT_CONFIG_INVALID', `nothing listens on port ${port}`);
    post.acceptor.accept(open());
  }

  /** The last connection was struck off. */
  connectionsClosed(): void {
    this.#tell({ type: 'connections.closed' });
  }

  #requestDrain(timeoutMs: number): void {
    const snapshot = this.#actor.getSnapshot();
    const dueMs = this.#ports.clock.nowMs() + timeoutMs;
    if (snapshot.matches('DRAINING') && dueMs >= this.#drainDueMs) return;
    this.#drainDueMs = dueMs;
    if (snapshot.matches('STARTING')) {
      this.#bindError ??= new ProxyError('SALLYPORT_LIFECYCLE', 'the proxy was stopped while it was starting');
    }
    if (snapshot.matches('RUNNING')) {
      this.#ports.publish({ event: 'proxy.draining', connections: this.#ports.registry.live.size, timeoutMs });
    }
    this.#tell({ type: 'drain.requested', timeoutMs });
  }

  #tell(fact: ProxyFact): void {
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send(fact);
  }

  #carryOut(command: ProxyCommand): void {
    switch (command.type) {
      case 'bindListeners':
        void this.#bind();
        return;
      case 'closeListeners':
        void this.#closeListeners();
        return;
      case 'drainConnections':
        this.#ports.drain();
        this.#ports.registry.entrance.close();
        this.#tellConnections({ type: 'drain.requested' });
        return;
      case 'killConnections':
        this.#tellConnections({ type: 'kill.requested', reason: 'operator.drained' });
        return;
      case 'awaitRelease':
        void this.#awaitRelease();
    }
  }

  #tellConnections(fact: Parameters<Connection['hear']>[0]): void {
    for (const connection of this.#ports.registry.live.values()) connection.hear(fact);
    if (this.#ports.registry.live.size === 0) this.connectionsClosed();
  }

  /** All listeners, or none. */
  async #bind(): Promise<void> {
    const isStarting = () => this.#actor.getSnapshot().matches('STARTING');
    try {
      this.#posts = await this.#ports.prepare();
      if (!isStarting()) return;
      for (const { listener, acceptor } of this.#posts) listener.accepted$.subscribe((leg) => acceptor.accept(leg));
      const opened = await Promise.allSettled(this.#posts.map(({ listener }) => listener.open()));
      const failed = opened.find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      this.#addresses = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      for (const [position, address] of this.#addresses.entries()) {
        const post = this.#posts[position];
        if (post !== undefined) post.acceptor.name = addressText(address);
      }
      if (isStarting()) this.#tell({ type: 'listeners.bound' });
      else await this.#closeListeners();
    } catch (error) {
      this.#bindError = error;
      this.#tell({ type: 'listeners.failed' });
    }
  }

  async #closeListeners(): Promise<void> {
    this.#addresses = [];
    await Promise.all(this.#posts.map(({ listener }) => listener.close()));
  }

  async #awaitRelease(): Promise<void> {
    this.#ports.drain();
    await Promise.all([this.#closeListeners(), this.#ports.release()]);
    await this.#ports.ledger.quiescent();
    this.#tell({ type: 'transports.released' });
  }

  /** XState also tells of facts that changed nothing. */
  #arrived(state: string): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === 'RUNNING') {
      this.#started.resolve();
      this.#ports.publish({ event: 'proxy.ready', addresses: this.#addresses, legs: legRung });
      this.#ports.running();
    }
    if (state === 'RELEASING') this.#drained.resolve();
  }

  #over(): void {
    const late = new ProxyError('SALLYPORT_START_TIMEOUT', 'the listeners were not bound within the startup deadline');
    this.#started.reject(this.#bindError ?? late);
    this.#drained.resolve();
    this.#ports.finished();
    this.#stopped.resolve();
  }
}

/** Whoever never asked is not to be surprised by a rejection. */
function deferred(): PromiseWithResolvers<void> {
  const made: PromiseWithResolvers<void> = Promise.withResolvers();
  made.promise.catch(() => undefined);
  return made;
}
