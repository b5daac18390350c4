/**
 * The read that ended one request began the next: once that is answered, the leg must be read on for the rest of the head.
 */
import type { HttpHistory } from '../../support/http-race-history.ts';

export const pipelinedHeadWasNotReadOn: HttpHistory = {
  windowBytes: 1024,
  latenciesMs: [0],
  lies: [{}],
  origins: 'answer',
  finale: 'finish',
  dials: [{ type: 'succeeds', afterMs: 1 }],
  steps: [
    { do: 'connects', port: 'http' },
    { do: 'asks', who: 0, way: 'one', shape: 'post', bytes: 900, isHeldBack: true },
    { do: 'asks', who: 0, way: 'one', shape: 'get', bytes: 0, isHeldBack: false },
    { do: 'waits', ms: 20 },
  ],
};
