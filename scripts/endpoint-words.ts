/**
 * What the page of the endpoint chart says in words about each state.
 *
 * Checks look the same wherever they are made, so their words are written once.
 * Read first: `chart-docs.ts`, `chart-words.ts`.
 */
import type { ChartWords } from './chart-words.ts';

const check = 'the check';
const none = 'nothing';

function watched(state: string, when: string, resource = none): ChartWords {
  return {
    [state]: { when, resource },
    [`${state}.RESTING`]: { when: 'the next check waits; for ever where there are no checks', resource },
    [`${state}.CHECKING`]: {
      when: 'it has been asked whether it is well',
      resource: resource === none ? check : `${resource}, ${check}`,
    },
  };
}

export const endpointWords: ChartWords = {
  UP: { when: 'it is given connections; the breaker is closed', resource: none },
  'UP.JOINING': {
    when: 'nothing is known yet: it is used meanwhile, and its first check decides alone',
    resource: check,
  },
  ...watched('UP.STARTING', 'it was down or ejected, and its weight grows'),
  ...watched('UP.SETTLED', 'its weight counts in full; without checks it stays here, which is traffic’s to end'),
  ...watched('EJECTED', 'dials failed too often and it is left alone for a while; the breaker is open'),
  HALF_OPEN: { when: 'the ejection is over and one dial may try; the breaker is half-open', resource: none },
  ...watched('HALF_OPEN.READY', 'nobody has tried yet, which is traffic’s to end'),
  ...watched('HALF_OPEN.TRYING', 'one dial tries, and no other may', 'the place of the trial'),
  ...watched('DOWN', 'checks say that it is not well'),
  DRAINING: { when: 'it is wanted no more, and its connections may finish', resource: none },
  RETIRED: { when: 'nobody knows it any more', resource: none },
};
