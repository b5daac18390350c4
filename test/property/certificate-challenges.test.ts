/**
 * What answers a validation, and what does not: tokens, names, retries in time, the arithmetic of renewal.
 *
 * Read first: src/certificates/acme-challenges.ts, src/certificates/acme-renewal.ts.
 */
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AcmeAuthorization } from '../../src/certificates/acme.ts';
import { ChallengeBook } from '../../src/certificates/acme-challenges.ts';
import { problemIn } from '../../src/certificates/acme-error.ts';
import { adviceIntervalMs, renewalTime, windowIn } from '../../src/certificates/acme-renewal.ts';
import { AcmeTransport } from '../../src/certificates/acme-transport.ts';
import { nameSetOf, places } from '../../src/certificates/orders-record.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { acmePlan } from '../support/acme-world.ts';
import { runs, seed } from '../support/fuzz.ts';

const ca = { directoryUrl: 'https://ca.example/dir', directoryCa: '' };
const live = new AbortController().signal;
const token = 'DGyRejmCefe7v4NfDGDKfA';

function authorization(type: string, name = 'a.example', itsToken = token): AcmeAuthorization {
  const challenges = [{ type, url: 'https://ca.example/c', token: itsToken, proof: `${itsToken}.thumbprint` }];
  return { url: 'https://ca.example/a', name, status: 'pending', challenges, error: null };
}

describe('answers to validations', () => {
  test('S07: a token is answered while it is pending, and nothing else ever is', async () => {
    const book = new ChallengeBook(new StepClock());
    const published = await book.publish(authorization('http-01'), acmePlan(ca), 0, live);
    expect(book.httpChallenge(token)).toBe(`${token}.thumbprint`);
    const others = [
      `${token}x`,
      token.toLowerCase(),
      '',
      '.',
      '..',
      `../${token}`,
      `${token}/`,
      `${token}%00`,
      `${token}?`,
    ];
    for (const other of [...others, 'a'.repeat(100_000), '__proto__', 'constructor'])
      expect(book.httpChallenge(other)).toBe(null);
    await published.withdraw();
    expect([book.httpChallenge(token), book.pendingCount]).toEqual([null, 0]);
  });

  test('S07: whatever is sent as a token, nothing but the pending one is answered', async () => {
    const book = new ChallengeBook(new StepClock());
    await book.publish(authorization('http-01'), acmePlan(ca), 0, live);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webPath(), fc.constantFrom(token, `${token}=`, ` ${token}`)), (sent) => {
        expect(book.httpChallenge(sent)).toBe(sent === token ? `${token}.thumbprint` : null);
      }),
      { seed: seed(), numRuns: runs(100) },
    );
  });

  test('a token that no CA would make is refused', async () => {
    const book = new ChallengeBook(new StepClock());
    for (const bad of ['../etc/passwd', 'a b', '', 'ä', 'a'.repeat(257)]) {
      const publishing = Promise.resolve().then(() =>
        book.publish(authorization('http-01', 'a.example', bad), acmePlan(ca), 0, live),
      );
      await expect(publishing).rejects.toThrow('a token that is none');
    }
    expect(book.pendingCount).toBe(0);
  });

  test('a TLS-ALPN-01 answer is for its name alone, and carries the proof (RFC 8737 §3)', async () => {
    const book = new ChallengeBook(new StepClock());
    const plan = acmePlan(ca, { challenges: ['tls-alpn-01'] });
    const published = await book.publish(authorization('tls-alpn-01'), plan, 0, live);
    expect(book.tlsChallenge('A.example')?.names).toEqual(['a.example']);
    expect(book.tlsChallenge('b.example')).toBe(null);
    await published.withdraw();
    expect(book.tlsChallenge('a.example')).toBe(null);
  });

  test('a kind that only one side has proves nothing, and says so', async () => {
    const publishing = new ChallengeBook(new StepClock()).publish(authorization('dns-01'), acmePlan(ca), 0, live);
    await expect(publishing).rejects.toThrow('a.example: the CA offers dns-01; configured is http-01');
  });

  test('a DNS record that could not be published is withdrawn all the same', async () => {
    const done: string[] = [];
    const dns = {
      publish: () => Promise.reject(new Error('the zone is locked')),
      withdraw: ({ name }: { readonly name: string }) => {
        done.push(name);
        return Promise.resolve();
      },
    };
    const plan = acmePlan(ca, { challenges: ['dns-01'], dns });
    await expect(new ChallengeBook(new StepClock()).publish(authorization('dns-01'), plan, 0, live)).rejects.toThrow(
      'the zone is locked',
    );
    expect(done).toEqual(['_acme-challenge.a.example']);
  });

  test('a DNS that hangs is waited for until the step ends; what it publishes late is withdrawn, unless it is wanted again', async () => {
    const publications: (() => void)[] = [];
    let withdrawals = 0;
    const dns = {
      publish: () => new Promise<void>((resolve) => void publications.push(resolve)),
      withdraw: async () => void (withdrawals += 1),
    };
    const plan = acmePlan(ca, { challenges: ['dns-01'], dns });
    const book = new ChallengeBook(new StepClock());
    const attempt = (signal: AbortSignal) => book.publish(authorization('dns-01'), plan, 0, signal);
    const [first, second] = [new AbortController(), new AbortController()];
    const given = [attempt(first.signal)];
    first.abort();
    await expect(given[0]).rejects.toThrow('not waited for');
    expect(withdrawals).toBe(1);
    const again = attempt(live);
    publications[0]?.();
    publications[1]?.();
    const published = await again;
    await turn();
    expect(withdrawals).toBe(1);
    await published.withdraw();
    const last = attempt(second.signal);
    second.abort();
    await expect(last).rejects.toThrow('not waited for');
    expect(withdrawals).toBe(3);
    publications[2]?.();
    await turn();
    expect(withdrawals).toBe(4);
  });

  test('the withdrawal of a DNS record is waited for five seconds', async () => {
    const clock = new StepClock();
    const dns = { publish: () => Promise.resolve(), withdraw: () => new Promise<void>(() => undefined) };
    const plan = acmePlan(ca, { challenges: ['dns-01'], dns });
    const published = await new ChallengeBook(clock).publish(authorization('dns-01'), plan, 0, live);
    const withdrawn = published.withdraw();
    clock.advance(5_000);
    await expect(withdrawn).rejects.toThrow('within 5 s');
    expect(clock.armedCount).toBe(0);
  });
});

