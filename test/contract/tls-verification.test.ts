/**
 * Who is believed after a handshake, in both roles, and the sentence when somebody is not.
 */
import { X509Certificate, createHash } from 'node:crypto';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import type { Handshake, LegFact } from '../../src/io/leg.ts';
import { closeReasonOf, codeSentence, dialReasonOf, isKnownCode, isRetryable } from '../../src/io/os-codes.ts';
import { verificationCode } from '../../src/io/socket-handle.ts';
import { testAuthority, type TestCertificate } from '../support/certificates.ts';
import { Watch } from '../support/leg-watch.ts';
import { sharedIdentities, type HandshakeOptions } from '../support/secured-pairs.ts';
import { publicPair } from '../support/sockets.ts';

const stranger = testAuthority('Stranger');

function pinOf({ cert }: TestCertificate): string {
  const key = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}

interface Outcome {
  readonly server: LegFact | undefined;
  readonly client: LegFact | undefined;
}

/** The last word of each side: `secured`, or `failed`. */
async function outcomeOf(server: Handshake, client: Handshake): Promise<Outcome> {
  await using pair = await publicPair();
  const near = new Watch(pair.near);
  const far = new Watch(pair.far);
  const last = ({ facts }: Watch) => facts.findLast(({ type }) => type === 'secured' || type === 'failed');
  pair.far.secure(client);
  await pair.until(() => pair.near.heldBytes > 0);
  pair.near.secure(server);
  await pair.until(() => last(near) !== undefined && last(far) !== undefined);
  // What a server says of a client's certificate comes after the client is done.
  await pair.settle();
  return { server: last(near), client: last(far) };
}

async function handshakesOf(options: HandshakeOptions, server?: TestCertificate) {
  const { handshakes, authority } = await sharedIdentities();
  const how = handshakes(options);
  if (server === undefined) return how;
  return { ...how, server: { ...how.server, context: createSecureContext({ ...server, ca: authority.cert }) } };
}

test('where Node does not say what became of a chain, nobody is believed', () => {
  const socket = new TLSSocket(new Duplex({ read: () => undefined }), { isServer: true });
  socket.on('error', () => undefined);
  socket.destroy();
  expect(verificationCode(socket)).toBe('SALLYPORT_TLS_UNVERIFIED');
});

test('every code of TLS has a sentence and a reason, also one that OpenSSL has only since yesterday', () => {
  for (const code of ['ERR_SSL_NO_SHARED_CIPHER', 'ERR_TLS_CERT_ALTNAME_INVALID', 'EPROTO', 'SALLYPORT_TLS_ALPN']) {
    expect(codeSentence(code)).toMatch(/^[^A-Z].*[^.]$|^TLS/);
    expect([closeReasonOf('downstream', code), closeReasonOf('upstream', code)]).toEqual([
      'downstream.tls',
      'upstream.tls',
    ]);
  }
  expect(codeSentence('ERR_SSL_SOMETHING_NEW')).toBe('TLS failed: something new');
  expect([codeSentence('ERR_SOMETHING'), isKnownCode('ERR_SSL_SOMETHING_NEW')]).toEqual([null, true]);
});

describe('an upstream is believed', () => {
  test.each(['a.test', 'x.b.test', '127.0.0.1'])('where its certificate covers %s', async (serverName) => {
    const { server, client } = await handshakesOf({ serverName });
    expect((await outcomeOf(server, client)).client).toMatchObject({
      type: 'secured',
      by: {
        serverName: serverName === '127.0.0.1' ? null : serverName,
        peer: { subject: 'CN=a.test,O=Sallyport', names: ['a.test', '*.b.test', '127.0.0.1'] },
      },
    });
  });

  test('whoever it is, where verification is off', async () => {
    const { server, client } = await handshakesOf(
      { verify: false, serverName: 'elsewhere.test' },
      await (await stranger).issue(['other.test'], { from: -30, to: -1 }),
    );
    expect((await outcomeOf(server, client)).client).toMatchObject({ type: 'secured' });
  });

  test('with the pinned key, also where verification is off', async () => {
    const own = await (await stranger).issue(['a.test']);
    const { server, client } = await handshakesOf({ verify: false, pins: ['AAAA', pinOf(own)] }, own);
    expect((await outcomeOf(server, client)).client).toMatchObject({ type: 'secured' });
  });
});

