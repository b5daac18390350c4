/**
 * For every state and every fact of an endpoint: is it acted on, or ignored, and why is that right?
 *
 * Decides nothing; test/property/endpoint-walk.test.ts holds it against the chart.
 * Read first: `machine.ts`; `../connection/verdicts.ts` says what verdicts are for.
 */
import type { EndpointFactType } from './events.ts';

const watched = ['UP.STARTING', 'UP.SETTLED', 'EJECTED', 'HALF_OPEN.READY', 'HALF_OPEN.TRYING', 'DOWN'] as const;

export type EndpointLeaf =
  | 'UP.JOINING'
  | `${(typeof watched)[number]}.${'RESTING' | 'CHECKING'}`
  | 'DRAINING'
  | 'RETIRED';

/** Every leaf of the chart, in document order. */
export const endpointLeaves: readonly EndpointLeaf[] = [
  'UP.JOINING',
  ...watched.flatMap((state) => [`${state}.RESTING`, `${state}.CHECKING`] as const),
  'DRAINING',
  'RETIRED',
];

export type EndpointVerdict = 'handled' | { readonly ignored: string };

/** What becomes of a fact in a leaf. Total. */
export function endpointVerdictOf(leaf: EndpointLeaf, fact: EndpointFactType): EndpointVerdict {
  if (leaf === 'RETIRED') return final;
  return handled(leaf).includes(fact) ? 'handled' : unheard[fact];
}

const final = { ignored: 'RETIRED is final: nobody wants the endpoint, and late facts change nothing' } as const;

const lateCheck = {
  ignored: 'an answer to a check that was cancelled: whoever answers drops it, and it would change nothing',
} as const;

const lateDial = {
  ignored: 'a dial that began before the endpoint was left out; its outcome was counted with those before it',
} as const;

const lateTrial = { ignored: 'the trial is over: its time was up, or checks have decided meanwhile' } as const;

/** Why a fact may be ignored wherever `handled` does not list it. A new fact needs a line here. */
const unheard: Readonly<Record<EndpointFactType, EndpointVerdict>> = {
  'check.passed': lateCheck,
  'check.failed': lateCheck,
  'check.skipped': lateCheck,
  'dial.succeeded': lateDial,
  'dial.failed': lateDial,
  'trial.started': { ignored: 'no trial is offered; whoever takes a place asks what was announced last' },
  'trial.passed': lateTrial,
  'trial.failed': lateTrial,
  'trial.abandoned': lateTrial,
  'drain.requested': { ignored: 'it is draining already, and a second request does not give it more time' },
  'restore.requested': { ignored: 'it has never stopped being wanted' },
  'connections.closed': { ignored: 'an endpoint without connections is an endpoint all the same, until it is drained' },
  'retire.requested': 'handled',
};

const checks: readonly EndpointFactType[] = ['check.passed', 'check.failed', 'check.skipped'];
const dials: readonly EndpointFactType[] = ['dial.succeeded', 'dial.failed'];
const ends: readonly EndpointFactType[] = ['trial.passed', 'trial.failed', 'trial.abandoned'];

function handled(leaf: EndpointLeaf): readonly EndpointFactType[] {
  if (leaf === 'DRAINING') return ['connections.closed', 'restore.requested', 'retire.requested'];
  return [
    'drain.requested',
    'retire.requested',
    ...(leaf === 'UP.JOINING' || leaf.endsWith('.CHECKING') ? checks : []),
    ...(leaf.startsWith('UP.') ? dials : []),
    ...(leaf.startsWith('HALF_OPEN.READY.') ? (['trial.started'] as const) : []),
    ...(leaf.startsWith('HALF_OPEN.TRYING.') ? ends : []),
  ];
}
