/**
 * Histories: what the world does to a proxy, as data, so that a counterexample can be kept and replayed.
 *
 * The generator is a swarm: each history goes to a random depth first and then uses a random few of the things that can
 * happen and of the lies legs can tell, because uniformly random histories hardly leave the first states.
 */
import fc from 'fast-check';
import type { LegFaults } from '../../src/testing/memory-leg.ts';
import type { DialPlan } from '../../src/testing/memory-network.ts';
import type { IdentityPlan } from './race-identities.ts';
import { portNames, prefaceNames, type PortName, type PrefaceName } from './race-plan.ts';
import type { TlsManner } from './race-tls-client.ts';
import type { Sealing } from './race-world.ts';

/** `who` counts the clients round; an upstream's step is for the upstream of that client. */
export type Step =
  | {
      readonly do: 'connects';
      readonly port: PortName;
      readonly preface: PrefaceName;
      /** Of a client whose TLS ends here; honest unless told. */
      readonly manner?: TlsManner;
    }
  | { readonly do: PeerDeed | 'kills' | 'drains' | 'speaks'; readonly who: number }
  | { readonly do: 'clientSends' | 'upstreamSends'; readonly who: number; readonly bytes: number }
  | { readonly do: 'waits'; readonly ms: number }
  | { readonly do: 'ticks'; readonly count: number };

const peerDeeds = [
  'clientEnds',
  'clientResets',
  'clientCloses',
  'clientStalls',
  'clientReads',
  'upstreamEnds',
  'upstreamResets',
  'upstreamCloses',
  'upstreamStalls',
  'upstreamReads',
] as const;

export type PeerDeed = (typeof peerDeeds)[number];

export interface History {
  readonly windowBytes: number;
  readonly latenciesMs: readonly number[];
  /** What becomes of the dials, in turn. */
  readonly dials: readonly DialPlan[];
  /** How the proxy's own ends of the clients' connections lie, in turn. */
  readonly lies: readonly Partial<LegFaults>[];
  /** What is answered where a certificate is asked for, in turn. */
  readonly identities?: readonly IdentityPlan[];
  /** What upstreams that speak TLS do, in turn. */
  readonly sealings?: readonly Sealing[];
  readonly steps: readonly Step[];
  /** How it ends: everybody reads and finishes, or nobody does anything any more. */
  readonly finale: 'finish' | 'silence';
}

const kinds = [...peerDeeds, 'clientSends', 'upstreamSends', 'speaks', 'kills', 'drains'] as const;
type Kind = (typeof kinds)[number];

/** One step of a swarm, before its kind is looked up among those the history uses. */
interface RawStep {
  readonly pick: number;
  readonly who: number;
  readonly amount: number;
}

/** How a history gets to its first depth; what it needs for that has the first turn. */
export interface Approach {
  readonly dials: readonly DialPlan[];
  readonly steps: readonly Step[];
  readonly lies?: readonly Partial<LegFaults>[];
  readonly identities?: readonly IdentityPlan[];
  readonly sealings?: readonly Sealing[];
}

/** What histories of a kind are made of. */
export interface Terrain {
  /** One for each depth. @param spoken one of the prefaces. */
  readonly approaches: readonly ((windowBytes: number, spoken: PrefaceName) => Approach)[];
  readonly ports: readonly PortName[];
  readonly prefaces: readonly PrefaceName[];
  readonly manners: readonly TlsManner[];
  /** What happens in every history, as often as it is listed; the rest is the swarm's. */
  readonly always: readonly Kind[];
  readonly lies: fc.Arbitrary<Partial<LegFaults>>;
  readonly more: fc.Arbitrary<Pick<History, 'identities' | 'sealings'>>;
}

