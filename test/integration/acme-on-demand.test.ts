/**
 * Certificates at the first handshake for a name: asked for, bounded, remembered.
 *
 * Read first: src/certificates/orders-on-demand.ts.
 */
import { describe, expect, test } from 'vitest';
import { OrderedCertificates } from '../../src/certificates/auto-certificates.ts';
import type { CertificateEvent } from '../../src/certificates/acme-events.ts';
import type { CertificateMaterial } from '../../src/io/tls/identity.ts';
import { systemClock } from '../../src/io/clock.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { AcmeWorld, acmePlan, autoPlan, storeFolder } from '../support/acme-world.ts';
import { StubCa } from '../support/stub-ca.ts';

interface Demand extends AsyncDisposable {
  readonly ca: StubCa;
  readonly clock: StepClock;
  readonly asked: string[];
  readonly refusals: string[];
  readonly certificates: OrderedCertificates;
  want(name: string): Promise<CertificateMaterial | null>;
}

async function demand(answer: (name: string) => boolean | Promise<boolean>): Promise<Demand> {
  const [ca, folder, clock] = [
    await StubCa.start(),
    await storeFolder(),
    new StepClock({ wallMs: systemClock().wallMs() }),
  ];
  const world = await AcmeWorld.open({ folder: folder.path, plans: [] });
  const [asked, refusals]: [string[], string[]] = [[], []];
  const ask = (name: string) => {
    asked.push(name);
    return answer(name);
  };
  const plan = autoPlan(acmePlan(ca, { ask }), []);
  const tell = (event: CertificateEvent) => {
    if (event.event === 'certificate.ask-refused') refusals.push(`${event.names.join()} ${event.reason}`);
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
    expect(one.refusals).toEqual(['a.example no', 'broken.example failed']);
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
    expect([one.asked, new Set(one.refusals.map((text) => text.split(' ').at(-1)))]).toEqual([[], new Set(['name'])]);
  });

  test('questions are bounded at once and in a minute, whatever names are sent', async () => {
    const answers: ((isAllowed: boolean) => void)[] = [];
    await using one = await demand(() => new Promise((resolve) => void answers.push(resolve)));
    const wanted = Array.from({ length: 10 }, (_, index) => one.want(`n${index}.example`));
    expect([one.asked.length, one.refusals.filter((text) => text.endsWith(' capacity')).length]).toEqual([3, 7]);
    for (const answer of answers.splice(0)) answer(false);
    await Promise.all(wanted);
    for (let index = 0; index < 10; index += 1) {
      const more = one.want(`m${index}.example`);
      for (const answer of answers.splice(0)) answer(false);
      await more;
    }
    expect([one.asked.length, one.refusals.filter((text) => text.endsWith(' rate')).length]).toEqual([6, 7]);
    one.clock.advance(10_000);
    const more = one.want('later.example');
    for (const answer of answers.splice(0)) answer(false);
    await more;
    expect(one.asked.at(-1)).toBe('later.example');
  });

  test('a name that cannot be proved is given up, and not kept', async () => {
    await using one = await demand(() => true);
    one.ca.judge = () => ({ type: 'dns', detail: 'no such name' });
    expect(await one.want('gone.example')).toBe(null);
    expect(await one.want('gone.example')).toBe(null);
    expect([one.asked, one.ca.orders.length, one.certificates.status()]).toEqual([['gone.example'], 1, []]);
  });

  test('no more names are kept than allowed', async () => {
    await using one = await demand(() => true);
    for (const name of ['a', 'b', 'c']) await one.want(`${name}.example`);
    expect([one.certificates.status().length, one.refusals]).toEqual([2, ['c.example capacity']]);
  });
});
