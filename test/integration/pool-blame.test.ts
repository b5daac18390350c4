/**
 * Whom a pool blames for a dial that came to nothing: what a client, a dialer, a proxy on the way or a queue is to blame for
 * must never take an endpoint from everybody else.
 */
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { NEVER } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { SallyportConfig } from '../../src/index.ts';
import { SteppedProxy } from '../support/http-stepped.ts';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { portOf } from '../support/sockets.ts';
import { authority, certificate, TlsOrigin } from '../support/tls-world.ts';
import { closedPort, dialPeer, eventually, knock, Origin, ProxyUnderTest } from '../support/world.ts';

type Pool = NonNullable<SallyportConfig['pools']>[string];

function pooled(
  pool: Pool,
  protocol: 'raw' | 'http',
  action: object = {},
  more: Partial<SallyportConfig> = {},
): SallyportConfig {
  const match = protocol === 'http' ? ({ ports: 0, protocol: 'http' } as const) : { ports: 0 };
  const breaker = { failures: 1, openFor: '10m' };
  return {
    ...more,
    pools: { db: { breaker, ...pool } },
    routes: [{ name: 'only', match, action: { type: 'forward', pool: 'db', ...action } }],
  };
}

const at = (port: number, host = '127.0.0.1') => ({ host, port });
const states = ({ proxy }: ProxyUnderTest | SteppedProxy) => proxy.endpoints().map(({ state }) => state);

/** Clients one after another, each until its connection is over. */
async function clients(world: ProxyUnderTest, count: number, options: { readonly host?: string } = {}): Promise<void> {
  for (let each = 0; each < count; each += 1) {
    const client = knock(world.port, options);
    client.send('x');
    await client.closed;
  }
}

