/**
 * Certificates from a real CA: Pebble, with every kind of challenge, refused nonces, slow validation and bindings.
 *
 * Read first: test/support/pebble.ts, test/support/acme-world.ts.
 */
import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { nameSetOf, places } from '../../src/certificates/orders-record.ts';
import { AcmeWorld, acmePlan, answerTls, autoPlan, storeFolder } from '../support/acme-world.ts';
import { hasPeer, peerTest } from '../support/peers.ts';
import { startPebble, type Pebble } from '../support/pebble.ts';

const programs = ['pebble', 'pebble-challtestsrv'] as const;

describe('a certificate from Pebble', () => {
  // With none and with half of them refused: acme-proxy.test.ts, through the whole proxy.
  for (const nonceReject of [0, 30]) {
    peerTest(
      programs,
      `S02, S07: HTTP-01 with ${nonceReject} % of the nonces refused takes exactly one order`,
      async () => {
        await using ca = await startPebble({ nonceReject });
        await using folder = await storeFolder();
        const plan = autoPlan(acmePlan(ca), ['a.example', 'b.example']);
        await using world = await AcmeWorld.open({ folder: folder.path, plans: [plan], httpPort: ca.httpPort });
        world.certificates.start();
        await world.event('certificate.issued');
        const material = await world.material(plan, 'b.example');
        expect(material?.names.toSorted()).toEqual(['a.example', 'b.example']);
        const [leaf, issuer] = chainOf(material?.cert);
        expect(issuer !== undefined && leaf?.verify(issuer.publicKey)).toBe(true);
        expect(issuer?.verify(new X509Certificate(await ca.root()).publicKey)).toBe(true);
        expect(leaf?.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
        expect(ca.orderCount()).toBe(1);
        // Account, order, two authorizations, two challenges, request and certificate: nothing is signed twice for nothing.
        if (nonceReject === 0) expect(ca.postCount()).toBe(8);
        expect(world.told('certificate.failed')).toEqual([]);
        expect(world.certificates.hasPendingChallenges).toBe(false);
      },
    );
  }

  peerTest(programs, 'S07: a CA that looks late and slowly is waited for, with one order', async () => {
    await using ca = await startPebble({ sleepSeconds: 3 });
    await using folder = await storeFolder();
    const plan = autoPlan(acmePlan(ca), ['slow.example']);
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [plan], httpPort: ca.httpPort });
    world.certificates.start();
    await world.event('certificate.issued');
    expect([ca.orderCount(), world.told('certificate.failed')]).toEqual([1, []]);
  });

  peerTest(programs, 'a CA that wants an external binding says so, and is given it', async () => {
    const hmacKey = Buffer.from('a key of thirty-two bytes or more').toString('base64url');
    await using ca = await startPebble({ eab: { 'kid-1': hmacKey } });
    await using folder = await storeFolder();
    const without = autoPlan(acmePlan(ca), ['bound.example']);
    await using refused = await AcmeWorld.open({ folder: folder.path, plans: [without] });
    refused.certificates.start();
    expect((await refused.event('certificate.failed')).problem).toMatchObject({
      type: 'urn:ietf:params:acme:error:externalAccountRequired',
      status: 403,
    });
    const bound = autoPlan(acmePlan(ca, { eab: { keyId: 'kid-1', hmacKey } }), ['bound2.example']);
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [bound], httpPort: ca.httpPort });
    world.certificates.start();
    await world.event('certificate.issued');
    expect(world.told('certificate.failed')).toEqual([]);
  });
});

