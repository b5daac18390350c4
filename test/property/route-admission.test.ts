/**
 * The places of a route under random histories: whoever comes, waits, leaves, releases, or does so inside of another's turn.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RouteAdmission, type RouteAnswer, type RouteClaim, type RouteWaiter } from '../../src/io/route-admission.ts';
import { holderOf } from '../../src/routing/ip-address.ts';
import type { AdmissionPlan, RoutePlan } from '../../src/routing/plan.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { runs, seed } from '../support/fuzz.ts';
import { routeWith } from '../support/admission-plans.ts';

const addresses = ['10.0.0.1', '10.0.0.2', '2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'];

interface Step {
  readonly kind: 'come' | 'comeImpatiently' | 'release' | 'leave';
  readonly ip: string;
  readonly which: number;
  /** What a waiter does at once when it is granted, or has lost its place. */
  readonly reaction: 'keeps' | 'releases' | 'sendsAnotherAway' | 'makesWay' | 'comesAgain';
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('come', 'come', 'come', 'comeImpatiently', 'release', 'release', 'leave'),
    ip: fc.constantFrom(...addresses),
    which: fc.nat({ max: 30 }),
    reaction: fc.constantFrom('keeps', 'keeps', 'releases', 'sendsAnotherAway', 'makesWay', 'comesAgain'),
  }),
  { maxLength: 60, size: 'max' },
);

const limits = fc.record({
  maxConnections: fc.option(fc.nat({ max: 4 }), { nil: null }),
  maxConnectionsPerIp: fc.option(fc.nat({ max: 2 }), { nil: null }),
  waitersMax: fc.nat({ max: 6 }),
});

class Visitor implements RouteWaiter {
  readonly holder: string;
  readonly number: number;
  claim: RouteClaim | null = null;
  leave: (() => void) | null = null;
  state: 'waits' | 'has' | 'lost' | 'gone' = 'waits';
  readonly #world: World;
  readonly #step: Step;

  constructor(world: World, step: Step, number: number) {
    this.#world = world;
    this.#step = step;
    this.holder = holderOf(step.ip);
    this.number = number;
  }

