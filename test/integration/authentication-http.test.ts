/**
 * Authentication on the wire: what a client must send to be let through, what the upstream and the log see of it, and what
 * `explain` says of who was not.
 */
import { hashSync } from 'bcryptjs';
import { expect, test } from 'vitest';
import { createProxy, type Logger, type Proxy } from '../../src/index.ts';
import { hashPassword } from '../../src/io/authentication/password.ts';
import { wheelClock } from '../../src/io/clock.ts';
import { makeKey, signed } from '../property/authentication-issuer.ts';
import { basicField } from '../property/authentication-samples.ts';
import { ask, get, NodeOrigin, ok, ScriptedOrigin } from '../support/http-world.ts';
import { closedPort, ProxyUnderTest } from '../support/world.ts';

const match = { ports: 0, protocol: 'http' } as const;
const wallClock = wheelClock();

/** The id that the body of our own answer names. */
function idIn(body: string): string {
  return /\w{4}-\d+\.\d+/.exec(body)?.[0] ?? '';
}

function withField(path: string, authorization: string): string {
  return get(path, `Authorization: ${authorization}\r\n`);
}

test('X05: who does not authenticate gets 401 and a challenge, reaches no upstream, and is explained by the id it was given', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('inside'));
  const credentials = [
    { username: 'a', password: await hashPassword('right') },
    { username: 'b', password: hashSync('right', 4) },
  ];
  const security = { authentication: { type: 'basic', realm: 'inner', credentials } };
  await using world = await ProxyUnderTest.forward(origin.port, { route: { match, security } });
  const { proxy, port } = world;
  const refused = [
    get('/x?token=secret'),
    withField('/x', basicField('a', 'wrong')),
    withField('/x', basicField('nobody', 'right')),
    withField('/x', 'Basic %%%'),
    withField('/x', `Basic ${Buffer.from('no-colon').toString('base64')}`),
    withField('/x', `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`),
    withField('/x', `Basic ${'QUJD'.repeat(2000)}`),
    // Two fields, one of them right: which one an upstream would believe is anybody's guess.
    get('/x', `Authorization: ${basicField('a', 'wrong')}\r\nAuthorization: ${basicField('a', 'right')}\r\n`),
  ];
  for (const request of refused) {
    const reply = await ask(port, request);
    expect(reply.status).toBe(401);
    expect(reply.fields['www-authenticate']).toBe('Basic realm="inner", charset="UTF-8"');
    const explained = proxy.explain(idIn(reply.body));
    expect(explained).toMatchObject({ isLive: false, exchangeRecord: { status: 401, reason: 'refused.auth' } });
    expect(explained?.sentence).toMatch(/^GET \/x was answered 401: closed after .* did not authenticate \(.*\); /);
    expect(JSON.stringify(explained)).not.toContain('secret');
  }
  expect(origin.seen).toEqual([]);
  for (const name of ['a', 'b'])
    expect((await ask(port, withField('/x', basicField(name, 'right')))).body).toBe('inside');
  expect(origin.seen).toHaveLength(2);
  for (const { head } of origin.seen) expect(head).not.toMatch(/authorization/i);
  expect(proxy.counters().exchanges).toMatchObject({
    opened: refused.length + 2,
    closedByReason: { 'refused.auth': refused.length, completed: 2 },
    closedByStatus: { 200: 2, 401: refused.length },
  });
});

test('X05: the upstream sees the credentials only where the route says so', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('inside'));
  const authentication = { type: 'basic', credentials: [{ username: 'a', password: 'right' }], forward: true };
  await using world = await ProxyUnderTest.forward(origin.port, { route: { match, security: { authentication } } });
  const field = basicField('a', 'right');
  expect((await ask(world.port, withField('/', field))).status).toBe(200);
  expect(origin.seen[0]?.head).toContain(`uthorization: ${field}`);
});

