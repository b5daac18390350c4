/**
 * Validations reach the proxy past its routes and lists: Pebble asks on ports whose routes would never let it in.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { RouteConfig } from '../../src/index.ts';
import { ask, get, readReply } from '../support/http-world.ts';
import { startPebble, type Pebble } from '../support/pebble.ts';
import { closedPort, dialPeer, eventually, Origin, ProxyUnderTest } from '../support/world.ts';

const elsewhere = ['10.0.0.0/8'];
const respond: RouteConfig['action'] = { type: 'respond', status: 200, body: 'x' };

/** Resolves when there is a certificate. */
async function ordered(
  pebble: Pebble,
  acme: object,
  match: object,
  more: readonly RouteConfig[],
): Promise<ProxyUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-acme-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const site: RouteConfig = {
    name: 'site',
    match: { ports: 0, domains: ['site.example'], ...match },
    action: respond,
    tls: { mode: 'terminate', certificate: 'auto' },
  };
  const { directoryUrl: directory, directoryCa: ca } = pebble;
  const world = await ProxyUnderTest.start({
    store: `file:${folder}`,
    acme: { email: 'ops@example.com', directory, ca, ...acme },
    routes: [site, ...more],
  });
  await new Promise<void>((resolve) => void world.proxy.on('certificate.issued', () => resolve()));
  return world;
}

test('S02, S05: HTTP-01 is answered on a port whose routes let nobody in, and once no name is proved clients are reset at accept', async () => {
  await using pebble = await startPebble();
  const { httpPort } = pebble;
  const match = { ports: httpPort, protocol: 'http' as const, clientIp: elsewhere };
  const acme = { challenges: ['http-01'], challengePort: httpPort };
  await using world = await ordered(pebble, acme, {}, [{ name: 'inner', match, action: respond }]);
  // It may be reset before it knows that it is connected.
  const client = await dialPeer(httpPort).catch(() => null);
  await client?.closed;
  expect(client?.text ?? '').toBe('');
  await eventually(() => world.records.some(({ reason, protocol }) => reason === 'refused.route' && protocol === null));
});

test('S02, S05: HTTP-01 is answered on a port of redis, whose own clients are served as before', async () => {
  await using pebble = await startPebble();
  const { httpPort } = pebble;
  await using redis = await Origin.start((peer) => void peer.atLeast(14).then(() => peer.send('+PONG\r\n')));
  const target = { host: '127.0.0.1', port: redis.port };
  const acme = { challenges: ['http-01'], challengePort: httpPort };
  await using world = await ordered(pebble, acme, {}, [
    { name: 'redis', match: { ports: httpPort, protocol: 'redis' }, action: { type: 'forward', target } },
  ]);
  const { status } = await ask(httpPort, get('/.well-known/acme-challenge/nobody-knows-it'));
  expect(status).toBe(400);
  const client = await dialPeer(httpPort);
  client.send('*1\r\n$4\r\nPING\r\n');
  expect((await client.atLeast(7)).toString()).toBe('+PONG\r\n');
  client.socket.destroy();
  expect(world.proxy.counters().live).toBeLessThan(3);
});

test('S05: beside a raw route only the validation is answered: the request behind it, and unknown tokens, are not HTTP’s', async () => {
  await using pebble = await startPebble();
  await using raw = await Origin.start((peer) => void peer.atLeast(1).then(() => peer.send('raw').end()));
  const challengePort = await closedPort();
  const statuses: number[] = [];
  // Stands where Pebble asks, and asks first with the same token, with another request behind it.
  await using relay = createServer((socket) => {
    socket.once('data', (bytes: Buffer) => {
      const asking = async (): Promise<void> => {
        const own = await dialPeer(challengePort);
        own.send(get(bytes.toString('latin1').split(' ')[1] ?? '') + get('/'));
        const first = await readReply(own);
        const second = await readReply(own, first.bytes);
        statuses.push(first.status, second.status);
        own.socket.destroy();
        const onward = await dialPeer(challengePort);
        onward.socket.on('data', (answer: Buffer) => void socket.end(answer));
        onward.send(bytes);
        socket.once('close', () => onward.socket.destroy());
      };
      void asking();
    });
    socket.on('error', () => undefined);
  });
  relay.listen(pebble.httpPort, '127.0.0.1');
  await once(relay, 'listening');
  const action: RouteConfig['action'] = { type: 'forward', target: { host: '127.0.0.1', port: raw.port } };
  await using world = await ordered(pebble, { challenges: ['http-01'], challengePort }, {}, [
    { name: 'raw', match: { ports: challengePort }, action },
    { name: 'redis', match: { ports: challengePort, protocol: 'redis' }, action },
  ]);
  expect(statuses.slice(0, 2)).toEqual([200, 404]);
  expect(raw.peers).toHaveLength(0);
  const client = await dialPeer(challengePort);
  client.send(get('/.well-known/acme-challenge/nobody-knows-it'));
  await client.ended;
  expect(client.text).toBe('raw');
  client.end();
  await client.closed;
  await eventually(() => world.records.some(({ route }) => route === 'raw'));
});

test('S02: TLS-ALPN-01 is answered on a port whose routes let nobody in', async () => {
  await using pebble = await startPebble();
  const match = { ports: pebble.tlsPort, clientIp: elsewhere };
  await using world = await ordered(pebble, { challenges: ['tls-alpn-01'] }, match, []);
  const validation = world.records.find(({ cause }) => cause?.includes('TLS-ALPN-01') === true);
  expect(validation).toMatchObject({ reason: 'completed', state: 'SNIFFING', upstream: null });
});