  granted(claim: RouteClaim): void {
    expect(this.state).toBe('waits');
    const ahead = this.#world.waiting.filter(({ holder, number }) => holder === this.holder && number < this.number);
    expect(ahead).toEqual([]);
    this.state = 'has';
    this.claim = claim;
    this.#world.obeysCaps();
    if (this.#step.reaction === 'releases') this.release();
    this.#react();
  }

  /** Its place is another's before it hears of it, so coming again at once is of no use. */
  lost(): void {
    expect(this.state).toBe('waits');
    this.state = 'lost';
    if (this.#step.reaction === 'releases') this.#world.having[0]?.release();
    this.#react();
  }

  #react(): void {
    if (this.#step.reaction === 'sendsAnotherAway') this.#world.waiting[0]?.go();
    if (this.#step.reaction === 'makesWay') {
      // Whoever comes next has the place, and does not know of it yet.
      this.release();
      for (const one of this.#world.waiting) one.go();
    }
    if (this.#step.reaction === 'comesAgain') this.#world.come({ ...this.#step, reaction: 'keeps' });
  }

  release(): void {
    this.state = 'gone';
    this.claim?.release();
    this.claim?.release();
  }

  go(): void {
    this.state = 'gone';
    this.leave?.();
    this.leave?.();
  }
}

class World {
  readonly visitors: Visitor[] = [];
  readonly plan: AdmissionPlan;
  readonly #route: RoutePlan;
  readonly #admission = new RouteAdmission(new StepClock());
  #depth = 0;

  constructor(plan: Partial<AdmissionPlan>) {
    this.#route = routeWith(plan);
    this.plan = this.#route.admission;
  }

  get waiting(): readonly Visitor[] {
    return this.visitors.filter(({ state }) => state === 'waits');
  }

  get having(): readonly Visitor[] {
    return this.visitors.filter(({ state }) => state === 'has');
  }

  come(step: Step): RouteAnswer {
    const visitor = new Visitor(this, step, this.visitors.length);
    const waits = step.kind === 'comeImpatiently' ? null : visitor;
    const before = this.waiting;
    this.#depth += 1;
    const answer = this.#admission.claim(this.#route, step.ip, 'connection', waits);
    this.#depth -= 1;
    if (answer.kind === 'admitted') {
      visitor.state = 'has';
      visitor.claim = answer.claim;
    }
    if (answer.kind === 'waits') visitor.leave = () => answer.leave();
    if (answer.kind === 'refused') visitor.state = 'gone';
    else this.visitors.push(visitor);
    // It may have had a place, and lost it to somebody whom another one sent when it was told.
    if (answer.kind === 'refused' && answer.cause.includes('others have fewer')) return answer;
    // Somebody who has a place is not known here before it has its answer.
    if (this.#depth > 0) return answer;
    if (answer.kind === 'refused' && waits !== null && this.#mayOpen) this.#isFairTo(visitor, before);
    return answer;
  }

  get #mayOpen(): boolean {
    return this.plan.maxConnections !== 0 && this.plan.maxConnectionsPerIp !== 0;
  }

  /** Who is refused although it would wait finds a full queue, of which nobody has clearly more than it would have. */
  #isFairTo({ holder }: Visitor, before: readonly Visitor[]): void {
    expect(before).toHaveLength(this.plan.waitersMax);
    const of = (name: string) => before.filter((one) => one.holder === name).length;
    for (const one of before) expect(of(one.holder)).toBeLessThan(of(holder) + 3);
  }

  obeysCaps(): void {
    const { maxConnections, maxConnectionsPerIp, waitersMax } = this.plan;
    expect(this.having.length).toBeLessThanOrEqual(maxConnections ?? Infinity);
    expect(this.waiting.length).toBeLessThanOrEqual(waitersMax);
    for (const { holder } of this.having)
      expect(this.held(holder)).toBeLessThanOrEqual(maxConnectionsPerIp ?? Infinity);
  }

  held(holder: string): number {
    return this.having.filter((one) => one.holder === holder).length;
  }

  /** Nobody waits for what is free. */
  losesNothing(): void {
    const { maxConnections, maxConnectionsPerIp } = this.plan;
    if (this.having.length >= (maxConnections ?? Infinity)) return;
    for (const { holder } of this.waiting) expect(this.held(holder)).toBe(maxConnectionsPerIp);
  }
}

describe('C04, C07: the places of a route', () => {
  test('C02, C04, C06, C07: never more than the caps, nobody waits for what is free, in order for each address, and all is given back', () => {
    fc.assert(
      fc.property(limits, steps, (plan, history) => {
        const world = new World(plan);
        for (const step of history) {
          if (step.kind === 'release') world.having[step.which % Math.max(1, world.having.length)]?.release();
          else if (step.kind === 'leave') world.waiting[step.which % Math.max(1, world.waiting.length)]?.go();
          else world.come(step);
          world.obeysCaps();
          world.losesNothing();
        }
        for (const one of world.waiting) one.go();
        for (const one of world.having) one.release();
        expect([world.having, world.waiting]).toEqual([[], []]);
        const free = Math.min(plan.maxConnections ?? 9, plan.maxConnectionsPerIp ?? 9);
        const step = { kind: 'comeImpatiently', ip: '10.0.0.9', which: 0, reaction: 'keeps' } as const;
        const kinds = Array.from({ length: free }, () => world.come(step).kind);
        expect(new Set(kinds)).toEqual(new Set(free === 0 ? [] : ['admitted']));
      }),
      { seed: seed(), numRuns: runs(60) },
    );
  });

  const queued = (plan: Partial<AdmissionPlan>, then: (claim: RouteClaim) => void = () => undefined) => {
    const admission = new RouteAdmission(new StepClock());
    const route = routeWith(plan);
    const told: string[] = [];
    const come = (name: string, ip: string) =>
      admission.claim(route, ip, 'connection', {
        granted: (claim) => {
          told.push(name);
          then(claim);
        },
        lost: () => void told.push(`${name} lost`),
      });
    return { told, come };
  };

  test('C05: a place in the queue is another’s before whoever lost it hears of it, whatever that does then', () => {
    const admission = new RouteAdmission(new StepClock());
    const route = routeWith({ maxConnections: 1, waitersMax: 3 });
    const again: string[] = [];
    const come = (ip: string, lost: () => void = () => undefined) =>
      admission.claim(route, ip, 'connection', { granted: () => undefined, lost });
    come('10.0.0.9');
    const comesAgain = () => again.push(come('10.0.0.1').kind);
    for (let at = 0; at < 3; at += 1) come('10.0.0.1', comesAgain);
    expect(come('10.0.0.2').kind).toBe('waits');
    expect(again).toEqual(['refused']);
  });

  test('C05: whose turn it is while others are told is answered so, and told nothing', () => {
    const admission = new RouteAdmission(new StepClock());
    const route = routeWith({ maxConnections: 1, waitersMax: 3 });
    const told: string[] = [];
    const leaves: (() => void)[] = [];
    const come = (ip: string, lost: () => void = () => undefined) => {
      const answer = admission.claim(route, ip, 'connection', { granted: () => void told.push(ip), lost });
      if (answer.kind === 'waits') leaves.push(() => answer.leave());
      return answer;
    };
    const first = come('10.0.0.9');
    const allGo = () => {
      for (const leave of leaves) leave();
      if (first.kind === 'admitted') first.claim.release();
    };
    for (let at = 0; at < 3; at += 1) come('10.0.0.1', allGo);
    expect(come('10.0.0.2').kind).toBe('admitted');
    expect(told).toEqual([]);
  });

  test('C05: addresses have their turn one after the other, and nobody fills the queue for others', () => {
    const { told, come } = queued({ maxConnections: 3, waitersMax: 4 });
    const held = ['10.0.0.1', '10.0.0.1', '10.0.0.1'].map((ip) => come('', ip));
    for (const name of ['a1', 'a2', 'a3', 'a4']) expect(come(name, '10.0.0.1').kind).toBe('waits');
    expect(come('a5', '10.0.0.1').kind).toBe('refused');
    expect(come('b1', '10.0.0.2').kind).toBe('waits');
    expect(told).toEqual(['a4 lost']);
    expect(come('b2', '10.0.0.2').kind).toBe('refused');
    for (const answer of held) if (answer.kind === 'admitted') answer.claim.release();
    expect(told).toEqual(['a4 lost', 'a1', 'b1', 'a2']);
  });

  test('C07: however many have their turn because of what the one before did, each is told on its own', () => {
    const { told, come } = queued({ maxConnections: 1, waitersMax: 20_000 }, (claim) => claim.release());
    const first = come('', '10.0.0.1');
    for (let at = 0; at < 20_000; at += 1) come('', '10.0.0.1');
    if (first.kind === 'admitted') first.claim.release();
    expect(told).toHaveLength(20_000);
  });

  test('C04: whose own address is full waits for that alone, and holds up nobody', () => {
    const { told, come } = queued({ maxConnections: 2, maxConnectionsPerIp: 1, waitersMax: 9 });
    const [first, other] = [come('', '10.0.0.1'), come('', '10.0.0.2')];
    expect([come('a', '10.0.0.1').kind, come('c', '10.0.0.3').kind]).toEqual(['waits', 'waits']);
    if (other.kind === 'admitted') other.claim.release();
    expect(told).toEqual(['c']);
    if (first.kind === 'admitted') first.claim.release();
    expect(told).toEqual(['c', 'a']);
  });
});

describe('X09: the rates of a route', () => {
  const rate = (unit: 'connections' | 'requests', by: 'ip' | 'route', amount: number) => ({
    unit,
    by,
    amount,
    perMs: 1000,
    burst: amount,
  });

  test('X09: what a cap refuses is not charged, what waits is charged once, and several rates are charged together or not at all', () => {
    const clock = new StepClock();
    const admission = new RouteAdmission(clock);
    const plan = { maxConnections: 1, rates: [rate('connections', 'route', 3), rate('connections', 'ip', 2)] };
    const route = routeWith({ ...plan, waitersMax: 1 });
    const waiter = { granted: (claim: RouteClaim) => claim.release(), lost: () => undefined };
    const ask = (ip: string, waits = false) => admission.claim(route, ip, 'connection', waits ? waiter : null);
    const first = ask('10.0.0.1');
    expect(first.kind).toBe('admitted');
    for (let times = 0; times < 9; times += 1) expect(ask('10.0.0.1')).toMatchObject({ reason: 'refused.capacity' });
    expect(ask('10.0.0.1', true).kind).toBe('waits');
    if (first.kind === 'admitted') first.claim.release();
    // Two of the address and two of the route are used up.
    expect(ask('10.0.0.1')).toMatchObject({ reason: 'refused.rate', retryAfterMs: 500 });
    const third = ask('10.0.0.2');
    expect(third.kind).toBe('admitted');
    if (third.kind === 'admitted') third.claim.release();
    expect(ask('10.0.0.3')).toMatchObject({ reason: 'refused.rate' });
    clock.advance(334);
    expect(ask('10.0.0.3').kind).toBe('admitted');
  });

  test('X09: who would wait is refused by the rate first, so that a flood does not fill the queue', () => {
    const route = routeWith({ maxConnections: 1, waitersMax: 9, rates: [rate('connections', 'ip', 2)] });
    const admission = new RouteAdmission(new StepClock());
    const waiter = { granted: () => undefined, lost: () => undefined };
    const kinds = Array.from({ length: 4 }, () => admission.claim(route, '10.0.0.1', 'connection', waiter).kind);
    expect(kinds).toEqual(['admitted', 'waits', 'refused', 'refused']);
  });

  test('X09: connections and requests are counted apart, and the first request of a connection counts as both', () => {
    const route = routeWith({ rates: [rate('connections', 'ip', 1), rate('requests', 'ip', 3)] });
    const admission = new RouteAdmission(new StepClock());
    const ask = (demand: 'both' | 'request') => admission.claim(route, '10.0.0.1', demand, null).kind;
    expect([ask('both'), ask('request'), ask('both'), ask('request'), ask('request')]).toEqual([
      'admitted',
      'admitted',
      'refused',
      'admitted',
      'refused',
    ]);
  });

  test('X09: what has no address is counted by no cap and no rate by address, but by all others', () => {
    const rates = [rate('connections', 'ip', 1)];
    const route = routeWith({ maxConnections: 3, maxConnectionsPerIp: 1, rates });
    const admission = new RouteAdmission(new StepClock());
    const kinds = Array.from({ length: 4 }, () => admission.claim(route, '', 'connection', null).kind);
    expect(kinds).toEqual(['admitted', 'admitted', 'admitted', 'refused']);
  });

  test('X09, P07: IPv6 clients are counted by their /64, and what is no address takes no more room than one', () => {
    const route = routeWith({ maxConnectionsPerIp: 1 });
    const admission = new RouteAdmission(new StepClock());
    const ask = (ip: string) => admission.claim(route, ip, 'request', null).kind;
    expect([ask('2001:db8::1'), ask('2001:db8::2'), ask('2001:db8:0:1::1')]).toEqual([
      'admitted',
      'refused',
      'admitted',
    ]);
    const long = 'x'.repeat(9000);
    expect([ask(`${long}a`), ask(`${long}b`)]).toEqual(['admitted', 'refused']);
  });
});
