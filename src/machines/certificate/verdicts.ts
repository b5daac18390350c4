/**
 * For every state and every fact of a certificate: is it acted on, or ignored, and why is that right?
 *
 * Decides nothing; test/property/certificate-walk.test.ts holds it against the chart.
 * Read first: `machine.ts`; `../connection/verdicts.ts` says what verdicts are for.
 */
import type { CertificateFactType } from './events.ts';

const steps = [
  'CLAIMING',
  'CONFIRMING',
  'ORDERING',
  'CHALLENGING.PUBLISHING',
  'CHALLENGING.ASKING',
  'CHALLENGING.WAITING',
  'FINALISING.REQUESTING',
  'FINALISING.WAITING',
  'FINALISING.ASKING',
  'FINALISING.FETCHING',
  'SAVING',
] as const;

type Step = (typeof steps)[number];

const rest = ['WAITING_FOR_LOCK', 'BACKING_OFF'] as const;

export type CertificateLeaf =
  | `MISSING.${'LOOKING' | `ISSUING.${Step}` | (typeof rest)[number]}`
  | `VALID.${'CHECKING' | 'ADVISING' | 'SETTLED' | `RENEWING.${Step}` | (typeof rest)[number]}`
  | 'RETIRED';

/** Every leaf of the chart, in document order. */
export const certificateLeaves: readonly CertificateLeaf[] = [
  'MISSING.LOOKING',
  ...steps.map((step) => `MISSING.ISSUING.${step}` as const),
  ...rest.map((name) => `MISSING.${name}` as const),
  'VALID.CHECKING',
  'VALID.ADVISING',
  'VALID.SETTLED',
  ...steps.map((step) => `VALID.RENEWING.${step}` as const),
  ...rest.map((name) => `VALID.${name}` as const),
  'RETIRED',
];

export type CertificateVerdict = 'handled' | { readonly ignored: string };

/** What becomes of a fact in a leaf. Total. */
export function certificateVerdictOf(leaf: CertificateLeaf, fact: CertificateFactType): CertificateVerdict {
  if (leaf === 'RETIRED') return final;
  if (fact === 'retire.requested' || handled(leaf).includes(fact)) return 'handled';
  return unheard[fact];
}

const final = { ignored: 'RETIRED is final: the names are wanted no more, and late facts change nothing' } as const;

const late = {
  ignored: 'an answer to a step that was cancelled: whoever answers drops it, and it would change nothing',
} as const;

/** Why a fact may be ignored wherever `handled` does not list it. A new fact needs a line here. */
const unheard: Readonly<Record<CertificateFactType, CertificateVerdict>> = {
  'certificate.found': {
    ignored: 'whoever holds the lock, or is asking about it, looks in the store itself before the next order',
  },
  'certificate.absent': late,
  'attempt.deferred': late,
  'lock.granted': late,
  'lock.refused': late,
  'lock.lost': { ignored: 'no lock is held here' },
  'order.opened': late,
  'order.ready': late,
  'order.pending': late,
  'order.issued': late,
  'challenges.published': late,
  'certificate.issued': late,
  'certificate.saved': late,
  'attempt.failed': { ignored: 'no step that could fail is under way' },
  'authority.unreached': late,
  'renewal.due': late,
  'renewal.later': late,
  'advice.due': late,
  'advice.settled': late,
  'retire.requested': 'handled',
};

type Heard = readonly CertificateFactType[];

const looking: Heard = ['certificate.found', 'certificate.absent', 'attempt.deferred'];
const failing: Heard = ['attempt.failed', 'lock.lost'];

const heardInStep: Readonly<Record<Step, Heard>> = {
  CLAIMING: ['lock.granted', 'lock.refused'],
  CONFIRMING: looking,
  ORDERING: [
    'order.opened',
    'order.ready',
    'order.pending',
    'order.issued',
    'certificate.issued',
    'authority.unreached',
  ],
  'CHALLENGING.PUBLISHING': ['challenges.published', 'order.ready'],
  'CHALLENGING.ASKING': ['order.pending', 'order.ready'],
  'CHALLENGING.WAITING': ['order.ready'],
  'FINALISING.REQUESTING': ['order.pending', 'order.issued'],
  'FINALISING.WAITING': [],
  'FINALISING.ASKING': ['order.pending', 'order.issued', 'order.ready'],
  'FINALISING.FETCHING': ['certificate.issued'],
  SAVING: ['certificate.saved'],
};

function handled(leaf: CertificateLeaf): Heard {
  const step = steps.find((name) => leaf === `MISSING.ISSUING.${name}` || leaf === `VALID.RENEWING.${name}`);
  if (step !== undefined) return [...heardInStep[step], ...failing];
  switch (leaf) {
    case 'MISSING.LOOKING':
      return [...looking, 'attempt.failed'];
    case 'VALID.CHECKING':
      return ['renewal.due', 'renewal.later', 'advice.due'];
    case 'VALID.ADVISING':
      return ['advice.settled', 'certificate.found'];
    default:
      return ['certificate.found'];
  }
}
