/**
 * SecureContexts are made once, and sessions go where they may and nowhere else.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TlsContexts } from '../../src/io/tls/contexts.ts';
import { ticketKeyLifeMs } from '../../src/io/tls/ticket-keys.ts';
import type { Secured } from '../../src/io/tls/identity.ts';
import type { Handshake } from '../../src/io/leg.ts';
import type { TlsPlan, UpstreamTlsPlan } from '../../src/routing/tls-plan.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { Watch } from '../support/leg-watch.ts';
import { sharedIdentities } from '../support/secured-pairs.ts';
import { publicPair } from '../support/sockets.ts';
import { materialOf, plainPlan } from '../support/tls-echo.ts';

const upstreamPlan: UpstreamTlsPlan = {
  ca: null,
  serverName: null,
  verify: true,
  pins: [],
  minVersion: 'TLSv1.2',
  identity: null,
};

function withClientAuth(ca: string): TlsPlan {
  return { ...plainPlan, policy: 'with clients', clientAuth: { ca: { kind: 'text', text: ca }, require: false } };
}

/** A handshake and a message from the server, after which the client has its ticket. */
async function shakeHands(server: Handshake, client: Handshake): Promise<Secured> {
  await using pair = await publicPair();
  const near = new Watch(pair.near);
  const far = new Watch(pair.far);
  pair.far.secure(client);
  await pair.until(() => pair.near.heldBytes > 0);
  pair.near.secure(server);
  await pair.until(() => near.count('secured') + near.count('failed') > 0 && far.count('secured') > 0);
  pair.near.write(Buffer.from('x'), 'owned');
  far.take();
  await pair.until(() => far.text === 'x');
  const [by] = near.facts.flatMap((fact) => (fact.type === 'secured' ? [fact.by] : []));
  if (by === undefined) throw new Error(near.log.join());
  return by;
}

