/**
 * Connections that somebody else accepted: `handleConnection` takes them as a listener's own.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { duplexPair } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { dialPeer, Origin, ProxyUnderTest } from '../support/world.ts';

describe.each(['compiled', 'xstate'] as const)('handleConnection under the %s interpreter', (interpreter) => {
  test('K04: a socket of another server is served by the routes of the port it is given to, half-close included', async () => {
    await using origin = await ScriptedOrigin.start((seen) => ok(seen.head.split(' ')[1] ?? ''));
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      route: { match: { ports: 0, protocol: 'http' } },
    });
    const server = createServer({ allowHalfOpen: true }, (socket) => world.proxy.handleConnection(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address: string | AddressInfo | null = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const client = await dialPeer(address.port);
    const { localPort } = client.socket;
    client.send(get('/mine')).end();
    expect((await readReply(client)).body).toBe('/mine');
    await client.ended;
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'completed',
      client: `127.0.0.1:${localPort}`,
      protocol: 'http',
    });
    await new Promise((resolve) => server.close(resolve));
  });

  test('K04: any stream will do, and it counts against the cap like any other connection', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, limits: { maxConnections: 1 } });
    const [inside, outside] = duplexPair();
    world.proxy.handleConnection(inside, { port: world.port });
    outside.write('hello');
    expect(String(await once(outside, 'data'))).toBe('hello');
    const [second, refused] = duplexPair();
    refused.on('error', () => undefined);
    world.proxy.handleConnection(second);
    expect(world.proxy.counters()).toMatchObject({ live: 1, refusedByReason: { 'refused.capacity': 1 } });
    outside.end();
    await once(outside, 'end');
    expect(await world.closed(1)).toMatchObject([{ reason: 'completed', client: 'unknown', bytesIn: 5, bytesOut: 5 }]);
  });

  test('a proxy that is not running takes nothing, and a port that it has not is an error', async () => {
    await using origin = await Origin.echo();
    const world = await ProxyUnderTest.forward(origin.port, { interpreter });
    expect(() => world.proxy.handleConnection(duplexPair()[0], { port: 1 })).toThrow(/nothing listens on port 1/);
    await world.proxy.stop();
    expect(() => world.proxy.handleConnection(duplexPair()[0])).toThrow(/while it is running/);
  });
});
