/**
 * A dialer that agrees on TLS first: what it hands over, how it fails, and how it is aborted.
 */
import { of, type Observable } from 'rxjs';
import { createSecureContext } from 'node:tls';
import { expect, test } from 'vitest';
import type { DialFailure, DialWatch, Endpoint } from '../../src/io/dialer.ts';
import type { Ledger } from '../../src/io/ledger.ts';
import type { Leg } from '../../src/io/leg.ts';
import { securedDialer } from '../../src/io/tls/secure-dialing.ts';
import type { UpstreamTlsPlan } from '../../src/routing/tls-plan.ts';
import type { HandshakePlan } from '../../src/testing/memory-handshake.ts';
import { memoryPair, type MemoryLeg } from '../../src/testing/memory-leg.ts';
import { MemoryNetwork, type DialPlan } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bytesOf, Watch } from '../support/leg-watch.ts';
import { expectNothingLeft, legPorts } from '../support/sockets.ts';

const endpoint: Endpoint = { host: 'db.test.', port: 5432 };
const context = createSecureContext();
const plan: UpstreamTlsPlan = {
  ca: null,
  serverName: null,
  verify: true,
  pins: [],
  minVersion: 'TLSv1.2',
  identity: null,
};

interface Rig {
  readonly clock: StepClock;
  readonly told: string[];
  readonly legs: Leg[];
  readonly outer: MemoryLeg[];
  readonly failures: unknown[];
  readonly network: MemoryNetwork;
  readonly ledger: Ledger;
  readonly dial: (speech: 'raw' | 'http1' | 'h2') => ReturnType<Observable<Leg>['subscribe']>;
  readonly finish: () => void;
}

/** @param spoken what the upstream agrees to; null: it never begins TLS. */
function rigOf(spoken: readonly string[] | null, handshake: HandshakePlan | null = null, dialPlan?: DialPlan): Rig {
  const clock = new StepClock();
  const ports = legPorts(clock);
  const outer: MemoryLeg[] = [];
  const faults = { handshake };
  const network = new MemoryNetwork({
    clock,
    ports,
    plan: () => dialPlan ?? { type: 'succeeds', afterMs: 10, faults },
  });
  network.serve(endpoint, (leg) => {
    outer.push(leg);
    if (spoken !== null) leg.secure({ role: 'server', context, alpn: spoken, clientAuth: 'none' });
  });
  const told: string[] = [];
  const watch: DialWatch = { resolved: () => void told.push('resolved'), securing: () => void told.push('securing') };
  const rig: Rig = {
    clock,
    told,
    legs: [],
    outer,
    failures: [],
    network,
    ledger: ports.ledger,
    dial: (speech) =>
      securedDialer(network.dial, plan, speech, { clientContext: () => context })(endpoint, watch).subscribe({
        next: (leg) => {
          told.push('leg');
          rig.legs.push(leg);
        },
        error: (error) => rig.failures.push(error),
        complete: () => told.push('complete'),
      }),
    finish: () => {
      for (const leg of [...rig.legs, ...outer]) leg.reset();
      clock.settle();
      expectNothingLeft(ports);
      expect([network.outside.size, clock.network.armedCount]).toEqual([0, 0]);
    },
  };
  return rig;
}

test('the leg is handed over once it is secured, by the name that was dialled, and its facts with it', () => {
  const rig = rigOf(['h2', 'http/1.1'], { type: 'succeeds', afterMs: 50 });
  rig.dial('http1');
  rig.clock.advance(59);
  expect(rig.told).toEqual(['resolved', 'securing']);
  rig.clock.advance(1);
  expect(rig.told).toEqual(['resolved', 'securing', 'leg', 'complete']);
  expect(rig.outer[0]?.handshake).toMatchObject({ role: 'server' });
  const [leg] = rig.legs;
  if (leg === undefined) throw new Error('no leg');
  rig.outer[0]?.write(bytesOf('hello'), 'owned');
  rig.clock.settle();
  const watch = new Watch(leg).take();
  expect([watch.text, watch.count('secured')]).toEqual(['hello', 0]);
  rig.outer[0]?.reset();
  rig.clock.settle();
  expect(watch.log.slice(-2)).toEqual(['failed ECONNRESET', 'released']);
  rig.finish();
});

