/**
 * A rig of proxies in a row that introduce their clients: outer → inner → upstream, raw and HTTP, through pools and beside
 * them. What closes on one hop closes on the other, whatever the settings, and every count returns to nothing.
 *
 * Read first: `chain.test.ts`, which has the same rig without introductions.
 */
import { describe, expect, test } from 'vitest';
import type { SallyportConfig } from '../../src/index.ts';
import { openFileCount } from '../../src/io/fd-limit.ts';
import { expectBaseline } from '../support/census.ts';
import { ask, get, NodeOrigin, readReply } from '../support/http-world.ts';
import { dialPeer, eventually, knock, Origin, ProxyUnderTest } from '../support/world.ts';

const loopback = '127.0.0.1';

function introduced(more: Partial<SallyportConfig> = {}): Partial<SallyportConfig> {
  return { listeners: { 0: { acceptProxyProtocol: { from: [loopback] } } }, ...more };
}

describe.each(['compiled', 'xstate'] as const)('introduced clients under the %s interpreter', (interpreter) => {
  test('P06, P07, C02: the inner hop counts the clients of the outer one by their own addresses, and all counts return to 0', async () => {
    await using origin = await Origin.echo();
    await using inner = await ProxyUnderTest.start({
      ...introduced({ limits: { maxConnectionsPerIp: 2 } }),
      interpreter,
      routes: [
        { name: 'in', match: { ports: 0 }, action: { type: 'forward', target: { host: loopback, port: origin.port } } },
      ],
    });
    await using outer = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'out',
          match: { ports: 0 },
          action: { type: 'forward', target: { host: loopback, port: inner.port }, sendProxyProtocol: 'v2' },
        },
      ],
    });
    const files = await openFileCount();
    const from = (localAddress: string) => dialPeer(outer.port, { localAddress });
    const clients = [];
    for (const address of ['127.0.0.1', '127.0.0.1', '127.0.0.2', '127.0.0.2']) clients.push(await from(address));
    for (const client of clients) {
      client.send('hello');
      await client.atLeast(5);
    }
    const third = await from('127.0.0.1');
    expect(await third.closed).toBe('reset');
    await inner.closed(1);
    expect(inner.records).toMatchObject([{ reason: 'refused.capacity', proxyHeader: 'v2' }]);
    expect(inner.proxy.connections().map(({ client }) => client.host)).toEqual([
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.2',
      '127.0.0.2',
    ]);
    for (const client of clients) client.reset();
    await Promise.all([outer.closed(5), inner.closed(5)]);
    origin.letGo();
    await expectBaseline(outer.proxy, files);
    await expectBaseline(inner.proxy, files);
  });

  test('L41, L23: a pool of chained proxies and a direct upstream know nothing of each other, also when the chain breaks', async () => {
    await using origin = await NodeOrigin.start((_request, response) => void response.end('direct'));
    let inner = await ProxyUnderTest.start({
      ...introduced(),
      interpreter,
      routes: [{ name: 'in', match: { ports: 0, path: '/*' }, action: { type: 'respond', body: 'chained' } }],
    });
    const { port } = inner;
    await using outer = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'chained',
          match: { ports: 0, path: '/chained' },
          action: { type: 'forward', pool: 'chain', sendProxyProtocol: 'v2' },
        },
        { name: 'direct', match: { ports: 0, path: '/direct' }, action: { type: 'forward', pool: 'direct' } },
      ],
      pools: {
        chain: { endpoints: [{ host: loopback, port }] },
        direct: { endpoints: [{ host: loopback, port: origin.port }] },
      },
    });
    const client = await dialPeer(outer.port);
    client.send(get('/direct'));
    const first = await readReply(client);
    client.send(get('/chained'));
    const second = await readReply(client, first.bytes);
    expect([first.body, second.body]).toEqual(['direct', 'chained']);
    expect(outer.proxy.census().upstreams).toBe(2);
    await inner.proxy.stop();
    await eventually(() => outer.proxy.census().upstreams === 1);
    expect(await ask(outer.port, get('/chained', 'Connection: close\r\n'))).toMatchObject({ status: 502 });
    expect(await ask(outer.port, get('/direct', 'Connection: close\r\n'))).toMatchObject({
      status: 200,
      body: 'direct',
    });
    inner = await ProxyUnderTest.start({
      ...introduced({ listeners: { [port]: { acceptProxyProtocol: { from: [loopback] } } } }),
      interpreter,
      routes: [{ name: 'in', match: { ports: port, path: '/*' }, action: { type: 'respond', body: 'again' } }],
    });
    expect(await ask(outer.port, get('/chained', 'Connection: close\r\n'))).toMatchObject({
      status: 200,
      body: 'again',
    });
    client.reset();
    await inner[Symbol.asyncDispose]();
  });
});

test('P06, L29: a mass disconnect in the middle of introductions leaves nothing on either hop', async () => {
  await using origin = await Origin.echo();
  await using inner = await ProxyUnderTest.start({
    ...introduced(),
    routes: [
      { name: 'in', match: { ports: 0 }, action: { type: 'forward', target: { host: loopback, port: origin.port } } },
    ],
  });
  await using outer = await ProxyUnderTest.start({
    routes: [
      {
        name: 'out',
        match: { ports: 0 },
        action: { type: 'forward', target: { host: loopback, port: inner.port }, sendProxyProtocol: 'v1' },
      },
    ],
  });
  const files = await openFileCount();
  const clients = Array.from({ length: 200 }, () => knock(outer.port));
  // Each at a moment of its own: while it is accepted, dialled, introduced, or joined.
  for (const [position, client] of clients.entries()) {
    if (position % 4 === 3) await outer.until(() => outer.proxy.counters().accepted > position / 2);
    client.reset();
  }
  await outer.closed(200);
  origin.letGo();
  await expectBaseline(outer.proxy, files);
  await expectBaseline(inner.proxy, files);
});
