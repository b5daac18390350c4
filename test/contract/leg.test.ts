/**
 * Every leg is the same leg: the laws, against the public and the memory leg.
 */
import { dialledPair, memoryLegPair, publicPair } from '../support/sockets.ts';
import { describeLegLaws } from './leg-laws.ts';

describeLegLaws('public', publicPair);
describeLegLaws('public, dialled', dialledPair);
describeLegLaws('memory', () => Promise.resolve(memoryLegPair()));
describeLegLaws('memory, in pieces', () =>
  Promise.resolve(
    memoryLegPair({
      windowBytes: 65_536,
      nearFaults: { writesPartially: 7_919 },
      farFaults: { writesPartially: 20_011 },
    }),
  ),
);