/** @param stepsMax how long a history can get after its first depth. */
export function histories(stepsMax: number, terrain: Terrain = plainTerrain): fc.Arbitrary<History> {
  return fc
    .record({
      approach: fc.constantFrom(...terrain.approaches),
      windowBytes: fc.constantFrom(4096, 512, 65_536),
      latenciesMs: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }),
      dials: fc.array(dialPlansOf(terrain.lies), { minLength: 1, maxLength: 4 }),
      lies: fc.array(terrain.lies, { minLength: 1, maxLength: 3 }),
      used: fc.subarray([...kinds], { minLength: 2 }),
      openPorts: fc.subarray([...terrain.ports], { minLength: 1, maxLength: 3 }),
      prefaces: fc.subarray([...terrain.prefaces], { minLength: 1, maxLength: 3 }),
      raw: fc.array(rawSteps, { maxLength: stepsMax, size: 'max' }),
      finale: fc.constantFrom('finish' as const, 'silence' as const),
      more: terrain.more,
    })
    .map(({ approach, used, openPorts, prefaces, raw, dials, lies, more, ...history }) => {
      const { windowBytes } = history;
      const first = approach(windowBytes, prefaces.at(-1) ?? 'nothing');
      const swarm = { used: [...terrain.always, ...used], openPorts, prefaces, windowBytes, manners: terrain.manners };
      return {
        ...history,
        ...(more.identities === undefined ? {} : { identities: [...(first.identities ?? []), ...more.identities] }),
        ...(more.sealings === undefined ? {} : { sealings: [...(first.sealings ?? []), ...more.sealings] }),
        dials: [...first.dials, ...dials],
        lies: [...(first.lies ?? []), ...lies],
        steps: [...first.steps, ...raw.map((step) => stepOf(step, swarm))],
      };
    });
}

const rawSteps: fc.Arbitrary<RawStep> = fc.record({ pick: fc.nat(999), who: fc.nat(3), amount: fc.nat(11) });

/** None more often than one. */
export const legLies: fc.Arbitrary<Partial<LegFaults>> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.nat(300).map((readErrors) => ({ readErrors })) },
  { weight: 1, arbitrary: fc.integer({ min: 32, max: 400 }).map((writesPartially) => ({ writesPartially })) },
  { weight: 1, arbitrary: fc.nat(100).map((endsLate) => ({ endsLate })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 90 }).map((dataAfterEnd) => ({ dataAfterEnd })) },
  { weight: 1, arbitrary: fc.nat(300).map((closesWithoutEnd) => ({ closesWithoutEnd })) },
  { weight: 1, arbitrary: fc.constant({ closeNeverComes: true }) },
  { weight: 1, arbitrary: fc.constant({ cannotHalfClose: true }) },
  { weight: 1, arbitrary: fc.nat(300).map((diesSilently) => ({ diesSilently })) },
);

function dialPlansOf(lies: Terrain['lies']): fc.Arbitrary<DialPlan> {
  return fc
    .record({
      afterMs: fc.constantFrom(0, 1, 5, 45, 60),
      resolveMs: fc.constantFrom(0, 0, 3, 55),
      resetMs: fc.nat(20),
      code: fc.constantFrom('ECONNREFUSED', 'ETIMEDOUT', 'ECONNRESET', 'EMFILE', 'ENOTFOUND'),
      type: fc.constantFrom(
        ...(['succeeds', 'succeeds', 'succeeds', 'resets', 'succeedsAfterAbort', 'fails', 'hangs'] as const),
      ),
      faults: lies,
    })
    .map(({ type, afterMs, resolveMs, resetMs, code, faults }): DialPlan => {
      const common = { resolveMs, faults };
      if (type === 'hangs') return { ...common, type };
      if (type === 'fails') return { ...common, type, afterMs, code };
      if (type === 'resets') return { ...common, type, afterMs, resetMs };
      return { ...common, type, afterMs };
    });
}

interface Swarm {
  readonly used: readonly Kind[];
  readonly openPorts: readonly PortName[];
  readonly prefaces: readonly PrefaceName[];
  readonly manners: readonly TlsManner[];
  readonly windowBytes: number;
}

/** A third of all steps are time, an eighth are new clients. */
function stepOf({ pick, who, amount }: RawStep, { used, openPorts, prefaces, windowBytes, manners }: Swarm): Step {
  if (pick < 330) return timeOf(pick, amount);
  if (pick < 450) {
    const port = openPorts[pick % openPorts.length] ?? 'plain';
    const manner = manners[(pick + amount + who) % manners.length];
    const preface = prefaces[amount % prefaces.length] ?? 'nothing';
    return manner === undefined ? { do: 'connects', port, preface } : { do: 'connects', port, preface, manner };
  }
  const kind = used[pick % used.length] ?? 'clientSends';
  if (kind !== 'clientSends' && kind !== 'upstreamSends') return { do: kind, who };
  const bytes = amount < 6 ? 1 + amount * 11 : Math.ceil(((amount - 5) * windowBytes) / 3);
  return { do: kind, who, bytes };
}

