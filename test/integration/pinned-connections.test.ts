/**
 * Upstream connections that a client has authenticated (NTLM): whose they are behind a trusted proxy, and that they take a
 * place at their endpoint like any other.
 */
import { expect, test } from 'vitest';
import type { SallyportConfig } from '../../src/index.ts';
import { SteppedProxy } from '../support/http-stepped.ts';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { dialPeer, eventually, ProxyUnderTest, type Peer } from '../support/world.ts';

const ntlm = 'Authorization: NTLM TlRMTVNTUAAB\r\n';

/** Says which of its connections it was asked on; a challenge binds the connection as well. */
function origin(): Promise<ScriptedOrigin> {
  return ScriptedOrigin.start(({ head }, _count, peer) => {
    const port = String(peer.socket.remotePort);
    if (head.startsWith('GET /hang')) return null;
    if (!head.startsWith('GET /challenge')) return ok(port);
    return `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: ${port.length}\r\n\r\n${port}`;
  });
}

type Target = Extract<SallyportConfig['routes'][number]['action'], { readonly type: 'forward' }>['target'];

function forwarding(target: NonNullable<Target>, more: Partial<SallyportConfig> = {}): SallyportConfig {
  const match = { ports: 0, protocol: 'http' } as const;
  return { ...more, routes: [{ name: 'only', match, action: { type: 'forward', target } }] };
}

async function ask(peer: Peer, path: string, more = ''): Promise<string> {
  const from = peer.bytes.length;
  peer.send(get(path, more));
  return (await readReply(peer, from)).body;
}

test.each(['compiled', 'xstate'] as const)(
  'I10: of many clients behind one connection of a trusted proxy, nobody is ever lent what another authenticated (%s)',
  async (interpreter) => {
    await using upstream = await origin();
    const target = { host: '127.0.0.1', port: upstream.port };
    const config = forwarding(target, { trustedProxies: ['127.0.0.0/8'], interpreter });
    await using world = await ProxyUnderTest.start(config);
    const front = await dialPeer(world.port);
    const as = (client: number | null) => (client === null ? '' : `X-Forwarded-For: 192.0.2.${client}\r\n`);
    const hers = await ask(front, '/', as(1) + ntlm);
    const his = await ask(front, '/challenge', as(2));
    expect(his).not.toBe(hers);
    for (let round = 0; round < 3; round += 1) {
      expect(await ask(front, '/', as(1))).toBe(hers);
      for (const other of [3, null]) expect([hers, his]).not.toContain(await ask(front, '/', as(other)));
      expect(await ask(front, '/', as(2))).toBe(his);
    }
    // The same client over another connection of the proxy's has no part in it.
    const second = await dialPeer(world.port);
    expect([hers, his]).not.toContain(await ask(second, '/', as(1)));
    for (const peer of [front, second]) peer.end();
    await eventually(() => world.proxy.census().upstreams === 1);
  },
);

test.each(['compiled', 'xstate'] as const)(
  'C03, I10: a request over a client’s own connection waits for a place at the cap of its endpoint like any other (%s)',
  async (interpreter) => {
    await using upstream = await origin();
    await using spare = await origin();
    const endpoints = [upstream, spare].map(({ port }) => ({ host: '127.0.0.1', port, maxConnections: 1 }));
    const pools = { db: { endpoints, queue: { size: 5 } } };
    const match = { ports: 0, protocol: 'http' } as const;
    await using world = await SteppedProxy.start({
      interpreter,
      pools,
      routes: [{ name: 'only', match, action: { type: 'forward', pool: 'db' } }],
    });
    const alice = await dialPeer(world.port);
    const hers = await ask(alice, '/', ntlm);
    const places = () => world.proxy.endpoints().map(({ connections }) => connections);
    // Round robin: the other endpoint, then hers.
    const others = [await dialPeer(world.port), await dialPeer(world.port)];
    for (const [index, other] of others.entries()) {
      other.send(get('/hang'));
      await eventually(() => places().reduce((sum, each) => sum + each, 0) === index + 1);
    }
    const from = alice.bytes.length;
    alice.send(get('/'));
    await world.exchangeInLeaf('DIALING.QUEUED');
    expect(places()).toEqual([1, 1]);
    // A place at the other endpoint is none for her.
    others[0]?.socket.resetAndDestroy();
    await eventually(() => places().join() === '1,0');
    expect(world.exchangeLeaves()).toContain('DIALING.QUEUED');
    others[1]?.socket.resetAndDestroy();
    expect((await readReply(alice, from)).body).toBe(hers);
    await eventually(() => places().every((each) => each === 0));
    alice.end();
  },
);

test('I10, R11: where a function says where to, a client’s own connection there is found after it was asked', async () => {
  await using upstream = await origin();
  const target = () => ({ host: '127.0.0.1', port: upstream.port });
  await using world = await ProxyUnderTest.start(forwarding(target));
  const alice = await dialPeer(world.port);
  const hers = await ask(alice, '/', ntlm);
  // Somebody else leaves an unused connection behind, which is not hers.
  const bob = await dialPeer(world.port);
  expect(await ask(bob, '/')).not.toBe(hers);
  for (let round = 0; round < 3; round += 1) expect(await ask(alice, '/')).toBe(hers);
  for (const peer of [alice, bob]) peer.end();
});