describe('with one Pebble', () => {
  let shared: Pebble | null = null;
  beforeAll(async () => {
    if (programs.every((name) => hasPeer(name))) shared = await startPebble();
  });
  afterAll(() => shared?.[Symbol.asyncDispose]());
  const pebble = (): Pebble => {
    if (shared === null) throw new Error('no Pebble was started');
    return shared;
  };

  peerTest(programs, 'TLS-ALPN-01 is answered by a certificate for the name alone (RFC 8737)', async () => {
    const ca = pebble();
    await using folder = await storeFolder();
    const plan = autoPlan(acmePlan(ca, { challenges: ['tls-alpn-01'] }), ['alpn.example']);
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [plan] });
    onTestFinished(await answerTls(ca.tlsPort, (name) => world.certificates.tlsChallenge(name)));
    world.certificates.start();
    await world.event('certificate.issued');
    expect(world.told('certificate.challenging').map(({ challenges }) => challenges)).toEqual([
      ['tls-alpn-01 alpn.example'],
    ]);
    expect(world.certificates.tlsChallenge('alpn.example')).toBe(null);
  });

  peerTest(programs, 'DNS-01 proves a wildcard: the record is published, and withdrawn afterwards', async () => {
    const ca = pebble();
    await using folder = await storeFolder();
    const done: string[] = [];
    const dns = {
      publish: async (record: { readonly name: string; readonly value: string }) => {
        await ca.publishTxt(record);
        done.push(`publish ${record.name}`);
      },
      withdraw: async (record: { readonly name: string; readonly value: string }) => {
        await ca.withdrawTxt(record);
        done.push(`withdraw ${record.name}`);
      },
    };
    const plan = autoPlan(acmePlan(ca, { challenges: ['dns-01'], dns }), ['*.wild.example']);
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [plan] });
    world.certificates.start();
    await world.event('certificate.issued');
    expect((await world.material(plan, 'any.wild.example'))?.names).toEqual(['*.wild.example']);
    expect(await world.material(plan, 'a.b.wild.example')).toBe(null);
    await world.certificates.stop();
    expect(done).toEqual(['publish _acme-challenge.wild.example', 'withdraw _acme-challenge.wild.example']);
  });

  peerTest(
    programs,
    'S04, acme-timing-simple, A16: nothing is asked of the CA before start(), and the port answers when it comes',
    async () => {
      const ca = pebble();
      const before = ca.orderCount();
      await using folder = await storeFolder();
      const plan = autoPlan(acmePlan(ca), ['timing.example']);
      await using world = await AcmeWorld.open({ folder: folder.path, plans: [plan], httpPort: ca.httpPort });
      expect(world.certificates.status()).toMatchObject([
        { state: 'WAITING', names: ['timing.example'], notAfterMs: null },
      ]);
      expect(await world.material(plan, 'timing.example')).toBe(null);
      expect([ca.orderCount() - before, world.events, await world.store.list('')]).toEqual([0, [], []]);
      world.certificates.start();
      const material = await world.material(plan, 'timing.example');
      expect(material?.names).toEqual(['timing.example']);
      expect(world.events.map(({ event }) => event)).toEqual([
        'certificate.ordering',
        'certificate.challenging',
        'certificate.issued',
      ]);
      expect(ca.orderCount() - before).toBe(1);
    },
  );

  peerTest(
    programs,
    'S09: the next run serves what the last one got, without an order; keys are the owner’s alone',
    async () => {
      const ca = pebble();
      await using folder = await storeFolder();
      const plan = autoPlan(acmePlan(ca), ['again.example']);
      {
        await using first = await AcmeWorld.open({ folder: folder.path, plans: [plan], httpPort: ca.httpPort });
        first.certificates.start();
        await first.event('certificate.issued');
      }
      const before = ca.orderCount();
      await using second = await AcmeWorld.open({ folder: folder.path, plans: [plan] });
      expect((await second.material(plan, 'again.example'))?.names).toEqual(['again.example']);
      second.certificates.start();
      const { directoryUrl } = ca;
      const set = nameSetOf(['again.example'], directoryUrl);
      const secrets = [places.account(directoryUrl, null), places.certificate(set)];
      const modes = await Promise.all(secrets.map(async (key) => (await stat(second.store.pathOf(key))).mode & 0o777));
      expect(modes).toEqual([0o600, 0o600]);
      expect(await second.store.list('acme/orders')).toEqual([]);
      expect([ca.orderCount() - before, second.events.map(({ event }) => event)]).toEqual([0, ['certificate.found']]);
    },
  );

  peerTest(programs, 'S09: several processes on one store order once, and all of them serve it', async () => {
    const ca = pebble();
    const before = ca.orderCount();
    await using folder = await storeFolder();
    const plan = autoPlan(acmePlan(ca), ['shared.example']);
    await using one = await AcmeWorld.open({ folder: folder.path, plans: [plan, plan], httpPort: ca.httpPort });
    await using other = await AcmeWorld.open({ folder: folder.path, plans: [plan] });
    // Whoever gets the lock, the port that the CA asks is answered by the first alone.
    one.certificates.start();
    await one.event('certificate.ordering');
    other.certificates.start();
    const [mine, theirs] = await Promise.all([
      one.material(plan, 'shared.example'),
      other.material(plan, 'shared.example'),
    ]);
    expect(mine?.id).toBeDefined();
    expect(theirs?.id).toBe(mine?.id);
    expect(ca.orderCount() - before).toBe(1);
    expect(other.events.map(({ event }) => event)).toEqual(['certificate.found']);
  });

  peerTest(
    programs,
    'a name that cannot be proved fails in the CA’s words, backs off, and leaves nothing pending',
    async () => {
      const ca = pebble();
      await using folder = await storeFolder();
      const plan = autoPlan(acmePlan(ca), ['nobody-answers.example']);
      await using world = await AcmeWorld.open({ folder: folder.path, plans: [plan] });
      world.certificates.start();
      expect(await world.material(plan, 'nobody-answers.example')).toBe(null);
      const { problem, state } = await world.event('certificate.failed');
      expect(problem.type).toMatch(/^urn:ietf:params:acme:error:/);
      expect(problem.detail).toContain('nobody-answers.example: ');
      expect(state).toContain('MISSING.');
      const [status] = world.certificates.status();
      expect(status).toMatchObject({ state: 'MISSING.BACKING_OFF', failures: 1, lastError: problem });
      expect((status?.nextAttemptMs ?? 0) - performance.timeOrigin - performance.now()).toBeGreaterThan(50_000);
      expect([world.certificates.hasPendingChallenges, await world.store.list('acme/orders')]).toEqual([false, []]);
    },
  );
});

/** PEM to certificates. */
function chainOf(chain = ''): readonly X509Certificate[] {
  return chain
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((pem) => pem !== '')
    .map((pem) => new X509Certificate(pem));
}
