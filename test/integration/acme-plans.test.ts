/**
 * Several name sets, and plans that change: who orders when, what is kept over a reload, what is let go.
 *
 * Read first: src/certificates/auto-certificates.ts.
 */
import { describe, expect, test } from 'vitest';
import { nameSetOf, places } from '../../src/certificates/orders-record.ts';
import { AcmeWorld, acmePlan, autoPlan, storeFolder } from '../support/acme-world.ts';
import { JumpingClock, timePasses } from '../support/stepped-clock.ts';
import { StubCa } from '../support/stub-ca.ts';

describe('many name sets', () => {
  test('S03, S09: the same names at the same directory are one order, whichever routes want them', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    const plans = [['a.example', 'b.example'], ['B.example', 'a.example.'], ['a.example']].map((names) =>
      autoPlan(acmePlan(ca), names),
    );
    await using world = await AcmeWorld.open({ folder: folder.path, plans });
    world.certificates.start();
    await world.event('certificate.issued', 2);
    const materials = await Promise.all(plans.map((plan) => world.material(plan, 'a.example')));
    expect(materials[0]?.id).toBe(materials[1]?.id);
    expect(materials[2]?.id).not.toBe(materials[0]?.id);
    expect([ca.orders.length, ca.count('account'), world.certificates.status().length]).toEqual([2, 1, 2]);
  });

  test('at most eight first orders run at once, and all of them come to their end', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    const names = Array.from({ length: 20 }, (_, index) => `n${index}.example`);
    let most = 0;
    ca.behave = () => {
      most = Math.max(most, ca.orders.filter(({ status }) => status !== 'valid').length);
      return null;
    };
    const plans = names.map((name) => autoPlan(acmePlan(ca), [name]));
    await using world = await AcmeWorld.open({ folder: folder.path, plans });
    world.certificates.start();
    await world.event('certificate.issued', 20);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
    expect([ca.orders.length, ca.count('account'), world.told('certificate.failed')]).toEqual([20, 1, []]);
  });
});

describe('plans that change', () => {
  test('a reload keeps what stays, orders what is new, and lets go of what is gone', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    const [stays, goes, comes] = ['stays.example', 'goes.example', 'comes.example'];
    const before = [stays, goes].map((name) => autoPlan(acmePlan(ca), [name]));
    await using world = await AcmeWorld.open({ folder: folder.path, plans: before });
    world.certificates.start();
    await world.event('certificate.issued', 2);
    const after = [stays, comes].map((name) => autoPlan(acmePlan(ca), [name]));
    const [kept, added] = after;
    await world.certificates.replace(after);
    await world.event('certificate.issued', 3);
    if (kept === undefined || added === undefined) throw new Error('two plans');
    expect((await world.material(kept, stays))?.names).toEqual([stays]);
    expect((await world.material(added, comes))?.names).toEqual([comes]);
    expect(await world.material(kept, goes)).toBe(null);
    expect(world.certificates.status().map(({ names }) => names[0])).toEqual([stays, comes]);
    expect(
      ca.orders.map(({ names }) => names[0]).toSorted((one, other) => one?.localeCompare(other ?? '') ?? 0),
    ).toEqual([comes, goes, stays]);
  });

  test('an order that runs while its names go is cancelled, and its lock given back', async () => {
    await using ca = await StubCa.start();
    await using folder = await storeFolder();
    const asked: PromiseWithResolvers<void> = Promise.withResolvers();
    ca.behave = (kind) => {
      if (kind !== 'finalise') return null;
      asked.resolve();
      return 'hang';
    };
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [autoPlan(acmePlan(ca), ['a.example'])] });
    world.certificates.start();
    await asked.promise;
    await world.certificates.replace([]);
    await world.certificates.stop();
    const lock = await world.store.lock(places.lock(nameSetOf(['a.example'], ca.directoryUrl)), 1_000);
    expect([lock !== null, world.certificates.hasPendingChallenges]).toEqual([true, false]);
  });

  test('what a reload mends for the same names holds from the next attempt on', async () => {
    await using ca = await StubCa.start();
    await using stranger = await StubCa.start();
    await using folder = await storeFolder();
    const clock = new JumpingClock();
    ca.wallMs = () => clock.wallMs();
    const wrong = autoPlan(acmePlan({ directoryUrl: ca.directoryUrl, directoryCa: stranger.directoryCa }), [
      'a.example',
    ]);
    await using world = await AcmeWorld.open({ folder: folder.path, plans: [wrong], clock });
    world.certificates.start();
    await world.event('certificate.failed');
    await world.certificates.replace([autoPlan(acmePlan(ca), ['a.example'])]);
    await timePasses(clock, world.certificates, () => world.told('certificate.issued').length === 1);
    expect([ca.orders.length, world.told('certificate.failed').length]).toEqual([1, 1]);
  });
});
