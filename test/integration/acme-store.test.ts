/**
 * Certificates and their store: killed processes, full disks, damaged values, failures that others learn from.
 *
 * Read first: test/support/stub-ca.ts, test/support/acme-worker.ts.
 */
import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { OrderedCertificates } from '../../src/certificates/auto-certificates.ts';
import type { CertificateEvent } from '../../src/certificates/acme-events.ts';
import { nameSetOf, places } from '../../src/certificates/orders-record.ts';
import type { Store } from '../../src/store/store.ts';
import { AcmeWorld, acmePlan, autoPlan, storeFolder } from '../support/acme-world.ts';
import { runScript } from '../support/command.ts';
import { JumpingClock, timePasses } from '../support/stepped-clock.ts';
import { shiftedClock } from '../support/store-rig.ts';
import { StubCa, type StubKind } from '../support/stub-ca.ts';

const worker = fileURLToPath(new URL('../support/acme-worker.ts', import.meta.url));
const name = 'a.example';

describe('a process that is killed', () => {
  for (const kind of ['authorization', 'finalise', 'certificate'] as const satisfies readonly StubKind[]) {
    test(`with SIGKILL while it waits for the CA (${kind}) leaves an order that the next one goes on with`, async () => {
      await using ca = await StubCa.start();
      await using folder = await storeFolder();
      const rootFile = join(folder.path, 'root.pem');
      await writeFile(rootFile, ca.directoryCa);
      const asked: PromiseWithResolvers<void> = Promise.withResolvers();
      ca.behave = (one) => {
        if (one !== kind) return null;
        asked.resolve();
        return 'hang';
      };
      const killed = runScript(worker, [join(folder.path, 'store'), ca.directoryUrl, rootFile, name]);
      await asked.promise;
      killed.signal('SIGKILL');
      await killed.ended;
      ca.behave = () => null;
      const plan = autoPlan(acmePlan(ca), [name]);
      // Two minutes later, when its lock is nobody's.
      const storeClock = shiftedClock(120_000);
      await using next = await AcmeWorld.open({ folder: join(folder.path, 'store'), plans: [plan], storeClock });
      next.certificates.start();
      await next.event('certificate.issued');
      expect((await next.material(plan, name))?.names).toEqual([name]);
      expect([ca.orders.length, ca.count('account'), next.told('certificate.ordering')]).toEqual([
        1,
        1,
        [expect.objectContaining({ isResumed: true })],
      ]);
    });
  }
});

/** A store of which some writes fail. */
function failing(store: Store, fails: (key: string) => boolean): Store {
  return {
    get: (key) => store.get(key),
    put: (key, bytes, options) =>
      fails(key) ? Promise.reject(new Error('no space left')) : store.put(key, bytes, options),
    delete: (key, version) => store.delete(key, version),
    list: (prefix) => store.list(prefix),
    lock: (lock, ttlMs) => store.lock(lock, ttlMs),
    watch: (prefix, changed) => store.watch(prefix, changed),
    close: () => store.close(),
  };
}

describe('a store that fails', () => {
  test('a full disk: what was issued serves from memory, is written later, and is not ordered again', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    const clock = new JumpingClock();
    ca.wallMs = () => clock.wallMs();
    const plan = autoPlan(acmePlan(ca), [name]);
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [] });
    let isFull = true;
    const events: CertificateEvent[] = [];
    const certificates = new OrderedCertificates([plan], {
      store: failing(world.store, (key) => isFull && key.startsWith('acme/certificates/')),
      clock,
      random: () => 0.5,
      tell: (event) => void events.push(event),
    });
    await certificates.prepare();
    certificates.start();
    const told = (event: CertificateEvent['event']) => events.filter((one) => one.event === event);
    await timePasses(clock, certificates, () => told('certificate.failed').length === 3);
    expect(told('certificate.issued')).toEqual([expect.objectContaining({ isSaved: false })]);
    expect(told('certificate.failed')[0]).toMatchObject({ problem: { type: 'store', detail: 'no space left' } });
    expect((await certificates.materialFor(plan, name))?.names).toEqual([name]);
    isFull = false;
    const [status] = certificates.status();
    await timePasses(clock, certificates, () => certificates.status()[0]?.lastError === null);
    const set = nameSetOf([name], ca.directoryUrl);
    // Nor fetched again: the CA may be away while the disk is mended.
    expect([status?.state, ca.orders.length, ca.count('certificate')]).toEqual(['VALID.BACKING_OFF', 1, 1]);
    expect(await world.store.get(places.certificate(set))).not.toBe(null);
    await certificates.stop();
    expect(clock.armedCount).toBe(0);
  });

  test('keys are the owner’s alone from the moment they are written', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [autoPlan(acmePlan(ca), [name])] });
    const set = nameSetOf([name], ca.directoryUrl);
    const modes: string[] = [];
    const look = (kind: string, key: string) =>
      modes.push(`${kind} ${(statSync(world.store.pathOf(key)).mode & 0o777).toString(8)}`);
    ca.behave = (kind, order) => {
      if (kind === 'account') look(kind, places.account(ca.directoryUrl, null));
      if (kind === 'challenge' && order !== null) look(kind, places.order(set));
      return null;
    };
    world.certificates.start();
    await world.event('certificate.issued');
    look('certificate', places.certificate(set));
    expect(modes).toEqual(['account 600', 'challenge 600', 'certificate 600']);
  });

  test('an account that cannot be kept is never registered', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    const plan = autoPlan(acmePlan(ca), [name]);
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [] });
    const failed: PromiseWithResolvers<CertificateEvent> = Promise.withResolvers();
    const certificates = new OrderedCertificates([plan], {
      store: failing(world.store, (key) => key.startsWith('acme/accounts/')),
      clock: new JumpingClock(),
      random: () => 0.5,
      tell: (event) => (event.event === 'certificate.failed' ? failed.resolve(event) : undefined),
    });
    await certificates.prepare();
    certificates.start();
    expect(await failed.promise).toMatchObject({ problem: { detail: 'no space left' } });
    await certificates.stop();
    expect(ca.requests).toEqual([]);
  });

  test('a value that is damaged, for other names, or without its key serves nobody; the next order mends it', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    const plan = autoPlan(acmePlan(ca), [name]);
    {
      await using other = await AcmeWorld.open({ folder: folder.path, plans: [autoPlan(acmePlan(ca), ['b.example'])] });
      other.certificates.start();
      await other.event('certificate.issued');
      const theirs = await other.store.get(places.certificate(nameSetOf(['b.example'], ca.directoryUrl)));
      await other.store.put(places.certificate(nameSetOf([name], ca.directoryUrl)), theirs?.bytes ?? Buffer.from(''));
    }
    const set = nameSetOf([name], ca.directoryUrl);
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [plan] });
    for (const text of ['', '{', 'null', '[]', '{"format":2}', '{"format":1,"cert":"x","key":"y"}']) {
      expect(await world.material(plan, name)).toBe(null);
      await world.store.put(places.certificate(set), Buffer.from(text));
      await world.certificates.prepare();
    }
    expect(await world.material(plan, name)).toBe(null);
    world.certificates.start();
    await world.event('certificate.issued');
    expect((await world.material(plan, name))?.names).toEqual([name]);
  });
});

