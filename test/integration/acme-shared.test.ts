/**
 * What several name sets share at a CA, and what the embedder's DNS does to `stop()`.
 *
 * Read first: src/certificates/acme.ts, src/certificates/bounded.ts.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { AcmeAuthority } from '../../src/certificates/acme.ts';
import { nameSetOf, places } from '../../src/certificates/orders-record.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { AcmeWorld, acmePlan, autoPlan, storeFolder } from '../support/acme-world.ts';
import { StubCa, type StubKind } from '../support/stub-ca.ts';

interface Shared extends AsyncDisposable {
  readonly ca: StubCa;
  readonly clock: StepClock;
  readonly authority: AcmeAuthority;
  order(signal?: AbortSignal): Promise<string>;
}

async function shared(): Promise<Shared> {
  const [ca, folder, clock] = [await StubCa.start(), await storeFolder(), new StepClock()];
  const world = await AcmeWorld.open({ folder: folder.path, plans: [] });
  const authority = new AcmeAuthority({
    directoryUrl: ca.directoryUrl,
    ca: ca.directoryCa,
    email: null,
    eab: null,
    store: world.store,
    accountKey: 'acme/accounts/test',
    clock,
  });
  return {
    ca,
    clock,
    authority,
    order: async (signal = new AbortController().signal) =>
      (await authority.newOrder(['a.example'], null, signal)).status,
    async [Symbol.asyncDispose]() {
      await authority.close();
      expect(clock.armedCount).toBe(0);
      await world[Symbol.asyncDispose]();
      await ca[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('an account', () => {
  test('whoever gives up while it is being registered leaves it to the others', async () => {
    await using one = await shared();
    const first = new AbortController();
    one.ca.behave = (kind) => {
      if (kind === 'account') first.abort();
      return null;
    };
    const outcomes = await Promise.allSettled([one.order(first.signal), one.order()]);
    expect(outcomes).toMatchObject([{ status: 'rejected' }, { status: 'fulfilled', value: 'pending' }]);
    expect(one.ca.count('account')).toBe(1);
  });

  test('a registration that hangs ends after a minute for all who wait, and the next one begins another', async () => {
    await using one = await shared();
    one.ca.behave = hangAt('account', () => one.ca.count('account') === 1);
    const waiting = Promise.allSettled([one.order(), one.order()]);
    await until(() => one.ca.count('account') === 1);
    one.clock.advance(60_000);
    const late = { status: 'rejected', reason: { type: 'deadline' } };
    expect(await waiting).toMatchObject([late, late]);
    expect([await one.order(), one.ca.count('account')]).toEqual(['pending', 2]);
  });

  test('close() ends a registration that hangs, and none begins afterwards', async () => {
    await using one = await shared();
    one.ca.behave = hangAt('account', () => true);
    const waiting = Promise.allSettled([one.order()]);
    await until(() => one.ca.count('account') === 1);
    await one.authority.close();
    expect(await waiting).toMatchObject([{ status: 'rejected' }]);
    one.ca.behave = () => null;
    await expect(one.order()).rejects.toThrow('not asked any more');
    expect(one.ca.count('account')).toBe(1);
  });
});

describe('the embedder’s DNS and stop()', () => {
  test('S07: a record that is never published is not waited for, and is withdrawn', async () => {
    const calls: string[] = [];
    await using one = await proving({
      publish: () => {
        calls.push('publish');
        return new Promise(() => undefined);
      },
      withdraw: async () => void calls.push('withdraw'),
    });
    await until(() => calls.length === 1);
    await one.world.certificates.stop();
    expect([calls, one.clock.armedCount]).toEqual([['publish', 'withdraw'], 0]);
  });

  test('S07: a withdrawal that never ends is waited for a few seconds, and no lock is left', async () => {
    const calls: string[] = [];
    const hung = (call: string) => () => {
      calls.push(call);
      return new Promise<void>(() => undefined);
    };
    await using one = await proving({ publish: hung('publish'), withdraw: hung('withdraw') });
    await until(() => calls.length === 1);
    const stopped = one.world.certificates.stop();
    await until(() => calls.length === 2);
    one.clock.advance(5_000);
    await stopped;
    expect(one.clock.armedCount).toBe(0);
    const lock = await one.world.store.lock(places.lock(nameSetOf(['a.example'], one.ca.directoryUrl)), 1_000);
    expect(lock).not.toBe(null);
  });

  test('all who wait for a first certificate hold one promise', async () => {
    await using one = await proving({ publish: () => new Promise(() => undefined), withdraw: async () => undefined });
    const waiting = one.world.certificates.materialFor(one.plan, 'a.example');
    expect(waiting).toBeInstanceOf(Promise);
    expect(one.world.certificates.materialFor(one.plan, 'a.example')).toBe(waiting);
    await one.world.certificates.stop();
    expect(await waiting).toBe(null);
  });
});

/** A world that proves a name by DNS. */
async function proving(dns: NonNullable<ReturnType<typeof acmePlan>['dns']>) {
  const [ca, folder, clock] = [await StubCa.start(), await storeFolder(), new StepClock()];
  const plan = autoPlan(acmePlan(ca, { challenges: ['dns-01'], dns }), ['a.example']);
  const world = await AcmeWorld.open({ folder: folder.path, plans: [plan], clock });
  world.certificates.start();
  return {
    ca,
    clock,
    plan,
    world,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await ca[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function hangAt(place: StubKind, isSo: () => boolean): StubCa['behave'] {
  return (kind) => (kind === place && isSo() ? 'hang' : null);
}

/** The test's own limit ends the wait. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}
