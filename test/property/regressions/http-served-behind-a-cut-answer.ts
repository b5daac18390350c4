/**
 * Two requests in one read, the first of them blocked by a reset: the second was served, and its answer stood in the place
 * of the first one's.
 */
import type { HttpHistory } from '../../support/http-race-history.ts';

export const servedBehindACutAnswer: HttpHistory = {
  windowBytes: 4096,
  latenciesMs: [0],
  lies: [{}],
  origins: 'wait',
  finale: 'finish',
  dials: [{ type: 'succeeds', afterMs: 0 }],
  steps: [
    { do: 'connects', port: 'http' },
    { do: 'asks', who: 0, way: 'reset', shape: 'get', bytes: 1, isHeldBack: true },
    { do: 'asks', who: 0, way: 'redirect', shape: 'get', bytes: 1, isHeldBack: false },
    { do: 'waits', ms: 20 },
  ],
};
