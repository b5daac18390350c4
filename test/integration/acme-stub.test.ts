/**
 * Certificates over years of a step clock, from a CA in this process that advises, limits, refuses and goes away.
 *
 * Read first: test/support/stub-ca.ts, test/support/stepped-clock.ts.
 */
import { describe, expect, test } from 'vitest';
import { nameSetOf, places } from '../../src/certificates/orders-record.ts';
import type { AcmePlan } from '../../src/routing/tls-plan.ts';
import { AcmeWorld, acmePlan, autoPlan, storeFolder } from '../support/acme-world.ts';
import { JumpingClock, timePasses } from '../support/stepped-clock.ts';
import { StubCa } from '../support/stub-ca.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

interface Scene extends AsyncDisposable {
  readonly ca: StubCa;
  readonly clock: JumpingClock;
  readonly world: AcmeWorld;
  readonly folder: string;
  /** Days since the beginning. */
  day(): number;
  passes(isSo: () => boolean, untilMs?: number): Promise<void>;
}

async function scene(
  more: Partial<AcmePlan> = {},
  prepare: (ca: StubCa, clock: JumpingClock) => void = () => undefined,
): Promise<Scene> {
  const [ca, clock, folder] = [await StubCa.start(), new JumpingClock(), await storeFolder()];
  const startMs = clock.wallMs();
  ca.wallMs = () => startMs + clock.nowMs();
  ca.lifeMs = 12 * dayMs;
  prepare(ca, clock);
  const plan = autoPlan(acmePlan(ca, more), ['a.example']);
  const world = await AcmeWorld.open({ folder: folder.path, plans: [plan], clock });
  return {
    ca,
    clock,
    world,
    folder: folder.path,
    day: () => clock.nowMs() / dayMs,
    passes: (isSo, untilMs) => timePasses(clock, world.certificates, isSo, untilMs),
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      expect(clock.armedCount).toBe(0);
      await ca[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const orders = ({ ca }: Scene) => ca.orders.length;

describe('renewal', () => {
  test('S09: without advice a certificate is renewed at two thirds of its life, and another serves from then on', async () => {
    await using one = await scene();
    one.world.certificates.start();
    await one.passes(() => one.world.told('certificate.issued').length === 1);
    const [status] = one.world.certificates.status();
    expect(status?.state).toBe('VALID.SETTLED');
    await one.passes(() => one.world.told('certificate.issued').length === 2);
    expect(one.day()).toBeGreaterThan(7.7);
    expect(one.day()).toBeLessThan(8.3);
    const [first, second] = one.world.told('certificate.issued');
    expect(second?.id).not.toBe(first?.id);
    expect([orders(one), one.world.told('certificate.renewing').length]).toEqual([2, 1]);
    expect(one.ca.orders[1]?.replaces).toMatch(/^[\w-]+\.[\w-]+$/);
  });

  test('S09: renewThresholdDays before the end, where that is configured, and no advice is asked for', async () => {
    await using one = await scene({ renewThresholdDays: 2 }, (ca) => {
      ca.advice = { startMs: 0, endMs: 1, retryAfter: '60' };
    });
    one.world.certificates.start();
    await one.passes(() => one.world.told('certificate.issued').length === 2);
    expect(Math.round(one.day())).toBe(10);
    expect(one.ca.count('advice')).toBe(0);
  });

  test('the CA’s window (RFC 9773) is honoured, asked for as often as it says, and asked for again when it moved', async () => {
    await using one = await scene({}, (ca, clock) => {
      const startMs = clock.wallMs();
      ca.advice = { startMs: startMs + 6 * dayMs, endMs: startMs + 7 * dayMs, retryAfter: String(6 * 3_600) };
    });
    one.world.certificates.start();
    await one.passes(() => one.day() >= 3);
    expect(one.ca.count('advice')).toBeGreaterThanOrEqual(12);
    expect(one.ca.count('advice')).toBeLessThanOrEqual(14);
    const startMs = one.clock.wallMs();
    // The certificate is to be revoked: the window moves into the next days.
    one.ca.advice = { startMs: startMs + dayMs, endMs: startMs + 2 * dayMs, retryAfter: String(6 * 3_600) };
    await one.passes(() => orders(one) === 2);
    expect(one.day()).toBeGreaterThanOrEqual(4);
    expect(one.day()).toBeLessThanOrEqual(5.1);
    one.ca.advice = null;
    await one.passes(() => one.world.told('certificate.issued').length === 2);
  });

  test('advice that never comes, or makes no sense, leaves the certificate’s own life to decide', async () => {
    await using one = await scene({}, (ca) => {
      ca.advice = { startMs: 2, endMs: 1, retryAfter: 'soon' };
    });
    one.world.certificates.start();
    await one.passes(() => orders(one) === 2);
    expect(one.day()).toBeGreaterThan(7.7);
    expect(one.day()).toBeLessThan(8.3);
    await one.passes(() => one.world.told('certificate.issued').length === 2);
    expect(one.world.told('certificate.failed')).toEqual([]);
  });

  test('a wall clock that is wrong by most of a certificate’s life orders no storm', async () => {
    await using one = await scene();
    one.world.certificates.start();
    await one.passes(() => one.world.told('certificate.issued').length === 1);
    // The CA's clock did not jump, so each certificate looks as old as the jump, and due for renewal.
    one.clock.jumpMs = 11 * dayMs;
    await one.passes(() => orders(one) === 2);
    expect(one.day()).toBeGreaterThanOrEqual(4);
    await one.passes(() => one.day() > 16.5);
    expect(orders(one)).toBeLessThanOrEqual(5);
  });

  test('a wall clock that jumps to the renewal is noticed within the hour', async () => {
    await using one = await scene();
    one.world.certificates.start();
    await one.passes(() => one.world.told('certificate.issued').length === 1);
    await one.passes(() => one.day() > 5);
    one.clock.jumpMs = 4 * dayMs;
    const beforeMs = one.clock.nowMs();
    await one.passes(() => orders(one) === 2);
    expect(one.clock.nowMs() - beforeMs).toBeLessThanOrEqual(hourMs);
    await one.passes(() => one.world.told('certificate.issued').length === 2);
  });

  test('one of an earlier run that a jump made due is renewed within minutes', async () => {
    await using one = await scene();
    one.world.certificates.start();
    await one.passes(() => one.world.told('certificate.issued').length === 1);
    await one.world.certificates.stop();
    const plan = autoPlan(acmePlan(one.ca), ['a.example']);
    one.clock.jumpMs = 9 * dayMs;
    await using next = await AcmeWorld.open({ folder: one.folder, plans: [plan], clock: one.clock });
    expect(await next.material(plan, 'a.example')).not.toBe(null);
    next.certificates.start();
    await timePasses(one.clock, next.certificates, () => next.told('certificate.issued').length === 1);
    expect(one.clock.nowMs()).toBeLessThan(hourMs);
    expect(orders(one)).toBe(2);
  });
});

describe('what a CA refuses', () => {
  test('a rate limit is waited for as long as the CA says (RFC 8555 §6.6), and the order then is one', async () => {
    await using one = await scene({}, (ca) => {
      ca.behave = (kind) =>
        kind === 'order' && ca.count('order') === 1
          ? { status: 429, type: 'rateLimited', detail: 'too many certificates', retryAfter: '90000' }
          : null;
    });
    one.world.certificates.start();
    await one.world.event('certificate.failed');
    expect(one.world.told('certificate.failed')[0]?.problem).toEqual(
      expect.objectContaining({
        type: 'urn:ietf:params:acme:error:rateLimited',
        detail: 'too many certificates',
        status: 429,
        retryAfterMs: 90_000_000,
      }),
    );
    await one.passes(() => one.world.told('certificate.issued').length === 1);
    expect(one.clock.nowMs()).toBeGreaterThanOrEqual(25 * hourMs);
    expect(one.clock.nowMs()).toBeLessThan(27 * hourMs);
    expect(one.ca.count('order')).toBe(2);
  });

  test('a CAA record in the way is told in the CA’s words, subproblems too, and tried ever more rarely', async () => {
    await using one = await scene({}, (ca) => {
      ca.behave = (kind) =>
        kind === 'order'
          ? {
              status: 403,
              type: 'caa',
              detail: 'not allowed to issue',
              subproblems: [
                {
                  type: 'urn:ietf:params:acme:error:caa',
                  detail: 'CAA forbids',
                  identifier: { type: 'dns', value: 'a.example' },
                },
              ],
            }
          : null;
    });
    one.world.certificates.start();
    await one.passes(() => one.day() >= 0.25);
    // Six in the first hour and one an hour afterwards at most, whatever the jitter.
    expect(one.ca.count('order')).toBeLessThanOrEqual(6 + 6);
    expect(one.ca.count('order')).toBeGreaterThan(6);
    expect(one.world.told('certificate.failed')[0]?.problem).toMatchObject({
      type: 'urn:ietf:params:acme:error:caa',
      detail: 'not allowed to issue; a.example urn:ietf:params:acme:error:caa CAA forbids',
    });
  });

  test('S07: a name that is not believed makes the order invalid; the next attempt tries another kind of challenge', async () => {
    await using one = await scene({ challenges: ['http-01', 'tls-alpn-01'] }, (ca) => {
      ca.judge = () => (ca.orders.length === 1 ? { type: 'connection', detail: 'connection refused' } : null);
    });
    one.world.certificates.start();
    await one.passes(() => one.world.told('certificate.issued').length === 1);
    expect(one.world.told('certificate.failed').map(({ problem }) => problem.detail)).toEqual([
      'a.example: connection refused',
    ]);
    expect(one.world.told('certificate.challenging').map(({ challenges }) => challenges)).toEqual([
      ['http-01 a.example'],
      ['tls-alpn-01 a.example'],
    ]);
    expect([orders(one), one.world.certificates.hasPendingChallenges]).toEqual([2, false]);
  });

  test('a CA that has forgotten the account gets the same key again', async () => {
    await using one = await scene();
    one.world.certificates.start();
    await one.passes(() => one.world.told('certificate.issued').length === 1);
    const { ca } = one;
    let isForgetful = true;
    ca.behave = (kind) => {
      if (kind !== 'order' || !isForgetful) return null;
      isForgetful = false;
      return { status: 400, type: 'accountDoesNotExist', detail: 'who are you' };
    };
    await one.passes(() => one.world.told('certificate.issued').length === 2);
    // Made, made again, and read: it was there all the time.
    expect([ca.count('account'), orders(one), one.world.told('certificate.failed')]).toEqual([3, 2, []]);
  });

  test('a CA that will not have an order replace another gets an order like any other', async () => {
    await using one = await scene();
    one.world.certificates.start();
    await one.passes(() => one.world.told('certificate.issued').length === 1);
    one.ca.behave = (kind) =>
      kind === 'order' && one.ca.count('order') === 2
        ? { status: 409, type: 'alreadyReplaced', detail: 'has been replaced' }
        : null;
    await one.passes(() => one.world.told('certificate.issued').length === 2);
    expect([orders(one), one.ca.orders[1]?.replaces, one.world.told('certificate.failed')]).toEqual([2, null, []]);
  });
});

describe('a CA that goes away', () => {
  for (const kind of ['authorization', 'challenge', 'poll', 'finalise', 'certificate'] as const) {
    test(`in the middle of an order, at its ${kind}: the order is gone on with, and stays the only one`, async () => {
      await using one = await scene({}, (ca) => {
        ca.behave = (asked) => (asked === kind && ca.count(kind) === 1 ? 'drop' : null);
      });
      one.world.certificates.start();
      await one.passes(() => one.world.told('certificate.issued').length === 1);
      expect(one.world.told('certificate.failed').map(({ problem }) => problem.type)).toEqual(['network']);
      expect(one.world.told('certificate.failed')[0]?.state).toMatch(/^MISSING\.ISSUING\.(?:CHALLENGING|FINALISING)\./);
      expect(one.clock.nowMs()).toBeGreaterThanOrEqual(60_000);
      expect([orders(one), one.world.told('certificate.ordering').map(({ isResumed }) => isResumed)]).toEqual([
        1,
        [false, true],
      ]);
      expect(one.world.certificates.hasPendingChallenges).toBe(false);
    });
  }

  test('S09: one that cannot be reached at all is asked again in seconds, doubling', async () => {
    await using one = await scene();
    const gone = autoPlan(
      acmePlan({ directoryUrl: 'https://127.0.0.1:1/directory', directoryCa: one.ca.directoryCa }),
      ['b.example'],
    );
    await using world = await AcmeWorld.open({ folder: one.folder, plans: [gone], clock: one.clock });
    world.certificates.start();
    const told = () => world.told('certificate.backing-off');
    for (const [index, leastMs] of [5_000, 10_000, 20_000, 40_000].entries()) {
      await timePasses(one.clock, world.certificates, () => told().length === index + 1);
      const waitMs = (told()[index]?.untilMs ?? Number.NaN) - one.clock.wallMs();
      expect(waitMs).toBeGreaterThanOrEqual(leastMs);
      expect(waitMs).toBeLessThanOrEqual(leastMs * 1.5);
    }
    expect(world.told('certificate.failed').map(({ problem, state }) => [problem.type, state])).toEqual(
      Array.from({ length: 4 }, () => ['unreachable', 'MISSING.ISSUING.ORDERING']),
    );
    expect(world.certificates.status()).toMatchObject([{ failures: 4 }]);
  });

  test('one that never answers is given up at the deadline of the step, and stop() waits for nothing', async () => {
    await using one = await scene({}, (ca) => {
      ca.behave = (kind) => (kind === 'order' ? 'hang' : null);
    });
    one.world.certificates.start();
    await until(() => one.ca.count('order') === 1);
    one.clock.advance(59_000);
    expect(one.world.told('certificate.failed')).toEqual([]);
    one.clock.advance(1_000);
    expect(one.world.told('certificate.failed').map(({ problem }) => problem)).toEqual([
      expect.objectContaining({ type: 'deadline', detail: 'openOrder was not answered in time' }),
    ]);
    await one.passes(() => one.ca.count('order') === 2);
    await one.world.certificates.stop();
    expect(one.clock.armedCount).toBe(0);
    const lock = await one.world.store.lock(places.lock(nameSetOf(['a.example'], one.ca.directoryUrl)), 1_000);
    expect(lock).not.toBe(null);
  });

  test('two CAs with different roots at once are each believed by their own, and by no other', async () => {
    await using one = await StubCa.start();
    await using other = await StubCa.start();
    await using folder = await storeFolder();
    const plans = [
      autoPlan(acmePlan(one), ['one.example']),
      autoPlan(acmePlan(other), ['other.example']),
      autoPlan(acmePlan({ directoryUrl: `${one.directoryUrl}?x`, directoryCa: other.directoryCa }), ['wrong.example']),
    ];
    await using world = await AcmeWorld.open({ folder: folder.path, plans });
    world.certificates.start();
    await world.event('certificate.issued', 2);
    const failed = await world.event('certificate.failed');
    expect(failed).toMatchObject({ names: ['wrong.example'], problem: { type: 'network' } });
    expect(new Set(world.told('certificate.issued').flatMap(({ names }) => names))).toEqual(
      new Set(['one.example', 'other.example']),
    );
  });
});

/** Yields until it is so; the test's own limit ends the wait. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
