/**
 * One pool of endpoints on a clock that steps, in a network in memory whose hosts fall ill as a test says, with a resolver
 * that answers what a test says, and clients who dial, wait, leave and come back.
 *
 * Everything is counted a second time here, from what was given and given back, so that the pool cannot agree with itself.
 */
import type { Candidate, Candidates, DialSubject, EndpointUse } from '../../src/io/candidates.ts';
import type { EndpointEvent } from '../../src/io/endpoints/endpoint-events.ts';
import { EndpointPools } from '../../src/io/endpoints/endpoint-pools.ts';
import type { EndpointAnswer, EndpointQuestion } from '../../src/io/endpoints/endpoint-resolver.ts';
import type { Address } from '../../src/io/leg.ts';
import { createLedger } from '../../src/io/ledger.ts';
import type { Target } from '../../src/routing/plan.ts';
import type { EndpointPlan, PoolPlan } from '../../src/routing/pool-plan.ts';
import { MemoryNetwork, type DialPlan } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';

export type Health = 'well' | 'refuses' | 'hangs';

export function addressEntry(host: string, port: number, more: Partial<EndpointPlan> = {}): EndpointPlan {
  return { source: { kind: 'address', host, port }, weight: 1, maxConnections: null, ...more };
}

export function poolOf(endpoints: readonly EndpointPlan[], more: Partial<PoolPlan> = {}): PoolPlan {
  return {
    name: 'db',
    configPath: 'pools.db',
    endpoints,
    balance: 'round-robin',
    hashBy: { kind: 'ip' },
    policy: { checks: null, breaker: null, slowStartMs: null, drainMs: null, trialMs: 15_000 },
    check: null,
    retries: 1,
    onEndpointDown: 'keep',
    dialer: { type: 'direct' },
    waitersMax: 0,
    ...more,
  };
}

const plans: Readonly<Record<Health, DialPlan>> = {
  well: { type: 'succeeds', afterMs: 1 },
  refuses: { type: 'fails', afterMs: 1, code: 'ECONNREFUSED' },
  hangs: { type: 'hangs' },
};

export class PoolRig {
  readonly clock = new StepClock();
  readonly events: EndpointEvent[] = [];
  readonly clients: RigClient[] = [];
  readonly left: string[] = [];
  /** By host; a host that is not here is well. */
  readonly health = new Map<string, Health>();
  /** What every dial fails with, because this machine lacks something; null = nothing. */
  shortage: string | null = null;
  /** What a name is answered; null = it is not. */
  answer: EndpointAnswer | null = null;
  /** By name, where names are answered differently, or later. */
  readonly answers = new Map<string, EndpointAnswer | Promise<EndpointAnswer>>();
  readonly asked: EndpointQuestion[] = [];
  readonly ledger = createLedger(this.clock.network, { trouble: () => undefined });
  readonly plan: PoolPlan;
  readonly pools: EndpointPools;

  constructor(plan: PoolPlan) {
    this.plan = plan;
    const ports = { clock: this.clock.network, ledger: this.ledger, report: () => undefined };
    const network = new MemoryNetwork({
      clock: this.clock,
      ports,
      plan: ({ host }) =>
        this.shortage === null
          ? plans[this.health.get(host) ?? 'well']
          : { type: 'fails', afterMs: 0, code: this.shortage },
    });
    this.pools = new EndpointPools([plan], {
      clock: this.clock,
      random: drawn(),
      resolver: {
        resolve: (question) => {
          this.asked.push(question);
          const answer = this.answers.get(question.name) ?? this.answer;
          return answer === null ? Promise.reject(new Error('not today')) : Promise.resolve(answer);
        },
        stop: () => undefined,
      },
      tell: (event) => this.events.push(event),
      report: ({ message }) => {
        throw new Error(message);
      },
      closed: ({ host }) => this.left.push(host),
      dialerOf: () => network.dial,
      checkHeaderOf: () => null,
    });
  }

  /** Uses of it that were given and have not been given back. */
  usesOf(target: Address): number {
    return this.clients.filter((client) => client.use !== null && client.target === target).length;
  }

  client(host = '192.0.2.7'): RigClient {
    const client = new RigClient(this, host);
    this.clients.push(client);
    return client;
  }

