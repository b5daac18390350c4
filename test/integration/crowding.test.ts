/**
 * Who keeps its place where it is crowded: one client, or one address, must not have what was meant for all.
 */
import { duplexPair } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { SallyportConfig } from '../../src/index.ts';
import { admissionPlan, type AdmissionChange } from '../support/admission-plans.ts';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { dialPeer, eventually, knock, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const other = { localAddress: '127.0.0.2' };
const third = { localAddress: '127.0.0.3' };

const routed = (port: number, protocol: string, more: object = {}): SallyportConfig => ({
  routes: [
    { name: 'only', match: { ports: 0, protocol }, action: { type: 'forward', target: { host: '127.0.0.1', port } } },
  ],
  timeouts: { admission: '1m', poolIdle: '50ms' },
  ...more,
});

function start(config: SallyportConfig, change: AdmissionChange): Promise<ProxyUnderTest> {
  return ProxyUnderTest.planned(admissionPlan(config, change));
}

/** One after the other, each with what it says. */
async function come(world: ProxyUnderTest, count: number, says: string, options = {}): Promise<readonly Peer[]> {
  const peers: Peer[] = [];
  const before = world.proxy.connections().length;
  for (let at = 0; at < count; at += 1) {
    const peer = await dialPeer(world.port, options);
    if (says !== '') peer.send(says);
    peers.push(peer);
    await world.until(() => world.proxy.connections().length > before + at);
  }
  return peers;
}

const ssh = 'SSH-2.0-x\r\n';
const clientsIn = (world: ProxyUnderTest, state: string, ip: string) =>
  world.proxy.connections().filter((one) => one.client.host === ip && one.leaf.startsWith(state)).length;

describe('the queue of a route', () => {
  test('C05: whoever lost its place to another address does not get it back by asking on', async () => {
    await using origin = await ScriptedOrigin.start(() => null);
    await using world = await start(routed(origin.port, 'http'), { route: { maxConnections: 1, waitersMax: 4 } });
    await come(world, 1, get('/held'), third);
    await eventually(() => origin.seen.length === 1);
    const queued = () =>
      world.proxy
        .connections()
        .flatMap(({ client, exchanges }) =>
          exchanges.filter(({ leaf }) => leaf === 'DIALING.QUEUED').map(() => client.host),
        );
    await come(world, 4, get('/').repeat(9));
    await eventually(() => queued().length === 4);
    await come(world, 1, get('/'), other);
    await eventually(() => queued().includes('127.0.0.2'));
    expect(queued().filter((host) => host === '127.0.0.1')).toHaveLength(3);
  });

  test.each(['ssh', 'http'])(
    'C04, C05: who is killed while it is being placed on a route of %s keeps nothing',
    async (protocol) => {
      const says = protocol === 'ssh' ? ssh : get('/');
      await using origin = protocol === 'ssh' ? await Origin.echo() : await ScriptedOrigin.start(() => null);
      const change = { route: { maxConnections: 1, waitersMax: 3 } };
      await using world = await start(routed(origin.port, protocol), change);
      const reached = () => ('seen' in origin ? origin.seen.length : origin.peers.length);
      await come(world, 1, says, third);
      await eventually(() => reached() === 1);
      const waiting = await come(world, 3, says);
      await world.until(() => world.proxy.connections().filter(isQueued).length === 3);
      let lost = 0;
      const kill = () => {
        lost += 1;
        const newcomer = world.proxy.connections().find(({ client }) => client.host === '127.0.0.2');
        if (newcomer !== undefined) world.proxy.kill(newcomer.connectionId);
      };
      const over = protocol === 'ssh' ? 'connection.closed' : 'exchange.closed';
      world.proxy.on(over, ({ reason }) => reason === 'refused.capacity' && kill());
      const killed = (await dialPeer(world.port, other)).send(says);
      await killed.closed;
      // Its place in the queue is free again.
      await come(world, 1, says, other);
      await world.until(() => world.proxy.connections().filter(isQueued).length === 3);
      expect(lost).toBe(1);
      for (const { connectionId } of world.proxy.connections()) world.proxy.kill(connectionId);
      await Promise.all(waiting.map((one) => one.closed));
      expect(world.proxy.connections()).toEqual([]);
      const before = reached();
      await come(world, 1, says, third);
      await eventually(() => reached() === before + 1);
    },
  );

  test('X02: drain ends who is banned while it waits, and lets only those finish who got through', async () => {
    await using origin = await Origin.echo();
    const change: AdmissionChange = { onBan: 'drain', route: { maxConnections: 1, waitersMax: 1 } };
    await using world = await start(routed(origin.port, 'ssh'), change);
    const [holder] = await come(world, 1, ssh);
    await holder?.atLeast(ssh.length);
    const [waiting] = await come(world, 1, ssh, other);
    await world.inState('DIALING');
    world.proxy.routes.restrict('only', { ipAllowList: '10.0.0.1' });
    await waiting?.closed;
    expect(world.records).toMatchObject([{ reason: 'refused.address', state: 'DIALING' }]);
    holder?.send('still');
    await holder?.atLeast(ssh.length + 5);
    expect(origin.peers).toHaveLength(1);
  });

  test('X02: drain answers a request that waits 403, and lets only those finish that were sent', async () => {
    const upstreams: Peer[] = [];
    await using origin = await ScriptedOrigin.start((_, __, peer) => {
      upstreams.push(peer);
      return null;
    });
    const change: AdmissionChange = { onBan: 'drain', route: { maxConnections: 1, waitersMax: 1 } };
    await using world = await start(routed(origin.port, 'http'), change);
    const [sent] = await come(world, 1, get('/sent'));
    await eventually(() => upstreams.length === 1);
    const [waiting] = await come(world, 1, get('/waits'));
    await world.until(() => world.proxy.connections().some(isQueued));
    world.proxy.routes.restrict('only', { ipBlockList: '127.0.0.1' });
    if (sent === undefined || waiting === undefined) throw new Error('both were asked for');
    expect((await readReply(waiting)).status).toBe(403);
    upstreams[0]?.send(ok('done'));
    expect((await readReply(sent)).body).toBe('done');
    expect(origin.seen).toHaveLength(1);
  });
});

function isQueued({ leaf, exchanges }: ReturnType<ProxyUnderTest['proxy']['connections']>[number]): boolean {
  return leaf === 'DIALING.QUEUED' || exchanges.some((one) => one.leaf === 'DIALING.QUEUED');
}

describe('the waiting room', () => {
  test('C05, C07: an address that has all that it may have takes no place either, and is charged once for the one it gets', async () => {
    await using origin = await Origin.echo();
    const change = { proxy: { maxConnections: 1, waitersMax: 5, maxConnectionsPerIp: 2 } };
    await using world = await start(routed(origin.port, 'ssh'), change);
    const [first] = await come(world, 1, ssh);
    await first?.atLeast(ssh.length);
    const [waiting] = await come(world, 1, ssh);
    expect(await knock(world.port).closed).toBe('reset');
    await come(world, 1, '', other);
    expect([clientsIn(world, 'ACCEPTED', '127.0.0.1'), clientsIn(world, 'ACCEPTED', '127.0.0.2')]).toEqual([1, 1]);
    first?.reset();
    await waiting?.atLeast(ssh.length);
    await come(world, 1, '');
    expect(clientsIn(world, 'ACCEPTED', '127.0.0.1')).toBe(1);
  });

  test('C05: a full room is shared between addresses', async () => {
    await using origin = await Origin.echo();
    await using world = await start(routed(origin.port, 'ssh'), { proxy: { maxConnections: 1, waitersMax: 4 } });
    const [first] = await come(world, 1, ssh, third);
    await first?.atLeast(ssh.length);
    const many = await come(world, 4, '');
    const newcomer = await dialPeer(world.port, other);
    expect(await many[3]?.closed).toBe('reset');
    await world.until(() => clientsIn(world, 'ACCEPTED', '127.0.0.2') === 1);
    expect(world.records).toMatchObject([{ reason: 'refused.capacity', state: 'ACCEPTED' }]);
    expect(world.records[0]?.cause).toContain('most of the places');
    newcomer.reset();
  });
});

describe('who gives way', () => {
  test('U10: nobody gives way to somebody who is refused anyway', async () => {
    await using origin = await Origin.echo();
    const rates = [{ unit: 'connections', by: 'ip', amount: 5, burst: 5, perMs: 3_600_000 }] as const;
    await using world = await start(routed(origin.port, 'ssh'), { proxy: { maxConnections: 4, rates } });
    for (let at = 0; at < 5; at += 1) {
      const [spent] = await come(world, 1, '', other);
      spent?.reset();
      await world.closed(at + 1);
    }
    await come(world, 4, '');
    expect(await knock(world.port, other).closed).toBe('reset');
    expect(world.proxy.counters().refusedByReason).toEqual({ 'refused.rate': 1 });
    expect(clientsIn(world, 'SNIFFING', '127.0.0.1')).toBe(4);
  });

  test.each(['GET ', 'GET / HTTP/1.1\r\nHost: a\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'])(
    'U10: HTTP that has asked for nothing yet gives way: %j',
    async (says) => {
      await using origin = await ScriptedOrigin.start(() => ok('in'));
      await using world = await start(routed(origin.port, 'http'), { proxy: { maxConnections: 4 } });
      const slow = await come(world, 4, says);
      await world.inState('ESTABLISHED', 4);
      const newcomer = (await dialPeer(world.port, other)).send(get('/'));
      expect((await readReply(newcomer)).body).toBe('in');
      expect(await slow[0]?.closed).toBe('reset');
    },
  );

  test('U10: HTTP that a route was asked for never gives way, not between its requests either', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('in'));
    await using world = await start(routed(origin.port, 'http'), { proxy: { maxConnections: 4 } });
    for (const served of await come(world, 4, get('/'))) expect((await readReply(served)).body).toBe('in');
    await world.until(() => world.proxy.connections().every(({ leaf }) => leaf === 'ESTABLISHED.HTTP.WAITING'));
    expect(await knock(world.port, other).closed).toBe('reset');
    expect(world.records).toEqual([]);
  });
});

describe('whose address is nobody’s', () => {
  test('P07, X09: a trusted proxy is counted by no cap and no rate by address', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('in'));
    const rates = [{ unit: 'connections', by: 'ip', amount: 1, burst: 1, perMs: 3_600_000 }] as const;
    const config = routed(origin.port, 'http', { trustedProxies: ['127.0.0.2'] });
    await using world = await start(config, { proxy: { maxConnectionsPerIp: 1, rates }, listener: { rates } });
    for (const proxied of await come(world, 3, get('/'), other)) expect((await readReply(proxied)).body).toBe('in');
    await come(world, 1, '');
    expect(await knock(world.port).closed).toBe('reset');
  });

  test('K04, X09: streams without an address are not counted as one client', async () => {
    await using origin = await Origin.echo();
    await using world = await start(routed(origin.port, 'ssh'), { proxy: { maxConnectionsPerIp: 1 } });
    const outsides = Array.from({ length: 2 }, () => {
      const [inside, outside] = duplexPair();
      world.proxy.handleConnection(inside, { port: world.port });
      outside.resume().write(ssh);
      return outside;
    });
    await world.inState('ESTABLISHED', 2);
    for (const outside of outsides) outside.end();
    await world.closed(2);
  });
});
