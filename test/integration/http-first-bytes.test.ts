/**
 * The first bytes of a connection where nothing but HTTP is served: what is nearly a request is answered, not reset.
 */
import { describe, expect, test } from 'vitest';
import { createProxy, httpRoute, type HttpRouteOptions } from '../../src/index.ts';
import { SteppedProxy } from '../support/http-stepped.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { closedPort, dialPeer, Origin, ProxyUnderTest } from '../support/world.ts';

const plain = get('/');

describe('where every route is HTTP', () => {
  test.each([
    ['an empty line before the request', `\r\n${plain}`, 200],
    ['an unknown method', plain.replace('GET', 'BREW'), 200],
    ['a method in small letters', plain.replace('GET', 'brew'), 200],
    ['a method with a digit', plain.replace('GET', 'M2-X'), 200],
    ['TRACE in small letters', plain.replace('GET', 'trace'), 405],
    ['HTTP/2.0', plain.replace('HTTP/1.1', 'HTTP/2.0'), 505],
    ['HTTP/3', plain.replace('HTTP/1.1', 'HTTP/3'), 400],
    ['HTTP/0.9', 'GET /\r\n', 400],
    ['another protocol of lines', 'EHLO client.example\r\n', 400],
    ['a word', 'hello\r\n\r\n', 400],
  ])('H01: %s is answered by HTTP', async (_name, text, status) => {
    await using origin = await ScriptedOrigin.start(() => ok('there'));
    await using world = await ProxyUnderTest.forward(origin.port, { route: { match: { ports: 0, protocol: 'http' } } });
    for (const pieces of [[text], [...text.slice(0, 12).split(''), text.slice(12)]]) {
      const client = await dialPeer(world.port);
      client.socket.setNoDelay(true);
      for (const piece of pieces) {
        client.send(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await readReply(client)).status).toBe(status);
      client.reset();
    }
    expect((await world.closed(2)).map(({ protocol }) => protocol)).toEqual(['http', 'http']);
  });

  test('H01: what can be no request is let go as before', async () => {
    await using world = await ProxyUnderTest.forward(await closedPort(), {
      route: { match: { ports: 0, protocol: 'http' } },
    });
    for (const bytes of [Buffer.of(0), Buffer.of(0xff, 0xfe), Buffer.from('AB\0C'), Buffer.from(': x')]) {
      const client = await dialPeer(world.port);
      client.send(bytes);
      expect(await client.closed).toBe('reset');
    }
    expect((await world.closed(4)).map(({ reason }) => reason)).toEqual(Array(4).fill('refused.protocol'));
  });

  test('T01, H01: whoever sends an empty line and no more is answered 408 by the deadline of a head', async () => {
    await using world = await SteppedProxy.forward(await closedPort(), { timeouts: { requestHead: 5_000 } });
    const client = await dialPeer(world.port);
    client.send('bre');
    await world.received(3);
    await world.inLeaf('ESTABLISHED.HTTP.BUSY');
    world.clock.advance(5_000);
    expect((await readReply(client)).status).toBe(408);
    client.end();
    world.clock.advance(5_000);
    await world.closed(1);
  });

  test('M02: where another route takes other bytes, it still gets them', async () => {
    await using origin = await Origin.echo();
    const target = { host: '127.0.0.1', port: origin.port };
    await using world = await ProxyUnderTest.start({
      routes: [
        { name: 'http', match: { ports: 0, protocol: 'http' }, action: { type: 'respond', body: 'http' } },
        { name: 'rest', match: { ports: 0 }, action: { type: 'forward', target } },
      ],
    });
    const client = await dialPeer(world.port);
    client.send('hello there\r\n');
    expect(String(await client.atLeast(13))).toBe('hello there\r\n');
    client.end();
    await world.closed(1);
  });
});

test('RFC 9110 §6.6.1: every answer of our own has the date of the clock, once', async () => {
  const respond = { type: 'respond', body: 'x' } as const;
  const routes = [
    { name: 'answer', match: { ports: 0, path: '/answer' }, action: respond },
    { name: 'own', match: { ports: 0, path: '/own' }, action: { ...respond, headers: { date: 'mine' } } },
    { name: 'away', match: { ports: 0, path: '/away' }, action: { type: 'redirect', to: '/there' } },
    {
      name: 'closed',
      match: { ports: 0, path: '/closed' },
      action: { type: 'forward', target: { host: '127.0.0.1', port: await closedPort() } },
    },
    {
      name: 'asking',
      match: { ports: 0, path: '/asking' },
      action: respond,
      security: { authentication: { type: 'basic', credentials: [{ username: 'a', password: 'b' }] } },
    },
  ] as const;
  await using world = await SteppedProxy.start({ routes });
  for (const [path, status] of [
    ['/answer', 200],
    ['/own', 200],
    ['/away', 308],
    ['/closed', 502],
    ['/asking', 401],
    ['/nowhere', 404],
    ['/..', 400],
  ] as const) {
    const reply = await ask(world.port, get(path));
    expect([path, reply.status]).toEqual([path, status]);
    expect(reply.fields['date']).toBe(path === '/own' ? 'mine' : 'Thu, 01 Jan 2026 00:00:00 GMT');
  }
  world.clock.advance(61_000);
  expect((await ask(world.port, get('/answer'))).fields['date']).toBe('Thu, 01 Jan 2026 00:01:01 GMT');
});

test('K03: a handler that fails, and one that does not answer, are told by what happened', async () => {
  const handler = (httpHandler: () => Promise<Response>) => ({ type: 'handler', httpHandler }) as const;
  await using world = await SteppedProxy.start({
    routes: [
      {
        name: 'failing',
        match: { ports: 0, path: '/failing' },
        action: handler(() => Promise.reject(new Error('secret'))),
      },
      {
        name: 'silent',
        match: { ports: 0, path: '/silent' },
        timeouts: { response: 1_000 },
        action: handler(() => new Promise(() => undefined)),
      },
    ],
  });
  const failed = await ask(world.port, get('/failing'));
  expect([failed.status, failed.body.replace(/ \(.*/s, '')]).toEqual([500, 'the handler failed']);
  const waiting = ask(world.port, get('/silent'));
  await world.exchangeInLeaf('HALF_CLOSED.AWAITING');
  world.clock.advance(1_000);
  const late = await waiting;
  expect([late.status, late.body.replace(/ \(.*/s, '')]).toEqual([504, 'the handler did not answer in time']);
});

test('A04: a route that was made by a helper is typed by its options', async () => {
  const options: HttpRouteOptions = {
    name: 'web',
    ports: 0,
    target: { host: '127.0.0.1', port: 1 },
    websocket: { ping: '30s' },
  };
  await using proxy = createProxy({ routes: [httpRoute(options)] });
  expect(proxy.routes.list()).toMatchObject([{ action: { pingMs: 30_000 } }]);
});
