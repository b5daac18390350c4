/**
 * Everything and both FINs were handed to the system while the upstream did not read: the connection is complete, and the
 * upstream reads the last byte long afterwards.
 */
import type { History } from '../../support/race-history.ts';

export const completedBeforeItWasRead: History = {
  windowBytes: 4096,
  latenciesMs: [0],
  lies: [{}],
  finale: 'silence',
  dials: [
    { type: 'succeeds', afterMs: 1 },
    { resolveMs: 0, faults: { diesSilently: 0 }, type: 'succeeds', afterMs: 0 },
  ],
  steps: [
    { do: 'connects', port: 'plain', preface: 'nothing' },
    { do: 'clientSends', who: 0, bytes: 5 },
    { do: 'waits', ms: 20 },
    { do: 'waits', ms: 310 },
    { do: 'upstreamStalls', who: 0 },
    { do: 'clientSends', who: 0, bytes: 1 },
    { do: 'clientEnds', who: 0 },
    { do: 'upstreamEnds', who: 0 },
  ],
};