function timeOf(pick: number, amount: number): Step {
  if (pick < 130) return { do: 'ticks', count: 1 + amount };
  const ms = [0, 1, 2, 5, 11, 20, 35, 60, 100, 200, 350, 1000][amount];
  return { do: 'waits', ms: ms ?? 1 };
}

const soon: DialPlan = { type: 'succeeds', afterMs: 1 };

const depths = [
  'nothing',
  'connected',
  'silent',
  'preface',
  'spoken',
  'unroutable',
  'dialling',
  'backingOff',
  'established',
  'ageing',
  'idling',
  'downstreamEnded',
  'upstreamEnded',
  'halfClosed',
  'flushing',
  'refusing',
  'introducing',
  'introduced',
  'queued',
  'waiting',
  'crowded',
] as const;
type Depth = (typeof depths)[number];

/** Where no TLS ends. */
const plainTerrain: Terrain = {
  approaches: depths.map((depth) => (windowBytes, spoken) => ({
    dials: depth === 'nothing' ? [] : firstDials(depth),
    steps: towards(depth, windowBytes, spoken),
  })),
  ports: portNames,
  prefaces: prefaceNames,
  manners: [],
  always: [],
  lies: legLies,
  more: fc.constant({}),
};

function firstDials(depth: Depth): readonly DialPlan[] {
  if (depth === 'dialling') return [{ type: 'hangs' }];
  if (depth === 'backingOff') return [{ type: 'fails', afterMs: 0, code: 'ECONNREFUSED' }];
  return [soon];
}

/** The steps that lead the first client to a state. */
function towards(depth: Depth, windowBytes: number, spoken: PrefaceName = 'nothing'): readonly Step[] {
  const settled = { do: 'waits', ms: 20 } as const;
  const connects = (port: PortName, preface: PrefaceName = 'nothing') => ({ do: 'connects', port, preface }) as const;
  const sends = (who: 'clientSends' | 'upstreamSends', bytes: number) => ({ do: who, who: 0, bytes }) as const;
  const established = [connects('plain'), sends('clientSends', 5), settled];
  const ageing = [connects('many'), sends('clientSends', 5), settled];
  switch (depth) {
    case 'connected':
      return [connects('plain')];
    case 'silent':
      return [connects('sniffed', 'http'), settled];
    case 'preface':
      return [connects('sniffed', 'http'), sends('clientSends', 9), settled];
    case 'spoken':
      return [connects('sniffed', spoken), settled, { do: 'speaks', who: 0 }, settled];
    case 'unroutable':
      return [connects('sniffed', 'tlsElsewhere'), { do: 'speaks', who: 0 }];
    case 'dialling':
      return [connects('many'), { do: 'waits', ms: 5 }];
    case 'backingOff':
      return [connects('many'), { do: 'waits', ms: 6 }];
    case 'established':
      return established;
    case 'ageing':
      return [...ageing, { do: 'waits', ms: 200 }];
    case 'idling':
      return [...established, { do: 'waits', ms: 310 }];
    case 'downstreamEnded':
      return [...established, { do: 'clientEnds', who: 0 }, settled];
    case 'upstreamEnded':
      return [...established, { do: 'upstreamEnds', who: 0 }, settled];
    case 'halfClosed':
      return [...ageing, { do: 'clientEnds', who: 0 }, { do: 'waits', ms: 60 }];
    case 'flushing':
      return [
        ...established,
        { do: 'upstreamStalls', who: 0 },
        sends('clientSends', windowBytes),
        settled,
        sends('clientSends', Math.ceil(windowBytes / 2)),
        { do: 'clientEnds', who: 0 },
        settled,
        { do: 'upstreamEnds', who: 0 },
        settled,
      ];
    case 'introducing':
      return [connects('introduced', 'proxied'), sends('clientSends', 20), settled];
    case 'introduced':
      return [connects('introduced', 'proxiedV2'), { do: 'speaks', who: 0 }, settled];
    case 'queued':
      return [connects('queued'), settled, connects('queued'), settled];
    case 'crowded':
      return [connects('queued'), settled, connects('queued'), connects('queued'), connects('queued'), settled];
    case 'waiting':
      return [connects('waiting'), settled, connects('waiting'), settled];
    case 'refusing':
      return [connects('blockedInWords', 'redis'), { do: 'speaks', who: 0 }, settled];
    default:
      return [];
  }
}
