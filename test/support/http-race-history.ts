/**
 * Histories of HTTP, as data, so that a counterexample can be kept and replayed.
 *
 * A swarm as in `race-history.ts`: to a random depth first, then a random few of the things that can happen.
 */
import fc from 'fast-check';
import type { LegFaults } from '../../src/testing/memory-leg.ts';
import type { DialPlan } from '../../src/testing/memory-network.ts';
import { shapes, type Shape } from './http-race-client.ts';
import { framings, type Framing } from './http-race-origin.ts';
import { wayNames, type WayName } from './http-race-plan.ts';

/** `who` counts clients round, and origins from the latest. */
export type HttpStep =
  | { readonly do: 'connects'; readonly port: 'http' | 'handler' }
  | {
      readonly do: 'asks';
      readonly who: number;
      readonly way: WayName;
      readonly shape: Shape;
      readonly bytes: number;
      readonly isHeldBack: boolean;
    }
  | {
      readonly do: 'sends' | 'speaks' | 'originSpeaks' | 'answersTwice' | 'switches';
      readonly who: number;
      readonly bytes: number;
    }
  | {
      readonly do: 'answers';
      readonly who: number;
      readonly framing: Framing;
      readonly bytes: number;
      readonly isWhole: boolean;
    }
  | { readonly do: 'informs'; readonly who: number; readonly isContinue: boolean }
  | { readonly do: Deed; readonly who: number }
  | { readonly do: 'waits'; readonly ms: number }
  | { readonly do: 'ticks'; readonly count: number };

const deeds = [
  ...(['clientEnds', 'clientResets', 'clientCloses', 'clientStalls', 'clientReads', 'kills', 'drains'] as const),
  ...(['originEnds', 'originResets', 'originCloses', 'originStalls', 'originReads'] as const),
  ...(['goesOn', 'garbles', 'extra'] as const),
] as const;
type Deed = (typeof deeds)[number];

const kinds = [
  ...deeds,
  ...([
    'asks',
    'asks',
    'asks',
    'sends',
    'speaks',
    'originSpeaks',
    'answersTwice',
    'switches',
    'answers',
    'answers',
    'informs',
  ] as const),
] as const;
type Kind = (typeof kinds)[number];

export interface HttpHistory {
  readonly windowBytes: number;
  readonly latenciesMs: readonly number[];
  readonly dials: readonly DialPlan[];
  readonly lies: readonly Partial<LegFaults>[];
  /** What origins do by themselves with a whole request. */
  readonly origins: 'wait' | 'answer' | 'switch';
  readonly steps: readonly HttpStep[];
  readonly finale: 'finish' | 'silence';
}

const depths = [
  'nothing',
  'waiting',
  'reused',
  'dialling',
  'backingOff',
  'sending',
  'expecting',
  'blocked',
  'exchanging',
  'delivering',
  'bothDelivering',
  'awaiting',
  'receiving',
  'responseEnded',
  'tunnel',
  'tunnelIdling',
  'handler',
  'last',
  'pinned',
  'overAnswered',
] as const;
type Depth = (typeof depths)[number];

interface RawStep {
  readonly pick: number;
  readonly who: number;
  readonly amount: number;
}

interface Swarm {
  readonly used: readonly Kind[];
  readonly ways: readonly WayName[];
  readonly shapesUsed: readonly Shape[];
  readonly windowBytes: number;
}

