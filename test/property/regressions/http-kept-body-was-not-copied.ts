/**
 * A body that arrived with its head waits for the upstream connection, in memory that is its leg's: it must be copied, also
 * where the leg hands out a Buffer, whose `slice` copies nothing.
 */
import type { HttpHistory } from '../../support/http-race-history.ts';

export const keptBodyWasNotCopied: HttpHistory = {
  windowBytes: 4096,
  latenciesMs: [0],
  lies: [{}],
  origins: 'answer',
  finale: 'finish',
  dials: [{ type: 'succeeds', afterMs: 1 }],
  steps: [
    { do: 'connects', port: 'http' },
    { do: 'asks', who: 0, way: 'one', shape: 'post', bytes: 100, isHeldBack: false },
    { do: 'waits', ms: 20 },
  ],
};
