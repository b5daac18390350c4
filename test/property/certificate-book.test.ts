/**
 * Which certificate answers: names, wildcards, defaults, functions, and the bounds of what is remembered.
 *
 * Read first: `src/certificates/book.ts`.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  answerMs,
  AskedCertificates,
  askedNamesMax,
  freshMsMin,
  questionsMax,
  refusedMs,
  refusedNamesMax,
} from '../../src/certificates/asked.ts';
import { openCertificateBook } from '../../src/certificates/book.ts';
import { isDevelopmentName } from '../../src/certificates/development.ts';
import { NameIndex, namesOf, normalName } from '../../src/certificates/names.ts';
import { systemClock } from '../../src/io/clock.ts';
import type { CertificateMaterial } from '../../src/io/tls/identity.ts';
import type { CertificateProvider } from '../../src/routing/tls-plan.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bookOf, pemPlan, text, tlsPlan } from '../support/certificate-plans.ts';
import { testAuthority } from '../support/certificates.ts';
import { runs, seed } from '../support/fuzz.ts';

const material = (
  id: string,
  names: readonly string[],
  life: { from?: number; to?: number } = {},
): CertificateMaterial => ({
  id,
  cert: '',
  key: '',
  names,
  notBeforeMs: life.from ?? 0,
  notAfterMs: life.to ?? Number.MAX_SAFE_INTEGER,
});

const label = fc.constantFrom('a', 'b', 'www', 'test', 'com', 'xn--4ca');
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const covered = fc.oneof(
  host,
  host.map((name) => `*.${name}`),
  fc.constantFrom('127.0.0.1', '::1', '*.0.0.1'),
);

describe('names', () => {
  test('a name is found where a naive model finds it: exact, else a wildcard of one label, the first of several', () => {
    const sets = fc.array(fc.array(covered, { minLength: 1, maxLength: 4 }), { maxLength: 6 });
    fc.assert(
      fc.property(sets, fc.oneof(host, fc.constantFrom('127.0.0.1', '::1', '')), (all, name) => {
        const materials = all.map((names, at) => material(`${at}`, names));
        const exact = materials.find(({ names }) => names.includes(name));
        const [first = '', ...rest] = name.split('.');
        const wildcard = first === '' || rest.length === 0 ? '' : `*.${rest.join('.')}`;
        const expected = exact ?? materials.find(({ names }) => names.includes(wildcard)) ?? null;
        expect(new NameIndex(materials).find(name)).toBe(expected);
      }),
      { seed: seed(), numRuns: runs(2_000) },
    );
  });

  test.each([
    ['a.b.example.com', 'two labels'],
    ['example.com', 'the apex'],
    ['.example.com', 'an empty label'],
    ['xexample.com', 'a part of a label'],
  ])('a wildcard does not cover %s: %s', (name) => {
    expect(new NameIndex([material('it', ['*.example.com'])]).find(name)).toBe(null);
  });

  test('capitals and final dots make no difference', () => {
    fc.assert(
      fc.property(host, fc.nat(), fc.constantFrom('', '.'), (name, mask, dot) => {
        const shouted = Array.from(name)
          .map((char, at) => (((mask >> (at % 31)) & 1) === 1 ? char.toUpperCase() : char))
          .join('');
        expect(normalName(shouted + dot)).toBe(name);
      }),
      { seed: seed(), numRuns: runs(500) },
    );
  });

  test('the alternative names are read as Node writes them: DNS names and addresses, nothing else', () => {
    const written =
      'DNS:A.Example.com, IP Address:0:0:0:0:0:0:0:1, URI:http://x, DNS:"b\\"c, DNS:d", email:a@b, DNS:*.e, IP Address:10.0.0.1';
    expect(namesOf(written)).toEqual(['a.example.com', '::1', '*.e', '10.0.0.1']);
  });
});

describe('the book', () => {
  test('the route’s own certificate comes first, then any other, then none; who sends no name gets the route’s own', async () => {
    const authority = await testAuthority();
    const plans = [
      pemPlan(await authority.issue(['a.example', '*.wild.example']), 'routes[0].tls'),
      pemPlan(await authority.issue(['b.example', 'x.wild.example']), 'routes[1].tls'),
    ] as const;
    const other = tlsPlan({ type: 'development', names: [] });
    await using opened = await bookOf(systemClock(), [...plans, other]);
    const { book } = opened;
    const [first, second] = book.entries().map((entry) => entry.material);
    const asked = (name: string | null) => plans.map((plan) => book.identityFor(plan, name));
    expect(first).not.toBe(null);
    expect(second?.names).toEqual(['b.example', 'x.wild.example']);
    expect(asked('a.example')).toEqual([first, first]);
    expect(asked('B.EXAMPLE.')).toEqual([second, second]);
    // Its own wildcard is nearer than the exact name of another route.
    expect(asked('x.wild.example')).toEqual([first, second]);
    expect(asked(null)).toEqual([first, second]);
    expect(asked('c.example')).toEqual([null, null]);
    expect(book.identityFor(tlsPlan(other.certificate), null)).toBe(null);
    expect(await book.identityFor(other, 'a.example')).toBe(first);
  });

  test('everything that cannot be used is told at once, with its place in the configuration', async () => {
    const authority = await testAuthority();
    const [good, other] = [await authority.issue(['a.example']), await authority.issue(['b.example'])];
    const plans = [
      pemPlan({ cert: good.cert, key: other.key }, 'routes[0].tls'),
      pemPlan(good, 'routes[1].tls'),
      pemPlan({ cert: good.key, key: good.key }, 'routes[2].tls'),
      tlsPlan({ type: 'pem', cert: { kind: 'file', path: '/nowhere/cert.pem' }, key: text(good.key) }, 'routes[3].tls'),
    ];
    const clock = new StepClock();
    const options = { plans, clock, report: () => {}, auto: null, development: null };
    await expect(openCertificateBook(options)).rejects.toMatchObject({
      code: 'SALLYPORT_CERTIFICATES',
      problems: [
        { configPath: 'routes[0].tls', code: 'SALLYPORT_CERTIFICATE_KEY' },
        { configPath: 'routes[2].tls', code: 'SALLYPORT_CERTIFICATE_INVALID' },
        { configPath: 'routes[3].tls', code: 'SALLYPORT_CERTIFICATE_UNREADABLE' },
      ],
    });
    expect(clock.armedCount).toBe(0);
  });

  test('auto is asked with the plan and the name as it is compared; challenges go to it', async () => {
    const found = material('auto', ['a.example']);
    const asked: unknown[] = [];
    const auto = tlsPlan({ type: 'auto', names: ['a.example'], acme });
    const port = {
      materialFor: (...args: readonly unknown[]) => {
        asked.push(args);
        return found;
      },
      httpChallenge: (token: string) => `answer to ${token}`,
      tlsChallenge: (name: string) => material(name, [name]),
      isProving: () => true,
    };
    await using opened = await bookOf(systemClock(), [auto], { auto: port });
    expect([opened.book.identityFor(auto, 'A.example.'), opened.book.identityFor(auto, null)]).toEqual([found, found]);
    expect(asked).toEqual([
      [auto, 'a.example'],
      [auto, null],
    ]);
    expect(opened.book.httpChallenge('token')).toBe('answer to token');
    expect(opened.book.tlsChallenge('A.Example')?.id).toBe('a.example');
    expect(opened.book.isProving()).toBe(true);
  });

  test('all handshakes for a name that wait for the same answer hold one promise', async () => {
    const first: PromiseWithResolvers<CertificateMaterial | null> = Promise.withResolvers();
    const auto = tlsPlan({ type: 'auto', names: ['a.example', 'b.example'], acme });
    const port = {
      materialFor: () => first.promise,
      httpChallenge: () => null,
      tlsChallenge: () => null,
      isProving: () => false,
    };
    const another = pemPlan(await (await testAuthority()).issue(['b.example']));
    await using opened = await bookOf(systemClock(), [auto, another], { auto: port });
    const answers = ['a.example', 'A.example', 'b.example'].map((name) => opened.book.identityFor(auto, name));
    expect(answers[1]).toBe(answers[0]);
    first.resolve(null);
    const found = [await answers[0], await answers[1], await answers[2]];
    expect(found.map((one) => one?.names)).toEqual([undefined, undefined, ['b.example']]);
  });
});

describe('certificates from a function', () => {
  test('the function is asked once per name at a time, and what it gave is good for two thirds of its life', async () => {
    const authority = await testAuthority();
    const clock = new StepClock({ wallMs: systemClock().wallMs() });
    const asked: string[] = [];
    const provide: CertificateProvider = async (name) => {
      asked.push(name);
      return name.endsWith('.example') ? authority.issue([name], { from: 0, to: 30 }) : null;
    };
    const plan = tlsPlan({ type: 'function', provide });
    await using opened = await bookOf(clock, [plan]);
    const answers = await Promise.all(
      ['a.example', 'A.example', 'a.example.'].map(async (name) => opened.book.identityFor(plan, name)),
    );
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]?.names).toEqual(['a.example']);
    expect(opened.book.identityFor(plan, 'a.example')).toBe(answers[0]);
    clock.advance(19 * 86_400_000);
    expect(opened.book.identityFor(plan, 'a.example')).toBe(answers[0]);
    expect(asked).toEqual(['a.example']);
    clock.advance(2 * 86_400_000);
    // The old one serves while the new one is asked for.
    expect(opened.book.identityFor(plan, 'a.example')).toBe(answers[0]);
    expect(asked).toEqual(['a.example', 'a.example']);
    expect(opened.book.identityFor(plan, null)).toBe(null);
    expect(await opened.book.identityFor(plan, 'a.other')).toBe(null);
    await opened.book.stop();
    expect(clock.armedCount).toBe(0);
  });

  test('an error of the function is contained, told once in a while, and the name is asked for again later', async () => {
    const clock = new StepClock();
    let count = 0;
    const provide: CertificateProvider = () => {
      count += 1;
      throw new Error('the vault is sealed');
    };
    const plan = tlsPlan({ type: 'function', provide });
    await using opened = await bookOf(clock, [plan]);
    expect(await opened.book.identityFor(plan, 'a.example')).toBe(null);
    expect(opened.book.identityFor(plan, 'a.example')).toBe(null);
    expect(await opened.book.identityFor(plan, 'b.example')).toBe(null);
    const told = { code: 'SALLYPORT_CERTIFICATE_PROVIDER', servesOn: false };
    expect([count, opened.events]).toEqual([2, [expect.objectContaining(told)]]);
    clock.advance(refusedMs);
    expect(await opened.book.identityFor(plan, 'a.example')).toBe(null);
    expect([count, opened.events.length]).toEqual([3, 2]);
  });

  test('what the function gives is checked like a file: a key of another certificate is refused', async () => {
    const authority = await testAuthority();
    const [one, other] = [await authority.issue(['a.example']), await authority.issue(['a.example'])];
    const plan = tlsPlan({ type: 'function', provide: () => ({ cert: one.cert, key: other.key }) });
    await using opened = await bookOf(new StepClock(), [plan]);
    expect(await opened.book.identityFor(plan, 'a.example')).toBe(null);
    expect(opened.events).toMatchObject([{ event: 'certificate.rejected', code: 'SALLYPORT_CERTIFICATE_KEY' }]);
  });

  test('one certificate for many names is checked once, and is one material; a bad one is refused each time', async () => {
    const authority = await testAuthority();
    const [good, other] = [await authority.issue(['*.example']), await authority.issue(['*.example'])];
    const provide: CertificateProvider = (name) => ({
      cert: good.cert,
      key: name.startsWith('x') ? other.key : good.key,
    });
    const plan = tlsPlan({ type: 'function', provide });
    await using opened = await bookOf(new StepClock(), [plan]);
    const [a, b, x, y] = await Promise.all(
      ['a.example', 'b.example', 'x.example', 'xx.example'].map(async (name) => opened.book.identityFor(plan, name)),
    );
    expect(a?.names).toEqual(['*.example']);
    expect(b).toBe(a);
    expect([x, y]).toEqual([null, null]);
  });

  test('a function that never answers is given up, however many wait; and at most so many questions are open', async () => {
    const clock = new StepClock();
    const errors: unknown[] = [];
    let count = 0;
    const hung = (): Promise<null> => {
      count += 1;
      return new Promise(() => {});
    };
    const asked = new AskedCertificates(hung, clock, (_name, error) => errors.push(error));
    const first = [asked.find('a'), asked.find('a')];
    for (let at = 0; at < 2 * questionsMax; at += 1) void asked.find(`${at}`);
    expect([count, clock.armedCount]).toEqual([questionsMax, questionsMax]);
    expect(asked.find('one more')).toBe(null);
    clock.advance(answerMs);
    expect([await first[0], await first[1]]).toEqual([null, null]);
    expect([errors.length, clock.armedCount]).toEqual([questionsMax, 0]);
    expect(asked.find('one more')).toBeInstanceOf(Promise);
    asked.stop();
    expect(clock.armedCount).toBe(0);
    expect(asked.find('after')).toBe(null);
  });

  test('invented names push out each other, never a name that has a certificate, and memory is bounded', async () => {
    const clock = new StepClock();
    const good = material('good', ['good']);
    const asked = new AskedCertificates(
      (name) => Promise.resolve(name === 'good' ? good : null),
      clock,
      () => {},
    );
    expect(await asked.find('good')).toBe(good);
    for (let at = 0; at < refusedNamesMax + 500; at += 1) expect(await asked.find(`invented ${at}`)).toBe(null);
    expect(asked.find('good')).toBe(good);
    expect(asked.size).toBe(1 + refusedNamesMax);
    const all = new AskedCertificates(
      (name) => Promise.resolve(material(name, [name])),
      clock,
      () => {},
    );
    for (let at = 0; at < askedNamesMax + 10; at += 1) await all.find(`${at}`);
    expect(all.size).toBe(askedNamesMax);
  });

  test('answers agree with a model over any history of asking, failing and time', async () => {
    const day = 86_400_000;
    const steps = fc.array(
      fc.record({
        waitMs: fc.constantFrom(0, 1, refusedMs, freshMsMin, day, 20 * day),
        name: fc.constantFrom('a', 'b'),
        next: fc.constantFrom('found', 'none', 'failure'),
      }),
      { minLength: 1, maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const clock = new StepClock();
        const wallMs = clock.wallMs();
        let answer: (typeof history)[number]['next'] = 'none';
        const asked = new AskedCertificates(
          async (name) => {
            if (answer === 'failure') throw new Error('down');
            return answer === 'none'
              ? null
              : material(name, [name], { from: clock.wallMs(), to: clock.wallMs() + 30 * day });
          },
          clock,
          () => {},
        );
        const model = new Map<string, { foundMs: number | null; refusedMs: number }>();
        for (const { waitMs, name, next } of history) {
          clock.advance(waitMs);
          answer = next;
          const nowMs = clock.wallMs() - wallMs;
          const now = model.get(name) ?? { foundMs: null, refusedMs: -Infinity };
          const found = await asked.find(name);
          await new Promise((resolve) => setImmediate(resolve));
          const hasAnswer = now.foundMs !== null && nowMs < now.foundMs + 30 * day;
          const isFresh = now.foundMs !== null && nowMs < now.foundMs + 20 * day;
          const isRefused = nowMs < now.refusedMs;
          if (isFresh || isRefused) expect(found !== null).toBe(isFresh || hasAnswer);
          else {
            expect(found !== null).toBe(hasAnswer || next === 'found');
            if (next === 'found') model.set(name, { foundMs: nowMs, refusedMs: -Infinity });
            if (next === 'none') model.set(name, { foundMs: null, refusedMs: nowMs + refusedMs });
            if (next === 'failure') model.set(name, { foundMs: now.foundMs, refusedMs: nowMs + refusedMs });
          }
        }
        expect(clock.armedCount).toBe(0);
      }),
      { seed: seed(), numRuns: runs(200) },
    );
  });
});

test('development names are this machine’s, those of the reserved domains, and the configured ones', () => {
  const configured = ['App.example', '*.dev.example'];
  const names = [
    'localhost',
    'a.localhost',
    'x.y.test',
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    'app.example',
    'a.dev.example',
  ];
  expect(names.filter((name) => !isDevelopmentName(name, configured))).toEqual([]);
  const others = [
    'example.com',
    'test',
    'atest',
    '10.0.0.1',
    'a.b.dev.example',
    'dev.example',
    'notlocalhost',
    '127.evil.com',
  ];
  expect(others.filter((name) => isDevelopmentName(name, configured))).toEqual([]);
});

const acme = {
  email: null,
  directoryUrl: 'https://ca.example/directory',
  ca: null,
  eab: null,
  challenges: ['http-01'],
  dns: null,
  challengePort: 80,
  renewThresholdDays: null,
  ask: null,
} as const;