export function httpHistories(stepsMax: number): fc.Arbitrary<HttpHistory> {
  return fc
    .record({
      depth: fc.constantFrom(...depths),
      windowBytes: fc.constantFrom(4096, 1024, 65_536),
      latenciesMs: fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
      dials: fc.array(dialPlans, { minLength: 1, maxLength: 4 }),
      lies: fc.array(legLies, { minLength: 1, maxLength: 3 }),
      origins: fc.constantFrom('wait' as const, 'answer' as const, 'answer' as const, 'switch' as const),
      used: fc.subarray([...kinds], { minLength: 3 }),
      ways: fc.subarray([...wayNames], { minLength: 1, maxLength: 4 }),
      shapesUsed: fc.subarray([...shapes], { minLength: 1, maxLength: 5 }),
      raw: fc.array(fc.record({ pick: fc.nat(999), who: fc.nat(3), amount: fc.nat(11) }), {
        maxLength: stepsMax,
        size: 'max',
      }),
      finale: fc.constantFrom('finish' as const, 'silence' as const),
    })
    .map(({ depth, used, ways, shapesUsed, raw, dials, ...history }) => ({
      ...history,
      origins: isAutomatic(depth) ? history.origins : 'wait',
      dials: depth === 'nothing' ? dials : [...firstDials(depth), ...dials],
      steps: [
        ...towards(depth, history.windowBytes),
        ...raw.map((step) => stepOf(step, { used, ways, shapesUsed, windowBytes: history.windowBytes })),
      ],
    }));
}

/** None more often than one. */
const legLies: fc.Arbitrary<Partial<LegFaults>> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.nat(300).map((readErrors) => ({ readErrors })) },
  { weight: 1, arbitrary: fc.integer({ min: 32, max: 400 }).map((writesPartially) => ({ writesPartially })) },
  { weight: 1, arbitrary: fc.nat(100).map((endsLate) => ({ endsLate })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 90 }).map((dataAfterEnd) => ({ dataAfterEnd })) },
  { weight: 1, arbitrary: fc.nat(300).map((closesWithoutEnd) => ({ closesWithoutEnd })) },
  { weight: 1, arbitrary: fc.constant({ closeNeverComes: true }) },
  { weight: 1, arbitrary: fc.constant({ cannotHalfClose: true }) },
  { weight: 1, arbitrary: fc.nat(300).map((diesSilently) => ({ diesSilently })) },
);

const dialPlans: fc.Arbitrary<DialPlan> = fc
  .record({
    afterMs: fc.constantFrom(0, 1, 5, 45, 60),
    resetMs: fc.nat(40),
    code: fc.constantFrom('ECONNREFUSED', 'ETIMEDOUT', 'ECONNRESET', 'EMFILE', 'ENOTFOUND'),
    type: fc.constantFrom(
      ...(['succeeds', 'succeeds', 'succeeds', 'succeeds', 'resets', 'succeedsAfterAbort', 'fails', 'hangs'] as const),
    ),
    faults: legLies,
  })
  .map(({ type, afterMs, resetMs, code, faults }): DialPlan => {
    if (type === 'hangs') return { faults, type };
    if (type === 'fails') return { faults, type, afterMs, code };
    if (type === 'resets') return { faults, type, afterMs, resetMs };
    return { faults, type, afterMs };
  });

/** A third of all steps are time, a tenth are new clients. */
function stepOf({ pick, who, amount }: RawStep, { used, ways, shapesUsed, windowBytes }: Swarm): HttpStep {
  if (pick < 150) return { do: 'ticks', count: 1 + amount };
  if (pick < 330) return { do: 'waits', ms: [0, 1, 2, 5, 11, 20, 35, 60, 100, 150, 200, 350][amount] ?? 1 };
  if (pick < 430) return { do: 'connects', port: pick < 445 && pick % 8 === 0 ? 'handler' : 'http' };
  const kind = used[pick % used.length] ?? 'asks';
  const bytes = amount < 7 ? 1 + amount * 17 : Math.ceil(((amount - 6) * windowBytes) / 3);
  switch (kind) {
    case 'asks': {
      const way = ways[(pick >> 3) % ways.length] ?? 'one';
      const shape = shapesUsed[(pick >> 2) % shapesUsed.length] ?? 'get';
      return {
        do: kind,
        who,
        way: shape === 'upgrade' && amount > 2 ? 'ws' : way,
        shape,
        bytes,
        isHeldBack: amount % 3 === 0,
      };
    }
    case 'answers':
      return { do: kind, who, framing: framings[pick % framings.length] ?? 'length', bytes, isWhole: amount % 3 !== 0 };
    case 'informs':
      return { do: kind, who, isContinue: amount % 2 === 0 };
    case 'sends':
    case 'speaks':
    case 'originSpeaks':
    case 'switches':
    case 'answersTwice':
      return { do: kind, who, bytes };
    default:
      return { do: kind, who };
  }
}

