/**
 * Histories in which TLS ends here: handshakes that are late, fail, hang, or are left in the middle, certificates that come
 * when nobody waits for them any more, and upstreams that are spoken to in TLS again.
 *
 * Read first: `race-history.ts`.
 */
import fc from 'fast-check';
import type { HandshakePlan } from '../../src/testing/memory-handshake.ts';
import type { DialPlan } from '../../src/testing/memory-network.ts';
import { legLies, type Step, type Terrain } from './race-history.ts';
import { found, type IdentityPlan } from './race-identities.ts';
import type { PortName, PrefaceName } from './race-plan.ts';
import { tlsManners, type TlsManner } from './race-tls-client.ts';
import { helloNames, tlsPortNames } from './race-tls-plan.ts';

const handshakes: fc.Arbitrary<HandshakePlan> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 5, 25, 60, 110).map(succeeds) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('fails' as const),
      afterMs: fc.nat(30),
      code: fc.constantFrom('ERR_SSL_NO_SHARED_CIPHER', 'CERT_HAS_EXPIRED', 'ECONNRESET'),
    }),
  },
  { weight: 1, arbitrary: fc.constant<HandshakePlan>({ type: 'hangs' }) },
);

function succeeds(afterMs: number): HandshakePlan {
  return { type: 'succeeds', afterMs };
}

/** Two lies at once as well: about the handshake, and about anything. */
const lies: Terrain['lies'] = fc
  .tuple(legLies, fc.option(handshakes, { freq: 3 }))
  .map(([lie, handshake]) => (handshake === null ? lie : { ...lie, handshake }));

const identities: fc.Arbitrary<IdentityPlan> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(null, null, 0, 4, 40, 150).map(foundAfter) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom('none' as const, 'fails' as const, 'spoiled' as const),
      afterMs: fc.constantFrom(null, 3, 40, 150),
    }),
  },
  { weight: 1, arbitrary: fc.constant<IdentityPlan>({ type: 'never' }) },
);

function foundAfter(afterMs: number | null): IdentityPlan {
  return { type: 'found', afterMs };
}

const soon: DialPlan = { type: 'succeeds', afterMs: 1 };
const refused: DialPlan = { type: 'fails', afterMs: 0, code: 'ECONNREFUSED' };
const sealedSlowly: DialPlan = { ...soon, faults: { handshake: { type: 'hangs' } } };
const settled: Step = { do: 'waits', ms: 20 };
const speaks: Step = { do: 'speaks', who: 0 };

function connects(port: PortName, preface: PrefaceName, manner: TlsManner = 'honest'): Step {
  return { do: 'connects', port, preface, manner };
}

const raw: readonly Step[] = [connects('terminated', 'helloRaw'), speaks];
const sealed: readonly Step[] = [
  connects('terminated', 'helloSealed'),
  speaks,
  { do: 'clientSends', who: 0, bytes: 5 },
  settled,
];

/** With honest handshakes on the way. */
function to(dial: DialPlan, ...steps: readonly Step[]): Terrain['approaches'][number] {
  return () => ({ ...honest, dials: [dial], steps });
}

/** With a client's leg that does not lie either. */
function surely(...steps: readonly Step[]): Terrain['approaches'][number] {
  return () => ({ ...honest, lies: truth, steps });
}

const truth = [{}];
const honest = { dials: [soon], identities: [found], sealings: ['seals'] } as const;

/** Where TLS ends. */
export const tlsTerrain: Terrain = {
  approaches: [
    () => ({ dials: [], steps: [] }),
    (_, spoken) => ({ dials: [], steps: [connects('inside', spoken), settled, speaks, settled] }),
    (_, spoken) => ({ dials: [], steps: [connects('terminated', spoken), speaks, settled] }),
    // Whatever is answered for a certificate, and whatever the upstream does in place of a handshake.
    ...[3, 30, 60].map((ms) => () => ({ dials: [], lies: truth, steps: [...raw, { do: 'waits', ms } as const] })),
    ...[3, 30].map((ms) => () => ({
      ...honest,
      sealings: [],
      lies: truth,
      steps: [...sealed, { do: 'waits', ms } as const],
    })),
    to(soon, connects('terminated', 'helloRaw'), { do: 'clientSends', who: 0, bytes: 40 }, settled),
    to(soon, connects('terminated', 'helloRaw', 'mute'), settled, speaks, settled),
    to(soon, connects('inside', 'helloSsh'), speaks, { do: 'waits', ms: 2 }, speaks, settled),
    to(soon, connects('inside', 'helloUnknown', 'eager'), speaks, speaks, settled),
    surely(connects('quiet', 'helloQuiet'), { do: 'clientSends', who: 0, bytes: 40 }, settled, speaks, {
      do: 'waits',
      ms: 90,
    }),
    surely(connects('inside', 'helloSilent'), speaks, { do: 'waits', ms: 45 }),
    surely(connects('inside', 'helloRedis'), speaks, settled, { do: 'clientSends', who: 0, bytes: 3 }, settled),
    to(sealedSlowly, connects('terminated', 'helloSealed'), speaks, settled),
    to(refused, connects('terminated', 'helloSealed'), speaks, { do: 'waits', ms: 15 }),
    to(soon, ...sealed, { do: 'waits', ms: 200 }),
    to(soon, ...sealed, { do: 'clientEnds', who: 0 }, settled),
    to(soon, ...sealed, { do: 'upstreamEnds', who: 0 }, settled),
    (windowBytes) => ({
      ...honest,
      steps: [
        ...sealed,
        { do: 'upstreamStalls', who: 0 },
        { do: 'clientSends', who: 0, bytes: windowBytes },
        settled,
        { do: 'clientSends', who: 0, bytes: Math.ceil(windowBytes / 2) },
        { do: 'clientEnds', who: 0 },
        settled,
        { do: 'upstreamEnds', who: 0 },
        settled,
      ],
    }),
  ],
  ports: [...tlsPortNames, 'plain'],
  prefaces: helloNames,
  manners: ['honest', 'honest', 'honest', ...tlsManners],
  always: ['speaks', 'speaks', 'speaks', 'speaks'],
  lies,
  more: fc.record({
    identities: fc.array(identities, { minLength: 1, maxLength: 4 }),
    sealings: fc.array(fc.constantFrom('seals', 'seals', 'babbles', 'ends', 'resets'), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
};
