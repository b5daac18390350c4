/**
 * The network in memory: every outcome a dial can have, and listeners that behave as real ones do.
 */
import type { Subscription } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { DialFailure } from '../../src/io/dialer.ts';
import type { Leg } from '../../src/io/leg.ts';
import type { MemoryLeg } from '../../src/testing/memory-leg.ts';
import { MemoryNetwork, type DialPlan } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bytesOf, Watch } from '../support/leg-watch.ts';
import { expectNothingLeft, legPorts } from '../support/sockets.ts';

const endpoint = { host: '198.51.100.1', port: 80 };

class DialRun {
  readonly clock = new StepClock();
  readonly ports = legPorts(this.clock);
  readonly network: MemoryNetwork;
  readonly upstreams: MemoryLeg[] = [];
  readonly log: string[] = [];
  leg: Leg | null = null;
  readonly subscription: Subscription;

  constructor(plan: DialPlan | null) {
    const ports = { clock: this.clock, ports: this.ports };
    this.network = new MemoryNetwork(plan === null ? ports : { ...ports, plan: () => plan });
    this.network.serve(endpoint, (leg) => this.upstreams.push(leg));
    const resolved = (): void => void this.log.push(`resolved ${this.clock.nowMs()}`);
    const watch = { resolved, securing: () => undefined };
    this.subscription = this.network.dial(endpoint, watch).subscribe({
      next: (leg) => {
        this.leg = leg;
        this.log.push(`leg ${this.clock.nowMs()}`);
      },
      complete: () => this.log.push('complete'),
      error: ({ reason, code, retryable }: DialFailure) =>
        this.log.push(`${reason} ${code} ${retryable} ${this.clock.nowMs()}`),
    });
  }

  finish(): void {
    this.leg?.reset();
    for (const upstream of this.upstreams) upstream.reset();
    this.clock.advance(10_000);
    expectNothingLeft(this.ports);
    expect([this.network.outside.size, this.clock.network.armedCount]).toEqual([0, 0]);
  }
}

describe('dials in memory', () => {
  test('succeeds: after so many ms, the leg in the ledger from the first moment', () => {
    const run = new DialRun({ type: 'succeeds', afterMs: 20 });
    expect(run.ports.ledger.size).toBe(1);
    run.clock.advance(20);
    expect(run.log).toEqual(['resolved 0', 'leg 20', 'complete']);
    expect(run.ports.ledger.entries()).toEqual([run.leg]);
    run.finish();
  });

  test('where somebody serves a dial succeeds, and where nobody does it is refused', () => {
    const served = new DialRun(null);
    served.clock.settle();
    expect(served.log).toEqual(['resolved 0', 'leg 0', 'complete']);
    served.finish();
    const clock = new StepClock();
    const ports = legPorts(clock);
    const network = new MemoryNetwork({ clock, ports });
    const failures: DialFailure[] = [];
    network
      .dial(endpoint, { resolved: () => undefined, securing: () => undefined })
      .subscribe({ error: (failure: DialFailure) => failures.push(failure) });
    clock.settle();
    expect(failures).toEqual([expect.objectContaining({ reason: 'upstream.refused', code: 'ECONNREFUSED' })]);
    expectNothingLeft(ports);
  });

  test('fails: with the code, its reason and whether another endpoint may help', () => {
    const run = new DialRun({ type: 'fails', afterMs: 3, code: 'EMFILE' });
    run.clock.advance(3);
    expect(run.log).toEqual(['resolved 0', 'upstream.unreachable EMFILE false 3']);
    run.finish();
  });

  test('hangs: nothing, until it is aborted; then nothing is left', () => {
    const run = new DialRun({ type: 'hangs' });
    run.clock.advance(1_000_000);
    expect([run.log, run.ports.ledger.size]).toEqual([['resolved 0'], 1]);
    run.subscription.unsubscribe();
    run.finish();
    expect(run.log).toEqual(['resolved 0']);
  });

  test('resolves late: and an abort before that leaves nothing, not even an attempt', () => {
    const run = new DialRun({ type: 'succeeds', afterMs: 5, resolveMs: 50 });
    run.clock.advance(49);
    expect([run.log, run.ports.ledger.size]).toEqual([[], 0]);
    run.clock.advance(6);
    expect(run.log).toEqual(['resolved 50', 'leg 55', 'complete']);
    run.finish();
    const aborted = new DialRun({ type: 'succeeds', afterMs: 5, resolveMs: 50 });
    aborted.clock.advance(10);
    aborted.subscription.unsubscribe();
    aborted.finish();
    expect([aborted.log, aborted.ports.ledger.counts.entered]).toEqual([[], 0]);
  });

  test('succeedsAfterAbort: a leg that appears when nobody waits is released, and told to nobody', () => {
    const run = new DialRun({ type: 'succeedsAfterAbort', afterMs: 100 });
    run.clock.advance(40);
    run.subscription.unsubscribe();
    run.clock.advance(59);
    expect(run.ports.ledger.size).toBe(1);
    run.clock.advance(1);
    expect(run.ports.ledger.counts).toEqual({ entered: 1, left: 1, overdue: 0 });
    expect([run.log, run.upstreams.length]).toEqual([['resolved 0'], 1]);
    run.finish();
  });

  test('L24: resets: connects, and is reset so much later', () => {
    const run = new DialRun({ type: 'resets', afterMs: 10, resetMs: 5 });
    run.clock.advance(10);
    const { leg } = run;
    if (leg === null) throw new Error('no leg');
    const watch = new Watch(leg).take();
    run.clock.advance(5);
    expect(watch.log).toEqual(['failed ECONNRESET', 'released']);
    run.finish();
  });
});