describe('words and times of a CA', () => {
  test('Retry-After is seconds or a date by the CA’s clock, and anything else is nothing', () => {
    const transport = new AcmeTransport({ ca: null, wallMs: () => Date.UTC(2026, 0, 1) });
    const after = (value: string, date = '') => transport.retryAfter({ headers: { 'retry-after': value, date } });
    expect([after('120'), after('0'), after('-1'), after('soon'), after(''), after('99999999999')]).toEqual([
      120_000,
      0,
      null,
      null,
      null,
      null,
    ]);
    expect(after('Thu, 01 Jan 2026 00:10:00 GMT')).toBe(600_000);
    expect(after('Thu, 01 Jan 2026 00:10:00 GMT', 'Thu, 01 Jan 2026 00:09:00 GMT')).toBe(60_000);
    expect(after('Wed, 31 Dec 2025 00:00:00 GMT')).toBe(0);
    expect(transport.retryAfter({ headers: {} })).toBe(null);
    transport.close();
  });

  test('a problem keeps the CA’s words, without line breaks and without end', () => {
    const long = 'x'.repeat(5_000);
    expect(problemIn({ type: 'urn:x', detail: `a\r\nb\u2028${long}` }, 400, null)).toEqual({
      type: 'urn:x',
      detail: `a b ${long}`.slice(0, 1_000),
      status: 400,
      retryAfterMs: null,
    });
    expect(problemIn('gateway', 502, 1).detail).toBe('the CA answered 502 without a reason');
  });

  test('a renewal is inside the CA’s window, before the threshold, or about two thirds of the life', () => {
    const life = { notBeforeMs: 1_000_000, notAfterMs: 91_000_000 };
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (chance) => {
        const window = { startMs: 5_000_000, endMs: 6_000_000 };
        const within = renewalTime({ ...life, window, thresholdDays: null, chance });
        expect(within >= window.startMs && within <= window.endMs).toBe(true);
        const usual = renewalTime({ ...life, window: null, thresholdDays: null, chance });
        expect(Math.abs(usual - 61_000_000)).toBeLessThanOrEqual(1_800_001);
      }),
      { seed: seed(), numRuns: runs(100) },
    );
    expect(renewalTime({ ...life, window: null, thresholdDays: 1, chance: 0 })).toBe(91_000_000 - 86_400_000);
  });

  test('advice is asked for again after a minute to a day, and after six hours unless told (RFC 9773 §4.3)', () => {
    expect([null, 0, 3_600_000, 10 ** 12].map(adviceIntervalMs)).toEqual([21_600_000, 60_000, 3_600_000, 86_400_000]);
    const good = { suggestedWindow: { start: '2026-01-02T04:00:00Z', end: '2026-01-03T04:00:00Z' } };
    expect(windowIn(good)).toEqual({ startMs: Date.UTC(2026, 0, 2, 4), endMs: Date.UTC(2026, 0, 3, 4) });
    const bad = [
      null,
      {},
      { suggestedWindow: { start: 'x', end: 'y' } },
      { suggestedWindow: { start: good.suggestedWindow.end, end: good.suggestedWindow.start } },
    ];
    expect(bad.map(windowIn)).toEqual([null, null, null, null]);
  });

  test('the same names at the same directory are one set, in any order and writing, and keys of the store', () => {
    const one = nameSetOf(['b.example', 'A.example.', '*.a.example'], 'https://ca.example/dir');
    const other = nameSetOf(['*.A.example', 'a.example', 'b.example', 'b.example'], 'https://ca.example/dir');
    expect(one).toEqual(other);
    expect(nameSetOf(one.names, 'https://ca.example/other').id).not.toBe(one.id);
    expect(nameSetOf(['a.example'], 'https://ca.example/dir').id).not.toBe(one.id);
    for (const key of [
      places.certificate(one),
      places.order(one),
      places.failure(one),
      places.account('https://[::1]:1/x', 'kid'),
    ]) {
      expect(key.split('/').every((part) => /^[A-Za-z0-9._*@-]+$/.test(part))).toBe(true);
    }
  });
});
