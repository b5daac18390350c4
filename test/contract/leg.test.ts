/**
 * Every leg is the same leg: the laws, against the public, the native and the memory leg.
 */
import { expect, test } from 'vitest';
import { acceptedPair, dialledPair, memoryLegPair, publicPair } from '../support/sockets.ts';
import { describeLegLaws } from './leg-laws.ts';

describeLegLaws('public', publicPair);
describeLegLaws('public, dialled', async () => {
  const pair = await dialledPair();
  // As where a Node does not let itself be asked for more.
  Reflect.set(pair.near, 'handle', null);
  return pair;
});
describeLegLaws('native, dialled', dialledPair);
describeLegLaws('native, accepted', acceptedPair);
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

test('what a listener accepts is read into memory of ours on every Node that is supported', async () => {
  await using pair = await acceptedPair();
  expect(pair.near.chunks).toBe('shared');
});
