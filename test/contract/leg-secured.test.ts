/**
 * A leg inside TLS is a leg: the same laws, over real handshakes in both roles and both versions.
 */
import { securedPair } from '../support/secured-pairs.ts';
import { acceptedPair, memoryLegPair, publicPair } from '../support/sockets.ts';
import { describeLegLaws } from './leg-laws.ts';
import { describeTlsLaws } from './leg-tls-laws.ts';

describeLegLaws('public, as a TLS server', async () => securedPair(await publicPair(), 'server'));
describeLegLaws('public, as a TLS client', async () => securedPair(await publicPair(), 'client'));
describeLegLaws('public, as a server of TLS 1.2', async () =>
  securedPair(await publicPair(), 'server', { version: 'TLSv1.2' }),
);
describeTlsLaws('public', publicPair);
describeTlsLaws('native', acceptedPair);
describeTlsLaws('memory', () => Promise.resolve(memoryLegPair()));
describeTlsLaws('memory, in pieces', () =>
  Promise.resolve(memoryLegPair({ nearFaults: { writesPartially: 7 }, farFaults: { writesPartially: 11 } })),
);