const soon: DialPlan = { type: 'succeeds', afterMs: 1 };

/** Elsewhere the way to the depth needs origins that wait. */
function isAutomatic(depth: Depth): boolean {
  return ['nothing', 'waiting', 'reused', 'dialling', 'backingOff', 'handler', 'pinned'].includes(depth);
}

function firstDials(depth: Depth): readonly DialPlan[] {
  if (depth === 'dialling') return [{ type: 'hangs' }];
  if (depth === 'backingOff') return [{ type: 'fails', afterMs: 0, code: 'ECONNREFUSED' }];
  return [soon];
}

/** The steps that lead the first client to a state. */
function towards(depth: Depth, windowBytes: number): readonly HttpStep[] {
  const connects = { do: 'connects', port: 'http' } as const;
  const settled = { do: 'waits', ms: 15 } as const;
  const asks = (shape: Shape, bytes = 100, way: WayName = 'one', isHeldBack = false) =>
    ({ do: 'asks', who: 0, way, shape, bytes, isHeldBack }) as const;
  const answers = (bytes: number, isWhole: boolean) =>
    ({ do: 'answers', who: 0, framing: 'length', bytes, isWhole }) as const;
  const partly = { do: 'sends', who: 0, bytes: 150 } as const;
  switch (depth) {
    case 'waiting':
      return [connects, settled];
    case 'reused':
      return [connects, asks('get'), settled, answers(60, true), settled, asks('get'), settled];
    case 'dialling':
      return [connects, asks('get', 0, 'many'), { do: 'waits', ms: 4 }];
    case 'backingOff':
      return [connects, asks('get', 0, 'many'), { do: 'waits', ms: 6 }];
    case 'sending':
      return [connects, asks('post', 900, 'one', true), partly, settled];
    case 'expecting':
      return [connects, asks('expects', 400, 'one', true), settled];
    case 'blocked':
      return [
        connects,
        asks('post', windowBytes * 3, 'one', true),
        partly,
        settled,
        { do: 'originStalls', who: 0 },
        { do: 'sends', who: 0, bytes: windowBytes * 3 },
        { do: 'waits', ms: 170 },
      ];
    case 'exchanging':
      return [connects, asks('post', 900, 'one', true), partly, settled, answers(90, false), settled];
    case 'delivering':
      return [
        connects,
        asks('get'),
        settled,
        { do: 'clientStalls', who: 0 },
        answers(windowBytes * 4, true),
        { do: 'waits', ms: 220 },
      ];
    case 'bothDelivering':
      return [
        connects,
        asks('post', 900, 'one', true),
        partly,
        settled,
        { do: 'clientStalls', who: 0 },
        answers(windowBytes * 4, true),
        { do: 'waits', ms: 220 },
      ];
    case 'awaiting':
      return [connects, asks('get'), settled];
    case 'receiving':
      return [connects, asks('get'), settled, answers(500, false), settled];
    case 'responseEnded':
      return [connects, asks('post', 900, 'one', true), partly, settled, answers(90, true), settled];
    case 'tunnel':
    case 'tunnelIdling':
      return [
        connects,
        asks('upgrade', 0, 'ws'),
        settled,
        { do: 'switches', who: 0, bytes: 30 },
        { do: 'waits', ms: depth === 'tunnel' ? 15 : 330 },
      ];
    case 'handler':
      return [{ do: 'connects', port: 'handler' }, { do: 'speaks', who: 0, bytes: 50 }, settled];
    case 'last':
      return [connects, asks('get'), settled, { do: 'drains', who: 0 }, settled];
    case 'overAnswered':
      return [connects, asks('get'), settled, { do: 'answersTwice', who: 0, bytes: 60 }, settled, asks('get'), settled];
    case 'pinned':
      return [connects, asks('negotiates'), settled, answers(60, true), settled];
    default:
      return [];
  }
}
