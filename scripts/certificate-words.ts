/**
 * What the page of the certificate chart says in words about each state.
 *
 * An attempt looks the same whether or not an older certificate serves, so its words are written once.
 * Read first: `chart-docs.ts`, `chart-words.ts`.
 */
import type { ChartWords, StateWords } from './chart-words.ts';

const lock = 'the lock of the name set';
const order = '+ the order';
const answers = '+ the challenges’ answers';

const attempt: Readonly<Record<string, StateWords>> = {
  CLAIMING: { when: 'the lock has been asked for', resource: 'the claim' },
  CONFIRMING: {
    when: 'the lock is ours; whoever had it before may have left a certificate, or a failure to wait for',
    resource: lock,
  },
  ORDERING: {
    when: 'an order is being made, or the one of an earlier attempt looked at: it is resumed where it can be',
    resource: order,
  },
  CHALLENGING: { when: 'the names are being proved', resource: answers },
  'CHALLENGING.PUBLISHING': { when: 'the answers are being put where the CA will look', resource: answers },
  'CHALLENGING.ASKING': { when: 'the CA has been asked how far it is', resource: answers },
  'CHALLENGING.WAITING': { when: 'the next question waits, as long as the CA said', resource: answers },
  FINALISING: { when: 'every name is proved', resource: order },
  'FINALISING.REQUESTING': { when: 'the certificate has been requested (CSR)', resource: order },
  'FINALISING.WAITING': { when: 'the CA signs; the next question waits, as long as it said', resource: order },
  'FINALISING.ASKING': { when: 'the CA has been asked how far it is', resource: order },
  'FINALISING.FETCHING': { when: 'the certificate is being fetched', resource: order },
  SAVING: { when: 'certificate and key are being written, as one value', resource: `${order}, the new certificate` },
};

const rest = {
  WAITING_FOR_LOCK: 'somebody else orders; what they save is found by the store’s watch, or at the next try',
  BACKING_OFF: 'an attempt failed, here or elsewhere, and the next one waits',
} as const;

function attemptIn(state: string, when: string): ChartWords {
  const below = Object.entries(attempt).map(([name, words]) => [`${state}.${name}`, words] as const);
  return { [state]: { when, resource: lock }, ...Object.fromEntries(below) };
}

const serving = 'the certificate that serves';

export const certificateWords: ChartWords = {
  MISSING: { when: 'no certificate has been there yet', resource: 'nothing' },
  'MISSING.LOOKING': { when: 'the store has been asked for the certificate of an earlier run', resource: 'nothing' },
  ...attemptIn('MISSING.ISSUING', 'the first certificate is being got'),
  'MISSING.WAITING_FOR_LOCK': { when: rest.WAITING_FOR_LOCK, resource: 'nothing' },
  'MISSING.BACKING_OFF': { when: rest.BACKING_OFF, resource: 'nothing' },
  VALID: { when: 'a certificate serves; left only to retire, whatever fails inside', resource: serving },
  'VALID.CHECKING': {
    when: 'the wall clock is being looked at; left in the same tick',
    resource: serving,
  },
  'VALID.ADVISING': { when: 'the CA has been asked when to renew (RFC 9773)', resource: serving },
  'VALID.SETTLED': {
    when: 'there is nothing to do until the renewal. The wall clock is looked at every hour, because it may jump',
    resource: serving,
  },
  ...attemptIn('VALID.RENEWING', 'the next certificate is being got, while the old one serves'),
  'VALID.WAITING_FOR_LOCK': { when: rest.WAITING_FOR_LOCK, resource: serving },
  'VALID.BACKING_OFF': { when: rest.BACKING_OFF, resource: serving },
  RETIRED: { when: 'nothing needs the names any more, or the proxy stopped', resource: 'nothing' },
};