describe('an upstream is not believed, and the failure says who, what was expected and what came', () => {
  test.each([
    {
      why: 'another name',
      serverName: 'c.test',
      verify: true,
      pins: [],
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      says: 'the certificate of c.test does not cover that name: it covers a.test, *.b.test, 127.0.0.1',
    },
    {
      why: 'a wildcard that is no whole label deep',
      serverName: 'x.y.b.test',
      verify: true,
      pins: [],
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      says: 'does not cover that name',
    },
    {
      why: 'another key than the pinned',
      serverName: 'a.test',
      verify: false,
      pins: ['AAAA'],
      code: 'SALLYPORT_TLS_PIN',
      says: 'the public key of a.test is not pinned: expected AAAA, got ',
    },
  ])('$why', async ({ serverName, verify, pins, code, says }) => {
    const { server, client } = await handshakesOf({ serverName, verify, pins });
    const cause: unknown = expect.stringContaining(says);
    expect((await outcomeOf(server, client)).client).toEqual({ type: 'failed', code, cause });
  });

  test.each([
    ['an authority nobody trusts', 'stranger', { from: -1, to: 30 }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['a certificate that has expired', 'own', { from: -30, to: -1 }, 'CERT_HAS_EXPIRED'],
    ['a certificate that is not valid yet', 'own', { from: 1, to: 30 }, 'CERT_NOT_YET_VALID'],
  ] as const)('%s', async (_why, whose, life, code) => {
    const authority = whose === 'own' ? (await sharedIdentities()).authority : await stranger;
    const { server, client } = await handshakesOf({}, await authority.issue(['a.test'], life));
    const clause = codeSentence(code) ?? 'no sentence';
    const cause: unknown = expect.stringContaining(
      `the certificate of a.test is not trusted: ${clause} (it is CN=a.test`,
    );
    expect((await outcomeOf(server, client)).client).toEqual({ type: 'failed', code, cause });
    expect([closeReasonOf('upstream', code), dialReasonOf(code), isRetryable(code)]).toEqual([
      'upstream.tls',
      'upstream.tls',
      true,
    ]);
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('the certificate of a client (%s)', (version) => {
  test.each([
    ['none', false, 'secured'],
    ['ask', false, 'secured'],
    ['ask', true, 'secured'],
    ['require', true, 'secured'],
    ['require', false, 'failed ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'],
  ] as const)('clientAuth %s, shown: %s: %s', async (clientAuth, clientCertificate, expected) => {
    const { server, client } = await handshakesOf({ version, clientAuth, clientCertificate });
    const outcome = await outcomeOf(server, client);
    const told = outcome.server?.type === 'failed' ? `failed ${outcome.server.code}` : outcome.server?.type;
    expect(told).toBe(expected);
    if (expected === 'secured')
      expect(outcome.server).toMatchObject({ by: { peer: clientCertificate ? { names: ['client.test'] } : null } });
    // The alert: OpenSSL's own, where none is shown.
    else expect(outcome.client?.type === 'failed' ? outcome.client.code : null).toMatch(/ALERT/);
  });

  test.each(['ask', 'require'] as const)('a bad certificate never passes (clientAuth %s)', async (clientAuth) => {
    const { handshakes, authority } = await sharedIdentities();
    const { server, client } = handshakes({ version, clientAuth });
    const context = createSecureContext({
      ...(await (await stranger).issue(['client.test'])),
      ca: authority.cert,
      maxVersion: version,
    });
    const outcome = await outcomeOf(server, { ...client, context });
    const cause: unknown = expect.stringContaining('the certificate of the client is not trusted');
    expect(outcome.server).toEqual({ type: 'failed', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', cause });
  });
});