  /** What promises have to say, said. */
  async turn(): Promise<void> {
    for (let turns = 0; turns < 8; turns += 1) await Promise.resolve();
  }

  state(name: string): string {
    return this.pools.status().find((one) => one.name === name)?.state ?? 'unknown';
  }
}

/** Somebody who wants a connection: dials, waits where there is none, and holds what came of it. */
export class RigClient implements DialSubject {
  readonly connectionId = 'one-1';
  readonly listenerName = '[::]:80';
  readonly client: { readonly host: string; readonly port: number };
  readonly local = { host: '192.0.2.1', port: 80 };
  readonly serverName = null;
  readonly tls = null;
  readonly proxied = null;
  readonly head = null;
  readonly candidates: Candidates;
  attempts = 0;
  granted = 0;
  isWaiting = false;
  isConnected = false;
  isGone = false;
  use: EndpointUse | null = null;
  target: Target | null = null;
  /** What its latest question was answered. */
  last: Candidate['kind'] | null = null;
  why = '';
  /** Where its dials came to nothing. */
  readonly failedAt = new Set<string>();
  readonly lost: string[] = [];
  #giveUp: (() => void) | null = null;

  constructor(rig: PoolRig, host: string) {
    this.client = { host, port: 50_000 };
    this.candidates = rig.pools.of(rig.plan, this);
  }

  endpointLost(manner: 'drain' | 'kill', cause: string): void {
    this.lost.push(`${manner}: ${cause}`);
    if (manner === 'kill') this.leave();
  }

  /** Asks for an endpoint; the answer may come later where nothing is known yet. */
  dial(): void {
    this.attempts += 1;
    const next = this.candidates.next(this.attempts);
    if (next instanceof Promise) void next.then((one) => this.#given(one));
    else this.#given(next);
  }

  wait(): boolean {
    const giveUp = this.candidates.wait(() => {
      this.isWaiting = false;
      this.granted += 1;
      this.dial();
    });
    this.isWaiting = giveUp !== null;
    this.#giveUp = giveUp;
    return this.isWaiting;
  }

  succeed(): void {
    // Whoever still waits has nothing that could succeed.
    if (this.use === null) return;
    this.isConnected = true;
    this.use.told('succeeded');
  }

  fail(): void {
    // A connection that ends is no dial that failed.
    if (this.isConnected) return this.release();
    this.failedAt.add(keyOf(this.target));
    this.use?.told('failed');
    return this.release();
  }

  abort(): void {
    this.use?.told('abandoned');
    this.release();
  }

  release(): void {
    const { use } = this;
    if (use !== null && !this.isConnected) this.failedAt.add(keyOf(this.target));
    this.use = null;
    this.isConnected = false;
    use?.release();
    // Whoever lets go twice gives back once.
    use?.release();
  }

  /** The connection is over, whatever it was doing. */
  leave(): void {
    if (this.isWaiting) this.#giveUp?.();
    this.isWaiting = false;
    this.isGone = true;
    this.release();
    this.candidates.stop();
  }

  #given(candidate: Candidate): void {
    this.last = candidate.kind;
    this.why = candidate.kind === 'none' ? candidate.cause : '';
    if (candidate.kind !== 'endpoint') return;
    this.target = candidate.target;
    this.use = candidate.use;
  }
}

/** Two names that lead to one address are two endpoints. */
export function keyOf(target: Target | null): string {
  return target === null ? '' : `${target.host}:${target.port} ${target.serverName ?? ''}`;
}

/** So many newcomers, each with its answer. */
export function dialAll(rig: PoolRig, count: number): RigClient[] {
  return Array.from({ length: count }, () => {
    const client = rig.client();
    client.dial();
    return client;
  });
}

/** A pool that runs, with the first answers given. */
export async function started(plan: PoolPlan, prepare: (rig: PoolRig) => void = () => undefined): Promise<PoolRig> {
  const rig = new PoolRig(plan);
  prepare(rig);
  rig.pools.start();
  await rig.turn();
  return rig;
}

/** Numbers that look like chance, the same at every run: the minimal standard generator of Park and Miller. */
function drawn(): () => number {
  let state = 42;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