describe('listeners in memory', () => {
  async function listening(): Promise<{
    clock: StepClock;
    ports: ReturnType<typeof legPorts>;
    network: MemoryNetwork;
    accepted: Leg[];
    readonly close: () => Promise<void>;
    port: number;
  }> {
    const clock = new StepClock();
    const ports = legPorts(clock);
    const network = new MemoryNetwork({ clock, ports });
    const accepted: Leg[] = [];
    const listener = network.createListener({ host: '::', port: 8080, ...ports });
    listener.accepted$.subscribe((leg) => accepted.push(leg));
    const { port } = await listener.open();
    return { clock, ports, network, accepted, close: () => listener.close(), port };
  }

  test('a client is accepted one step later, with its address, and what it sent already arrives', async () => {
    const { clock, ports, network, accepted, port } = await listening();
    const client = network.connect(port, { host: '203.0.113.9' });
    client.write(bytesOf('early'), 'shared');
    client.end();
    expect(accepted).toHaveLength(0);
    clock.settle();
    const [leg] = accepted;
    if (leg === undefined) throw new Error('nobody was accepted');
    expect([leg.remote.host, leg.heldBytes]).toEqual(['203.0.113.9', 5]);
    leg.reset();
    client.reset();
    clock.settle();
    expectNothingLeft(ports);
  });

  test('a client that has reset before it was accepted is accepted and fails', async () => {
    const { clock, ports, network, accepted, port } = await listening();
    network.connect(port).reset();
    clock.settle();
    const [leg] = accepted;
    if (leg === undefined) throw new Error('nobody was accepted');
    expect(new Watch(leg).log).toEqual(['failed ECONNRESET', 'released']);
    expectNothingLeft(ports);
    expect(network.outside.size).toBe(0);
  });

  test('a port is taken once, and free again after close; a client of a closed one is refused', async () => {
    const { clock, ports, network, port, close } = await listening();
    const second = network.createListener({ host: '::', port, ...ports });
    await expect(second.open()).rejects.toMatchObject({ code: 'SALLYPORT_LISTEN_FAILED' });
    await second.close();
    await close();
    const refused = new Watch(network.connect(port));
    clock.settle();
    expect(refused.log).toEqual(['failed ECONNREFUSED', 'released']);
    await second.open();
    await second.close();
    expectNothingLeft(ports);
  });
});