describe('a failure is everybody’s', () => {
  async function failingCa(): Promise<StubCa> {
    const ca = await StubCa.start();
    ca.behave = (kind) => (kind === 'order' ? { status: 500, type: 'serverInternal', detail: 'not today' } : null);
    return ca;
  }

  test('another process that was there waits as long as the one that failed, and orders nothing meanwhile', async () => {
    await using ca = await failingCa();
    await using folder = await storeFolder();
    const [clock, otherClock] = [new JumpingClock(), new JumpingClock()];
    const plan = autoPlan(acmePlan(ca), [name]);
    await using one = await AcmeWorld.open({ folder: folder.path, plans: [plan], clock });
    await using other = await AcmeWorld.open({ folder: folder.path, plans: [plan], clock: otherClock });
    one.certificates.start();
    await timePasses(clock, one.certificates, () => one.told('certificate.failed').length === 4);
    const until = one.told('certificate.backing-off')[3]?.untilMs ?? Number.NaN;
    await one.certificates.stop();
    // So much time has passed for the other, too.
    otherClock.advance(clock.nowMs());
    other.certificates.start();
    await timePasses(otherClock, other.certificates, () => ca.count('order') > 4);
    expect(otherClock.wallMs()).toBeGreaterThanOrEqual(until);
  });

  test('a new run waits a minute for a failure from before it, but as long as the CA said where it did', async () => {
    for (const retryAfter of [null, '3600']) {
      await using ca = await failingCa();
      ca.behave = (kind) =>
        kind === 'order'
          ? { status: 429, type: 'rateLimited', detail: 'later', ...(retryAfter === null ? {} : { retryAfter }) }
          : null;
      await using folder = await storeFolder();
      const clock = new JumpingClock();
      const plan = autoPlan(acmePlan(ca), [name]);
      {
        await using one = await AcmeWorld.open({ folder: folder.path, plans: [plan], clock });
        one.certificates.start();
        await timePasses(clock, one.certificates, () => one.told('certificate.failed').length === 4);
      }
      clock.advance(1);
      const atMs = clock.nowMs();
      await using next = await AcmeWorld.open({ folder: folder.path, plans: [plan], clock });
      next.certificates.start();
      await timePasses(clock, next.certificates, () => ca.count('order') > 4);
      const leastMs = retryAfter === null ? 50_000 : 3_599_000;
      expect(clock.nowMs() - atMs).toBeGreaterThan(leastMs);
      expect(clock.nowMs() - atMs).toBeLessThan(leastMs * 2);
    }
  });

  test('what another process got is served as soon as the store tells of it', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    const clock = new JumpingClock();
    ca.wallMs = () => clock.wallMs();
    const plan = autoPlan(acmePlan(ca), [name]);
    await using one = await AcmeWorld.open({ folder: folder.path, plans: [plan], clock });
    one.certificates.start();
    await one.event('certificate.issued');
    await using other = await AcmeWorld.open({ folder: folder.path, plans: [plan], clock: new JumpingClock() });
    other.certificates.start();
    const first = (await other.material(plan, name))?.id;
    await timePasses(clock, one.certificates, () => one.told('certificate.issued').length === 2);
    const found = await other.event('certificate.found', 2);
    expect(found.id).not.toBe(first);
    expect([(await other.material(plan, name))?.id, ca.orders.length]).toEqual([found.id, 2]);
  });
});