describe('who is no endpoint is blamed for no endpoint', () => {
  test('P05, B05: a client whose address does not fit takes no endpoint from those whose does', async () => {
    await using one = await ScriptedOrigin.start(() => ok('1'));
    await using two = await ScriptedOrigin.start(() => ok('2'));
    const endpoints = [at(one.port), at(two.port)];
    await using raw = await ProxyUnderTest.start(pooled({ endpoints }, 'raw', { preserveSourceIP: true }));
    await clients(raw, 3, { host: '::1' });
    expect([states(raw), raw.records.map(({ code }) => code)]).toEqual([
      ['UP', 'UP'],
      raw.records.map(() => 'SALLYPORT_SOURCE_ADDRESS'),
    ]);
    await using http = await ProxyUnderTest.start(pooled({ endpoints }, 'http', { preserveSourceIP: true }));
    for (const [host, status] of [
      ['::1', 502],
      ['127.0.0.1', 200],
    ] as const) {
      const client = await dialPeer(http.port, { host });
      client.send(get('/'));
      expect((await readReply(client)).status).toBe(status);
      client.end();
    }
    expect(states(http)).toEqual(['UP', 'UP']);
  });

  test('a dialer that fails, and a proxy on the way that is down, refuses us or talks nonsense, eject nobody', async () => {
    const endpoints = [at(1), at(2)];
    const proxies = await Promise.all(
      [new Uint8Array([5, 255]), new Uint8Array([4, 90]), new Uint8Array()].map(async (answer) => {
        const server = createServer((socket) =>
          socket.on('error', () => undefined).once('data', () => socket.end(answer)),
        );
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        return server;
      }),
    );
    const ports = [await closedPort(), ...proxies.map((server) => portOf(server.address()))];
    const dialers: readonly Pool['dialer'][] = [
      () => {
        throw new TypeError('a bug');
      },
      ...ports.map((port) => ({ type: 'socks5', host: '127.0.0.1', port }) as const),
    ];
    for (const dialer of dialers) {
      await using world = await ProxyUnderTest.start(pooled({ endpoints, ...(dialer && { dialer }) }, 'raw'));
      await clients(world, 3);
      expect(states(world)).toEqual(['UP', 'UP']);
    }
    for (const server of proxies) server.close();
  });

  test('B05, C03: a budget that was spent in the queue of an endpoint is not the endpoint’s fault', async () => {
    await using origin = await Origin.echo();
    let dials = 0;
    const dialer = () => {
      dials += 1;
      return dials === 1 ? connect({ host: '127.0.0.1', port: origin.port, allowHalfOpen: true }) : NEVER;
    };
    const endpoints = [{ ...at(origin.port), maxConnections: 1 }];
    const timeouts = { dial: 1000, dialBudget: 1000, queue: 5000 };
    await using world = await SteppedProxy.start(
      pooled({ endpoints, queue: { size: 5 }, dialer }, 'raw', {}, { timeouts }),
    );
    const first = await dialPeer(world.port);
    await first.send('x').atLeast(1);
    const second = await dialPeer(world.port);
    second.send('y');
    await world.inLeaf('DIALING.QUEUED');
    world.clock.advance(850);
    first.socket.destroy();
    await eventually(() => dials === 2);
    world.clock.advance(150);
    await second.closed;
    await eventually(() => world.records.length === 2);
    expect([world.records[1]?.reason, states(world)]).toEqual(['timeout.dialBudget', ['UP']]);
  });

  test('an endpoint whose handshake fails, or whose certificate nobody believes, is followed by another one', async () => {
    const { cert: ca } = await authority();
    const greet = (socket: { end(text: string): void }) => socket.end('well');
    await using other = await TlsOrigin.start(await certificate('other.example'), greet);
    await using well = await TlsOrigin.start(await certificate('a.example'), greet);
    const breaking = createServer((socket) => socket.on('error', () => undefined).end('220 this is no TLS')).listen(
      0,
      '127.0.0.1',
    );
    await once(breaking, 'listening');
    const endpoints = [at(other.port), at(portOf(breaking.address())), at(well.port)];
    const dialer = { type: 'tls', ca, servername: 'a.example' } as const;
    await using world = await ProxyUnderTest.start(pooled({ endpoints, dialer, retries: 2 }, 'raw'));
    for (let each = 0; each < 3; each += 1) {
      const client = knock(world.port);
      client.send('x');
      await client.ended;
      expect(client.text).toBe('well');
      client.end();
    }
    expect(states(world)).toEqual(['EJECTED', 'EJECTED', 'UP']);
    breaking.close();
  });

  test.each(['compiled', 'xstate'] as const)(
    'HTTP/2, %s: who waits for the dial of somebody else that fails dials as well, and is told why',
    async (interpreter) => {
      const fails: (() => void)[] = [];
      let dials = 0;
      const dialer = () =>
        new Promise<never>((_resolve, reject) => {
          dials += 1;
          fails.push(() => reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' })));
        });
      const ask = async (breaker: Pool['breaker']) => {
        await using world = await SteppedProxy.start(
          pooled(
            { endpoints: [at(1)], dialer, ...(breaker !== undefined && { breaker }) },
            'http',
            { upstreamProtocol: 'h2' },
            { interpreter },
          ),
        );
        const callers = [await dialPeer(world.port), await dialPeer(world.port)];
        for (const caller of callers) caller.send(get('/'));
        await world.exchangeInLeaf('DIALING.ATTEMPTING');
        await eventually(() => world.exchangeLeaves().length === 2 && fails.length > 0);
        while (world.exchanges.length < 2) {
          for (const fail of fails.splice(0)) fail();
          await eventually(() => fails.length > 0 || world.exchanges.length === 2);
        }
        for (const caller of callers) caller.socket.destroy();
        return [dials, ...world.exchanges.map(({ reason, status }) => `${reason} ${status}`)];
      };
      const refused = ['upstream.refused 502', 'upstream.refused 502'];
      expect(await ask({ failures: 5, openFor: '10m' })).toEqual([2, ...refused]);
      dials = 0;
      // The first failure ejects the endpoint: nobody dials any more, and still the reason is that of the dial.
      expect(await ask({ failures: 1, openFor: '10m' })).toEqual([1, ...refused]);
    },
  );
});
