/**
 * Where a route without a pool leads: its targets in turn, the port that the client came to, and what a function of the
 * embedding program's answers, as far as that is believed.
 */
import { expect, test } from 'vitest';
import type { DialSubject } from '../../src/io/candidates.ts';
import { TargetTurns } from '../../src/io/target-candidates.ts';
import type { TargetContext, TargetFunction } from '../../src/routing/pool-plan.ts';
import { forwardRoute } from '../support/dial-plans.ts';

const subject: DialSubject = {
  connectionId: 'k3f9-12',
  listenerName: '[::]:8080',
  client: { host: '192.0.2.7', port: 51_000 },
  local: { host: '192.0.2.1', port: 8443 },
  serverName: 'a.example',
  tls: null,
  proxied: null,
  head: {
    method: 'GET',
    target: '/v1/users?secret=1',
    version: '1.1',
    authority: 'a.example',
    fields: ['X-A', '1', 'x-a', '2', 'Cookie', 'a=1', 'Cookie', 'b=2', '__proto__', 'x'],
    body: { kind: 'none' },
    expectsContinue: false,
    upgrade: null,
    acceptsTrailers: false,
    isPersistent: true,
  },
  endpointLost: () => undefined,
};

const candidatesOf = (targetOf: (context: TargetContext) => unknown) => {
  // What it is declared to answer is what it is not believed about.
  const declared: TargetFunction = () => ({ host: 'a', port: 1 });
  const asked = new Proxy(declared, { apply: (_, __, [context]: [TargetContext]): unknown => targetOf(context) });
  const route = forwardRoute({ targets: [], targetOf: asked });
  return new TargetTurns().of(route, [], subject);
};

test('R11: a target function is told who asks and for what, once for each attempt, and leads to what it answers', async () => {
  const asked: TargetContext[] = [];
  const candidates = candidatesOf((context) => {
    asked.push(context);
    return { host: 'b.example', port: 3000 };
  });
  expect([...candidates.targets()]).toEqual([]);
  expect(await candidates.next(1)).toMatchObject({ kind: 'endpoint', target: { host: 'b.example', port: 3000 } });
  expect([...candidates.targets()]).toEqual([]);
  await candidates.next(2);
  expect([candidates.attemptsMax, asked.map(({ attempt }) => attempt)]).toEqual([1, [1, 2]]);
  expect(asked[0]).toEqual({
    connectionId: 'k3f9-12',
    route: 'only',
    listener: '[::]:8080',
    clientIp: '192.0.2.7',
    clientPort: 51_000,
    localPort: 8443,
    serverName: 'a.example',
    path: '/v1/users',
    method: 'GET',
    headers: Object.fromEntries([
      ['x-a', '1, 2'],
      ['cookie', 'a=1; b=2'],
      ['__proto__', 'x'],
    ]),
    attempt: 1,
  });
});

test('R11: an answer may be a promise of any make, and a UNIX socket', async () => {
  const target = { host: '2001:db8::7', port: 65_535 };
  const thenable = {};
  Reflect.set(thenable, 'then', (done: (value: unknown) => void) => done(target));
  for (const answer of [target, Promise.resolve(target), thenable])
    expect(await candidatesOf(() => answer).next(1)).toMatchObject({ target });
  for (const answer of [{ unix: '/run/x' }, { host: 'unix:/run/x', port: 0 }])
    expect(await candidatesOf(() => answer).next(1)).toMatchObject({ target: { host: 'unix:/run/x', port: 0 } });
});

test('R11: what a function answers is looked at before it is believed', async () => {
  const nonsense: readonly unknown[] = [
    undefined,
    null,
    'a.example:80',
    {},
    { host: 'a.example' },
    { host: 'a.example', port: '80' },
    ...[0, -1, 65_536, 1.5, Number.NaN].map((port) => ({ host: 'a.example', port })),
    ...['', 'a b', '[::1]', 'a:80', 'a/b', 'a\r\nb', 'a\0', 'x'.repeat(300)].map((host) => ({ host, port: 80 })),
    { unix: '' },
    { unix: '/a\0b' },
    { unix: 7 },
    { host: 'unix:', port: 0 },
  ];
  for (const answer of nonsense) {
    expect(() => candidatesOf(() => answer).next(1)).toThrow(/the target function of the route has to answer/);
    await expect(candidatesOf(() => Promise.resolve(answer)).next(1)).rejects.toThrow(/the target function/);
  }
  expect(() =>
    candidatesOf(() => {
      throw new Error('boom');
    }).next(1),
  ).toThrow('boom');
  await expect(candidatesOf(() => Promise.reject(new Error('boom'))).next(1)).rejects.toThrow('boom');
  // What is believed was read once: an answer that changes its mind changes nothing.
  let reads = 0;
  const fickle = {
    host: 'a.example',
    get port() {
      reads += 1;
      return reads === 1 ? 80 : 99_999;
    },
  };
  expect(await candidatesOf(() => fickle).next(1)).toMatchObject({ target: { host: 'a.example', port: 80 } });
});

test('R11: a target without a port of its own has the one that the client came to, where that is known', () => {
  const route = forwardRoute({ targets: [{ host: 'a.example', port: 0, match: null }] });
  const targets = [{ host: 'a.example', port: 0, match: null }];
  const turns = new TargetTurns();
  expect(turns.of(route, targets, subject).next(1)).toMatchObject({ target: { host: 'a.example', port: 8443 } });
  const nowhere = turns.of(route, targets, { ...subject, local: { host: '', port: 0 } });
  expect([nowhere.next(1), [...nowhere.targets()]]).toMatchObject([
    { kind: 'none', reason: 'upstream.unreachable' },
    [],
  ]);
  const unix = turns.of(route, [{ host: 'unix:/run/x', port: 0, match: null }], subject);
  expect(unix.next(1)).toMatchObject({ target: { host: 'unix:/run/x', port: 0 } });
});