test('the name is the plan’s where it has one, without the root’s dot where it is dialled', () => {
  const asked: unknown[] = [];
  for (const serverName of [null, 'other.test']) {
    const rig = rigOf([]);
    const dial = securedDialer(rig.network.dial, { ...plan, serverName }, 'raw', { clientContext: () => context });
    dial(endpoint, { resolved: () => undefined, securing: () => undefined }).subscribe((leg) => {
      rig.legs.push(leg);
      if ('handshake' in leg) asked.push(leg.handshake);
    });
    rig.clock.advance(10);
    rig.finish();
  }
  expect(asked).toMatchObject([
    { serverName: 'db.test', alpn: [], verify: true },
    { serverName: 'other.test', alpn: [], verify: true },
  ]);
});

test.each([
  ['a certificate that is not believed', 'CERT_HAS_EXPIRED', 'upstream.tls', true],
  ['a reset', 'ECONNRESET', 'upstream.reset', true],
] as const)('%s fails the dial', (_why, code, reason, retryable) => {
  const rig = rigOf([], { type: 'fails', afterMs: 5, code });
  rig.dial('raw');
  rig.clock.advance(20);
  expect(rig.failures).toEqual([expect.objectContaining({ reason, code, retryable } satisfies Partial<DialFailure>)]);
  rig.finish();
});

test.each([
  ['ends', 'upstream.tls', 'SALLYPORT_TLS_ENDED'],
  ['resets', 'upstream.reset', 'ECONNRESET'],
] as const)('an upstream that %s instead of shaking hands fails the dial', (way, reason, code) => {
  const rig = rigOf(null);
  rig.dial('raw');
  rig.clock.advance(10);
  if (way === 'ends') rig.outer[0]?.end();
  else rig.outer[0]?.reset();
  rig.clock.settle();
  expect(rig.failures).toEqual([expect.objectContaining({ reason, code })]);
  rig.finish();
});

test('an upstream that does not agree to h2 where it is needed is a failure that says so', () => {
  const rig = rigOf([]);
  rig.dial('h2');
  rig.clock.advance(10);
  expect(rig.failures).toEqual([
    {
      reason: 'upstream.tls',
      code: 'SALLYPORT_TLS_ALPN',
      cause: 'db.test.:5432 has to speak h2, and agreed to nothing (ALPN)',
      retryable: true,
    },
  ]);
  rig.finish();
  const agreeing = rigOf(['h2']);
  agreeing.dial('h2');
  agreeing.clock.advance(10);
  expect(agreeing.failures).toEqual([]);
  expect(agreeing.legs).toHaveLength(1);
  agreeing.finish();
});

test('unsubscribing aborts it, while connecting and during the handshake', () => {
  for (const atMs of [5, 15]) {
    const rig = rigOf([], { type: 'hangs' });
    const dialling = rig.dial('raw');
    rig.clock.advance(atMs);
    expect(rig.told.includes('securing')).toBe(atMs === 15);
    dialling.unsubscribe();
    rig.clock.settle();
    expect([rig.legs, rig.failures, rig.ledger.size]).toEqual([[], [], 0]);
    rig.finish();
  }
});

test('a dialer of the embedder’s that emits what cannot be secured any more fails, and ends nothing else', () => {
  const clock = new StepClock();
  const ports = legPorts(clock);
  const { near, far } = memoryPair({ ports, network: clock.network });
  near.end();
  const watch: DialWatch = { resolved: () => undefined, securing: () => undefined };
  const failures: unknown[] = [];
  securedDialer(() => of(near), plan, 'raw', { clientContext: () => context })(endpoint, watch).subscribe({
    error: (error) => failures.push(error),
  });
  expect(failures).toEqual([expect.objectContaining({ code: 'SALLYPORT_INVARIANT' })]);
  far.reset();
  clock.settle();
  expectNothingLeft(ports);
});
