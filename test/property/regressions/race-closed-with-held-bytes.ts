/**
 * Both FINs had passed on the client's leg, so its transport closed by itself while bytes it had brought still waited for a
 * slow upstream; they must be handed on all the same.
 */
import type { History } from '../../support/race-history.ts';

export const closedWithHeldBytes: History = {
  windowBytes: 4096,
  latenciesMs: [0],
  lies: [{}],
  finale: 'finish',
  dials: [{ resolveMs: 0, faults: { closesWithoutEnd: 1 }, type: 'succeeds', afterMs: 45 }],
  steps: [
    { do: 'connects', port: 'plain', preface: 'bomb' },
    { do: 'ticks', count: 1 },
    { do: 'clientSends', who: 0, bytes: 2731 },
    { do: 'clientSends', who: 0, bytes: 5462 },
    { do: 'clientSends', who: 0, bytes: 1 },
  ],
};