test('no line of the log, and no event, holds a credential, right or wrong', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('inside'));
  const told: string[] = [];
  const logger: Logger = { log: (_level, fields, message) => told.push(JSON.stringify(fields), message) };
  const authentication = { type: 'basic', credentials: [{ username: 'hiddenname', password: 'hiddenword' }] } as const;
  const target = { host: '127.0.0.1', port: origin.port };
  const route = { name: 'a', match, action: { type: 'forward', target }, security: { authentication } } as const;
  const proxy: Proxy = createProxy({ routes: [route], log: { level: 'debug' } }, { logger });
  proxy.events$.subscribe((event) => told.push(JSON.stringify(event)));
  await proxy.start();
  const [address] = proxy.addresses();
  const fields = [
    basicField('hiddenname', 'hiddenword'),
    basicField('hiddenname', 'hiddenwrong'),
    'Basic hiddengarbage=',
  ];
  for (const field of fields) await ask(address?.port ?? 0, withField('/', field));
  await proxy.stop();
  const all = told.join('\n');
  expect(all).toContain('exchange.closed');
  for (const secret of ['hidden', ...fields.map((field) => field.slice('Basic '.length))])
    expect(all).not.toContain(secret);
});

test('X09: a token is checked by its issuer’s keys; without them the answer is 503, and with them the request passes', async () => {
  const key = await makeKey('one');
  await using origin = await ScriptedOrigin.start(() => ok('inside'));
  await using issuer = await NodeOrigin.start((_request, response) => {
    response.end(JSON.stringify({ keys: [key.jwk] }));
  });
  const token = await signed(key, { clock: wallClock });
  const routeFor = (port: number): object => ({
    match,
    security: {
      authentication: {
        type: 'jwt',
        jwksUrl: `http://127.0.0.1:${port}/keys`,
        issuer: 'https://issuer.example/',
        audience: 'api',
      },
    },
  });
  await using world = await ProxyUnderTest.forward(origin.port, { route: routeFor(issuer.port) });
  const none = await ask(world.port, get('/'));
  expect([none.status, none.fields['www-authenticate']]).toEqual([401, 'Bearer']);
  const changed = await ask(world.port, withField('/', `Bearer ${token.replace(/\.\w/, '.A')}`));
  expect([changed.status, changed.fields['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token"']);
  expect((await ask(world.port, withField('/', `Bearer ${token}`))).body).toBe('inside');
  await using lost = await ProxyUnderTest.forward(origin.port, { route: routeFor(await closedPort()) });
  const away = await ask(lost.port, withField('/', `Bearer ${token}`));
  expect([away.status, away.fields['www-authenticate']]).toEqual([503, undefined]);
  expect(lost.proxy.explain(idIn(away.body))?.sentence).toContain('the published keys cannot be had');
  expect(origin.seen).toHaveLength(1);
});

test('O03: an exchange that waits is explained by its id while it lives, and its connection lists it', async () => {
  await using origin = await ScriptedOrigin.start(() => null);
  await using world = await ProxyUnderTest.forward(origin.port, { route: { match } });
  const { proxy } = world;
  const waiting = ask(world.port, get('/slow?token=secret')).catch(() => null);
  await world.inState('ESTABLISHED');
  while (origin.seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const [connection] = proxy.connections();
  const [exchange] = connection?.exchanges ?? [];
  expect(exchange).toMatchObject({ method: 'GET', requestPath: '/slow', route: 'only', state: 'HALF_CLOSED' });
  const explained = proxy.explain(exchange?.exchangeId ?? '');
  expect(explained).toMatchObject({
    isLive: true,
    connectionId: connection?.connectionId,
    exchange: { requestPath: '/slow' },
  });
  expect(explained?.sentence).toMatch(
    /^GET \/slow in HALF_CLOSED\.AWAITING for .* on route only, upstream 127\.0\.0\.1:\d+; began /,
  );
  expect(proxy.explain(`${connection?.connectionId}.999`)).toBeNull();
  expect(proxy.counters().exchanges).toMatchObject({ opened: 1, live: 1, closed: 0 });
  proxy.kill(connection?.connectionId ?? '');
  await waiting;
  await world.closed(1);
  expect(proxy.explain(exchange?.exchangeId ?? '')).toMatchObject({
    isLive: false,
    exchangeRecord: { reason: 'operator.killed' },
  });
  expect(proxy.counters().exchanges).toMatchObject({ opened: 1, live: 0, closed: 1 });
});