test('one context for each certificate and policy, however often it is asked for', async () => {
  const { authority } = await sharedIdentities();
  const [one, two] = [
    materialOf(await authority.issue(['a.test'])),
    materialOf(await authority.issue(['a.test']), 'two'),
  ];
  const clock = new StepClock();
  const contexts = new TlsContexts({ clock });
  const clients = withClientAuth(authority.cert);
  await contexts.prepare([plainPlan, clients]);
  const first = contexts.contextFor(plainPlan, one);
  expect(contexts.contextFor({ ...plainPlan, configPath: 'routes[9].tls' }, one)).toBe(first);
  const others = [
    contexts.contextFor(plainPlan, two),
    contexts.contextFor(clients, one),
    contexts.challengeContextFor(one),
  ];
  expect(new Set([first, ...others]).size).toBe(4);
  expect(contexts.clientContext(upstreamPlan)).toBe(contexts.clientContext(upstreamPlan));
  clock.advance(ticketKeyLifeMs - 1);
  expect(contexts.contextFor(plainPlan, one)).toBe(first);
  clock.advance(1);
  expect(contexts.contextFor(plainPlan, one)).not.toBe(first);
  expect(clock.armedCount).toBe(0);
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a session is resumed with any certificate of its policy, and never under another policy (%s)',
  async (version) => {
    const { authority, handshakes } = await sharedIdentities();
    const contexts = new TlsContexts({ clock: new StepClock() });
    const clients = withClientAuth(authority.cert);
    await contexts.prepare([clients]);
    const serverOf = async (plan: TlsPlan, id: string): Promise<Handshake> => ({
      role: 'server',
      context: contexts.contextFor(plan, materialOf(await authority.issue(['a.test']), id)),
      alpn: [],
      clientAuth: plan.clientAuth === null ? 'none' : 'ask',
    });
    const { client } = handshakes({ version });
    expect((await shakeHands(await serverOf(plainPlan, 'one'), client)).isResumed).toBe(false);
    expect((await shakeHands(await serverOf(plainPlan, 'one'), client)).isResumed).toBe(true);
    expect((await shakeHands(await serverOf(plainPlan, 'renewed'), client)).isResumed).toBe(true);
    for (const other of [clients, { ...plainPlan, policy: 'another' }]) {
      await shakeHands(await serverOf(plainPlan, 'one'), client);
      expect((await shakeHands(await serverOf(other, 'one'), client)).isResumed).toBe(false);
    }
    const { client: another } = handshakes({ version });
    expect((await shakeHands(await serverOf(plainPlan, 'one'), another)).isResumed).toBe(false);
  },
);

test('towards upstreams sessions are resumed by the same demands, and never by others', async () => {
  const { handshakes } = await sharedIdentities();
  const { server, client } = handshakes();
  if (client.role !== 'client') throw new Error('no client');
  expect((await shakeHands(server, client)).isResumed).toBe(false);
  expect((await shakeHands(server, client)).isResumed).toBe(true);
  expect((await shakeHands(server, { ...client, serverName: 'x.b.test' })).isResumed).toBe(false);
  expect((await shakeHands(server, { ...client, verify: false })).isResumed).toBe(false);
  await using again = await publicPair();
  const told = new Watch(again.far);
  again.far.secure(client);
  await again.until(() => again.near.heldBytes > 0);
  again.near.secure(server);
  await again.until(() => told.count('secured') === 1);
  expect(told.facts.at(-1)).toMatchObject({
    by: { isResumed: true, peer: { names: ['a.test', '*.b.test', '127.0.0.1'] } },
  });
  await using pair = await publicPair();
  const far = new Watch(pair.far);
  pair.far.secure({ ...client, pins: ['AAAA'] });
  await pair.until(() => pair.near.heldBytes > 0);
  pair.near.secure(server);
  await pair.until(() => far.isOver);
  expect(far.log).toEqual(['failed SALLYPORT_TLS_PIN', 'released']);
});

test.each([
  ['ECDHE-ECDSA-AES128-GCM-SHA256', null, 'TLSv1.3', 'TLSv1.3'],
  ['ECDHE-ECDSA-AES128-GCM-SHA256', null, 'TLSv1.2', 'TLSv1.2'],
  ['TLS_CHACHA20_POLY1305_SHA256', null, 'TLSv1.3', 'TLSv1.3'],
  [null, 'TLSv1.2', 'TLSv1.3', 'TLSv1.2'],
] as const)('ciphers %s and at most %s meet a client of %s in %s', async (ciphers, maxVersion, asked, agreed) => {
  const { authority, handshakes } = await sharedIdentities();
  const contexts = new TlsContexts({ clock: new StepClock() });
  const plan: TlsPlan = { ...plainPlan, policy: 'odd', ciphers, maxVersion };
  const context = contexts.contextFor(plan, materialOf(await authority.issue(['a.test'])));
  const by = await shakeHands(
    { role: 'server', context, alpn: [], clientAuth: 'none' },
    handshakes({ version: asked }).client,
  );
  expect(by.version).toBe(agreed);
  if (ciphers !== null && agreed === 'TLSv1.3' && ciphers.startsWith('TLS_')) expect(by.cipher).toBe(ciphers);
});

test('files are read before the first connection, and what cannot be read or is no certificate is said with its place', async () => {
  const { authority } = await sharedIdentities();
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-contexts-'));
  try {
    const path = join(folder, 'ca.pem');
    const plan: TlsPlan = { ...plainPlan, clientAuth: { ca: { kind: 'file', path }, require: true } };
    const contexts = new TlsContexts({ clock: new StepClock() });
    await expect(contexts.prepare([plan])).rejects.toMatchObject({
      code: 'SALLYPORT_CERTIFICATE_UNREADABLE',
      message: `routes[0].tls.clientAuth.ca: cannot read ${path}`,
    });
    await writeFile(path, 'no certificate');
    await expect(contexts.prepare([plan])).rejects.toMatchObject({ code: 'SALLYPORT_CERTIFICATE_INVALID' });
    await writeFile(path, authority.cert);
    await contexts.prepare([plan]);
    const material = materialOf(await authority.issue(['a.test']));
    const first = contexts.contextFor(plan, material);
    await contexts.prepare([plan]);
    expect(contexts.contextFor(plan, material)).not.toBe(first);
    const missing = (name: string) => ({ kind: 'file' as const, path: join(folder, name) });
    const identity = { cert: missing('cert.pem'), key: missing('key.pem') };
    const dialer = { configPath: 'pools.db.dialer', tls: { ...upstreamPlan, ca: missing('no.pem'), identity } };
    await expect(contexts.prepare([], [dialer])).rejects.toMatchObject({
      code: 'SALLYPORT_CERTIFICATE_UNREADABLE',
      message: ['ca: cannot read no.pem', 'cert: cannot read cert.pem', 'key: cannot read key.pem']
        .map((one) => `pools.db.dialer.${one.replace('read ', `read ${folder}/`)}`)
        .join('\n'),
    });
    const [own, other] = [await authority.issue(['one.test']), await authority.issue(['other.test'])];
    const foreign = {
      cert: { kind: 'text' as const, text: own.cert },
      key: { kind: 'text' as const, text: other.key },
    };
    const upstream: UpstreamTlsPlan = { ...upstreamPlan, identity: foreign };
    await expect(contexts.prepare([{ ...plainPlan, upstream }])).rejects.toMatchObject({
      code: 'SALLYPORT_CERTIFICATE_KEY',
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a leg begins TLS with a context that is asked for now, whatever has been forgotten since', async () => {
  const { authority, handshakes } = await sharedIdentities();
  const contexts = new TlsContexts({ clock: new StepClock() });
  const context = contexts.contextFor(plainPlan, materialOf(await authority.issue(['a.test'])));
  contexts.close();
  const by = await shakeHands({ role: 'server', context, alpn: [], clientAuth: 'none' }, handshakes().client);
  expect(by.version).toBe('TLSv1.3');
});
