/**
 * What is told of certificates: once for each, which names of a route nobody covers, and whether anything serves on.
 *
 * Read first: `src/certificates/coverage.ts`, `src/certificates/book.ts`.
 */
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/io/clock.ts';
import type { CertificateProvider } from '../../src/routing/tls-plan.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bookOf, pemPlan, tlsPlan } from '../support/certificate-plans.ts';
import { testAuthority } from '../support/certificates.ts';

describe('what is told of certificates', () => {
  test('what several routes give alike is loaded, told and refused once; each plan finds it', async () => {
    const authority = await testAuthority();
    const [good, other] = [await authority.issue(['a.example']), await authority.issue(['b.example'])];
    const plans = [pemPlan(good, 'routes[0].tls'), pemPlan(good, 'routes[1].tls'), pemPlan(other, 'routes[2].tls')];
    await using opened = await bookOf(systemClock(), plans);
    expect(opened.events.map(({ event, ...rest }) => [event, 'configPath' in rest && rest.configPath])).toEqual([
      ['certificate.loaded', 'routes[0].tls'],
      ['certificate.loaded', 'routes[2].tls'],
    ]);
    const found = plans
      .map((plan) => opened.book.identityFor(plan, null))
      .map((one) => one !== null && 'names' in one && one.names);
    expect(found).toEqual([['a.example'], ['a.example'], ['b.example']]);
    const bad = { cert: good.cert, key: other.key };
    await expect(
      bookOf(systemClock(), [pemPlan(bad, 'routes[0].tls'), pemPlan(bad, 'routes[1].tls')]),
    ).rejects.toMatchObject({
      problems: [{ configPath: 'routes[0].tls' }],
    });
  });

  test.each([
    {
      domains: ['b.example'],
      says: [/covers none of the names of its route \(b\.example\), only a\.example, \*\.w\.example/],
    },
    { domains: ['a.example', 'b.example'], says: [/does not cover \(b\.example\)/] },
    { domains: ['a.example', 'x.w.example'], says: [] },
    // Another route's certificate is shown for it.
    { domains: ['A.example', 'other.example'], says: [] },
    { domains: ['*.w.example', '*.example', 'a.*', '*'], says: [] },
    {
      domains: ['*.b.example', 'w.example', 'x.y.w.example'],
      says: [/none of .*\*\.b\.example, w\.example, x\.y\.w\.example/],
    },
  ])('a route for $domains is warned of what no certificate covers, and no other', async ({ domains, says }) => {
    const authority = await testAuthority();
    const plan = pemPlan(await authority.issue(['a.example', '*.w.example']), 'routes[0].tls');
    const other = pemPlan(await authority.issue(['other.example']), 'routes[1].tls');
    await using opened = await bookOf(systemClock(), [plan, other], { wanted: new Map([[plan, domains]]) });
    const warnings = opened.events.flatMap((event) => (event.event === 'certificate.loaded' ? event.warnings : []));
    expect(warnings).toHaveLength(says.length);
    for (const [at, warning] of warnings.entries()) expect(warning).toMatch(says[at] ?? /nothing/);
  });

  test('a function that fails where an older answer of its own is good still is told as that', async () => {
    const authority = await testAuthority();
    const clock = new StepClock({ wallMs: systemClock().wallMs() });
    let isSealed = false;
    const provide: CertificateProvider = (name) => {
      if (isSealed) throw new Error('the vault is sealed');
      return authority.issue([name], { from: 0, to: 30 });
    };
    const plan = tlsPlan({ type: 'function', provide });
    await using opened = await bookOf(clock, [plan]);
    const first = await opened.book.identityFor(plan, 'a.example');
    isSealed = true;
    clock.advance(21 * 86_400_000);
    expect(opened.book.identityFor(plan, 'a.example')).toBe(first);
    await opened.until(1);
    expect(opened.events).toMatchObject([{ event: 'certificate.rejected', servesOn: true }]);
    clock.advance(10 * 86_400_000);
    expect(await opened.book.identityFor(plan, 'a.example')).toBe(null);
    expect(opened.events[1]).toMatchObject({ event: 'certificate.rejected', servesOn: false });
  });

  test('a certificate that is near its end is told once, at load or when it comes near, until the book is stopped', async () => {
    const issued = await (await testAuthority()).issue(['a.example'], { from: -1, to: 30 });
    const nowMs = systemClock().wallMs();
    const clock = new StepClock({ wallMs: nowMs });
    await using opened = await bookOf(clock, [pemPlan(issued)]);
    const expiring = () => opened.events.filter(({ event }) => event === 'certificate.expiring');
    clock.advance(19 * 86_400_000);
    expect(expiring()).toEqual([]);
    clock.advance(2 * 86_400_000);
    expect(expiring()).toMatchObject([{ names: ['a.example'], configPath: 'routes[0].tls' }]);
    clock.advance(20 * 86_400_000);
    expect(expiring()).toHaveLength(1);
    await opened.book.stop();
    expect(clock.armedCount).toBe(0);
    expect(opened.book.identityFor(pemPlan(issued), 'a.example')).toBe(null);
  });
});
