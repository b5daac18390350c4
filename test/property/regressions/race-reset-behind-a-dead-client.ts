/**
 * The client's leg dies without a word and the upstream is reset a moment before: whichever is noticed first is the cause.
 */
import type { History } from '../../support/race-history.ts';

export const resetBehindADeadClient: History = {
  windowBytes: 4096,
  latenciesMs: [1],
  lies: [{ diesSilently: 7 }],
  finale: 'finish',
  dials: [{ resolveMs: 0, faults: {}, type: 'resets', afterMs: 0, resetMs: 6 }],
  steps: [
    { do: 'connects', port: 'capped', preface: 'bomb' },
    { do: 'waits', ms: 5 },
  ],
};
