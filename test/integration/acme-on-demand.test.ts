/**
 * Certificates at the first handshake for a name: asked for, bounded, remembered.
 *
 * Read first: src/certificates/orders-on-demand.ts.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { OrderedCertificates } from '../../src/certificates/auto-certificates.ts';
import type { CertificateEvent } from '../../src/certificates/acme-events.ts';
import { OnDemandCertificates } from '../../src/certificates/orders-on-demand.ts';
import { materialOf, nameSetOf, places, writtenCertificate } from '../../src/certificates/orders-record.ts';
import type { CertificateMaterial } from '../../src/io/tls/identity.ts';
import { systemClock } from '../../src/io/clock.ts';
import type { Store } from '../../src/store/store.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { AcmeWorld, acmePlan, autoPlan, storeFolder } from '../support/acme-world.ts';
import { testAuthority } from '../support/certificates.ts';
import { StubCa } from '../support/stub-ca.ts';

interface Demand extends AsyncDisposable {
  readonly ca: StubCa;
  readonly clock: StepClock;
  readonly asked: string[];
  readonly refusals: string[];
  readonly certificates: OrderedCertificates;
  want(name: string): Promise<CertificateMaterial | null>;
}

/** @param kept names that an earlier run has left certificates for */
async function demand(
  answer: (name: string) => boolean | Promise<boolean>,
  kept: readonly string[] = [],
): Promise<Demand> {
  const [ca, folder, clock] = [
    await StubCa.start(),
    await storeFolder(),
    new StepClock({ wallMs: systemClock().wallMs() }),
  ];
  const world = await AcmeWorld.open({ folder: folder.path, plans: [] });
  await leave(world.store, ca.directoryUrl, kept);
  const [asked, refusals]: [string[], string[]] = [[], []];
  const ask = (name: string) => {
    asked.push(name);
    return answer(name);
  };
  const plan = autoPlan(acmePlan(ca, { ask }), []);
  const tell = (event: CertificateEvent) => {
    if (event.event === 'certificate.ask-refused')
      refusals.push(`${event.names.join()} ${event.count} ${event.reason}`);
  };
  const onDemand = { concurrent: 3, perMinute: 6, names: 2, refusalMs: 300_000, looks: 2, underWay: 20 };
  const certificates = new OrderedCertificates([plan], {
    store: world.store,
    clock,
    random: () => 0.5,
    tell,
    onDemand,
  });
  await certificates.prepare();
  certificates.start();
  return {
    ca,
    clock,
    asked,
    refusals,
    certificates,
    want: async (name) => {
      const material = Promise.resolve(certificates.materialFor(plan, name));
      const known = new Set<string>();
      void material.finally(() => known.add(name));
      while (!known.has(name)) {
        // Polls wait on the clock.
        if (certificates.status().some(({ state }) => state.endsWith('.WAITING'))) clock.advance(1_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return material;
    },
    async [Symbol.asyncDispose]() {
      await certificates.stop();
      expect(clock.armedCount).toBe(0);
      await world[Symbol.asyncDispose]();
      await ca[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('on-demand certificates', () => {
  test('a name that is allowed gets a certificate while its handshake waits, one for all who ask', async () => {
    await using one = await demand(() => true);
    const [first, second] = await Promise.all([one.want('a.example'), one.want('a.example')]);
    expect(first?.names).toEqual(['a.example']);
    expect(second?.id).toBe(first?.id);
    expect((await one.want('a.example'))?.id).toBe(first?.id);
    expect([one.asked, one.ca.orders.length]).toEqual([['a.example'], 1]);
    expect(one.certificates.status()).toMatchObject([{ isOnDemand: true, state: 'VALID.SETTLED' }]);
  });

  test('a no is remembered for five minutes, a question that fails for one', async () => {
    await using one = await demand((name) => {
      if (name.startsWith('broken')) throw new Error('the database is away');
      return false;
    });
    for (const name of ['a.example', 'a.example', 'broken.example', 'broken.example'])
      expect(await one.want(name)).toBe(null);
    expect(one.asked).toEqual(['a.example', 'broken.example']);
    expect(one.refusals).toEqual(['a.example 1 no', 'broken.example 1 failed']);
    one.clock.advance(61_000);
    for (const name of ['a.example', 'broken.example']) await one.want(name);
    expect(one.asked.slice(2)).toEqual(['broken.example']);
    one.clock.advance(240_000);
    await one.want('a.example');
    expect(one.asked.slice(3)).toEqual(['a.example']);
    expect(one.ca.requests).toEqual([]);
  });

  test('nobody is asked about what is no name', async () => {
    await using one = await demand(() => true);
    const names = [
      'localhost',
      '127.0.0.1',
      '1.2.3.4',
      '*.a.example',
      '-a.example',
      'a..example',
      `${'a'.repeat(64)}.example`,
    ];
    for (const name of [...names, `${'a.'.repeat(130)}example`, 'a.example/../b', ''])
      expect(await one.want(name)).toBe(null);
    // Nobody's log is filled by it.
    expect([one.asked, one.refusals]).toEqual([[], ['localhost 1 name']]);
    one.clock.advance(10_000);
    await one.want('localhost');
    expect(one.refusals).toEqual(['localhost 1 name', 'localhost 10 name']);
  });

  test('questions are bounded at once and in a minute, whatever names are sent', async () => {
    const answers: ((isAllowed: boolean) => void)[] = [];
    await using one = await demand(() => new Promise((resolve) => void answers.push(resolve)));
    const wanted = Array.from({ length: 10 }, (_, index) => one.want(`n${index}.example`));
    await Promise.all(wanted.slice(3));
    expect([one.asked.length, one.refusals]).toEqual([3, ['n3.example 1 capacity']]);
    for (const answer of answers.splice(0)) answer(false);
    await Promise.all(wanted);
    for (let index = 0; index < 10; index += 1) {
      const more = one.want(`m${index}.example`);
      await Promise.race([more, until(() => answers.length > 0)]);
      for (const answer of answers.splice(0)) answer(false);
      await more;
    }
    expect([one.asked.length, one.refusals.filter((text) => text.endsWith(' rate'))]).toEqual([
      6,
      ['m3.example 1 rate'],
    ]);
    one.clock.advance(10_000);
    void one.want('later.example');
    await until(() => answers.length > 0);
    for (const answer of answers.splice(0)) answer(false);
    expect(one.asked.at(-1)).toBe('later.example');
  });

  test('a name that cannot be proved is given up, and not kept', async () => {
    await using one = await demand(() => true);
    one.ca.judge = () => ({ type: 'dns', detail: 'no such name' });
    expect(await one.want('gone.example')).toBe(null);
    expect(await one.want('gone.example')).toBe(null);
    expect([one.asked, one.ca.orders.length, one.certificates.status()]).toEqual([['gone.example'], 1, []]);
  });

  test('no more names are kept than allowed: the one not used for longest is left to the store, and found there', async () => {
    await using one = await demand(() => true);
    const kept = () => one.certificates.status().flatMap(({ names }) => names);
    const first = await one.want('a.example');
    for (const name of ['b', 'a', 'c']) await one.want(`${name}.example`);
    expect([kept(), one.refusals]).toEqual([['a.example', 'c.example'], []]);
    await one.want('b.example');
    expect((await one.want('a.example'))?.id).toBe(first?.id);
    expect([kept(), one.asked.length, one.ca.orders.length]).toEqual([['b.example', 'a.example'], 3, 3]);
  });

  test('a name whose order is under way is not left: another is served from the store and not kept, or refused', async () => {
    await using one = await demand(() => true, ['kept.example']);
    one.ca.behave = (kind) => (kind === 'order' ? 'hang' : null);
    const waiting = ['a.example', 'b.example'].map((name) => one.want(name));
    await until(() => one.certificates.status().filter(({ state }) => state.endsWith('ORDERING')).length === 2);
    expect((await one.want('kept.example'))?.names).toEqual(['kept.example']);
    expect(await one.want('c.example')).toBe(null);
    expect(one.certificates.status().flatMap(({ names }) => names)).toEqual(['a.example', 'b.example']);
    expect([one.asked, one.refusals]).toEqual([['a.example', 'b.example'], ['c.example 1 capacity']]);
    await one.certificates.stop();
    expect(await Promise.all(waiting)).toEqual([null, null]);
  });

  test('after a restart every name that the store has serves, without a question, whatever the rate', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `n${index}.example`);
    await using one = await demand(() => false, names);
    const found = await Promise.all(names.map((name) => one.want(name)));
    expect(found.map((material) => material?.names)).toEqual(names.map((name) => [name]));
    expect([one.asked, one.refusals, one.ca.orders]).toEqual([[], [], []]);
    expect(one.certificates.status().length).toBe(2);
  });

  test('a question that is never answered has failed after half a minute, and gives its place back', async () => {
    await using one = await demand(() => new Promise(() => undefined));
    const wanted = ['a', 'b', 'c'].map((name) => one.want(`${name}.example`));
    await until(() => one.asked.length === 3);
    one.clock.advance(29_000);
    expect(one.refusals).toEqual([]);
    one.clock.advance(1_000);
    expect(await Promise.all(wanted)).toEqual([null, null, null]);
    expect(one.refusals).toEqual(['a.example 1 failed', 'b.example 1 failed', 'c.example 1 failed']);
    const late = one.want('d.example');
    await until(() => one.asked.length === 4);
    await one.certificates.stop();
    expect([await late, one.clock.armedCount, one.refusals.length]).toEqual([null, 0, 3]);
  });

  test('the store is looked at a few times at once and once for a name, until it tells of a change', async () => {
    const answers: (() => void)[] = [];
    const looked: string[] = [];
    const clock = new StepClock();
    const reasons: string[] = [];
    const demanded = new OnDemandCertificates(
      {
        clock,
        tell: (event) => reasons.push(event.event === 'certificate.ask-refused' ? event.reason : ''),
        find: (_plan, name) => {
          looked.push(name);
          return new Promise((resolve) => void answers.push(() => resolve(null)));
        },
        open: () => Promise.reject(new Error('nobody may be ordered for')),
      },
      { concurrent: 1, perMinute: 0, names: 100, refusalMs: 1, looks: 2, underWay: 5 },
    );
    const plan = acmePlan({ directoryUrl: 'https://ca.example/dir', directoryCa: '' });
    const want = (name: string) => demanded.materialFor(plan, () => true, `${name}.example`);
    const wanted = ['a', 'b', 'c', 'd', 'e'].map(want);
    expect([looked.length, want('f'), reasons]).toEqual([2, null, ['capacity']]);
    expect(want('a')).toBe(wanted[0]);
    while (looked.length < 5) {
      answers.shift()?.();
      await turn();
      expect(answers.length).toBe(2);
    }
    for (const answer of answers.splice(0)) answer();
    for (const answer of wanted) expect(await answer).toBe(null);
    expect([want('a'), looked.length, reasons]).toEqual([null, 5, ['capacity', 'rate']]);
    demanded.storeChanged();
    const again = want('a');
    expect(looked.length).toBe(6);
    answers.shift()?.();
    expect(await again).toBe(null);
    await demanded.stop();
  });
});

/** Certificates as an earlier run wrote them. */
async function leave(store: Store, directoryUrl: string, names: readonly string[]): Promise<void> {
  const authority = await testAuthority();
  for (const name of names) {
    const { cert, key } = await authority.issue([name]);
    const set = nameSetOf([name], directoryUrl);
    await store.put(places.certificate(set), writtenCertificate(materialOf(cert, key), set), { isSecret: true });
  }
}

/** The test's own limit ends the wait. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}
