/**
 * `route-security-unit`: whose address is judged: at accept, and for requests that trusted proxies bring.
 */
import { describe, expect, test } from 'vitest';
import type { RouteConfig } from '../../src/index.ts';
import { ask, get, ok, ScriptedOrigin } from '../support/http-world.ts';
import { certificate } from '../support/tls-world.ts';
import { knock, ProxyUnderTest } from '../support/world.ts';

const blocked = '203.0.113.9';
const nowhere = { type: 'forward' as const, target: { host: '127.0.0.1', port: 9 } };

describe('requests that trusted proxies bring', () => {
  const world = (origin: ScriptedOrigin, security: object) =>
    ProxyUnderTest.start({
      trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'],
      routes: [
        {
          name: 'api',
          match: { ports: 0, protocol: 'http' },
          security,
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
      ],
      timeouts: { poolIdle: '50ms' },
    });

  test('R04, X02: who is blocked is blocked however trusted proxies write its address', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    await using proxy = await world(origin, { ipBlockList: [blocked, '2001:db8::/32', '10.1.2.3'] });
    const status = async (...lines: readonly string[]) =>
      (await ask(proxy.port, get('/', lines.map((line) => `${line}\r\n`).join('')))).status;
    for (const entry of [
      blocked,
      `${blocked}:4711`,
      `"${blocked}"`,
      `::ffff:${blocked}`,
      '[2001:db8::1]:99',
      '10.1.2.3, 10.0.0.7',
    ])
      expect([entry, await status(`X-Forwarded-For: ${entry}`)]).toEqual([entry, 403]);
    expect(await status(`Forwarded: proto=http;FOR="${blocked}:1"`, 'forwarded: for=10.0.0.1')).toBe(403);
    expect(await status('X-Forwarded-For: 198.51.100.1', `Forwarded: for=${blocked}`)).toBe(403);
    expect(await status(`X-Forwarded-For: ${blocked}`, 'Forwarded: for=198.51.100.1')).toBe(403);
    expect(origin.seen).toHaveLength(0);
    expect(await status(`X-Forwarded-For: ${blocked}, 198.51.100.1:80`)).toBe(200);
    expect(await status(`Forwarded: for=${blocked}, for="198.51.100.1:80"`)).toBe(200);
  });

  test('R04, X09: a rate for each address is not passed by another port', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    await using proxy = await world(origin, { rateLimit: { requests: 1, per: '1h', by: 'ip' } });
    const status = async (lines: string) => (await ask(proxy.port, get('/', `${lines}\r\n`))).status;
    expect(await status(`X-Forwarded-For: ${blocked}:1`)).toBe(200);
    expect(await status(`X-Forwarded-For: "${blocked}:2"`)).toBe(429);
    expect(await status(`Forwarded: for="${blocked}:3"`)).toBe(429);
    expect(await status(`X-Forwarded-For: 198.51.100.1\r\nForwarded: for=${blocked}`)).toBe(403);
    expect(await status('X-Forwarded-For: 198.51.100.1:1')).toBe(200);
  });
});

describe.each(['compiled', 'xstate'] as const)('an address that no route lets pass, under %s', (interpreter) => {
  test('X01, X02: is reset before it has said anything, and no certificate is asked for', async () => {
    const asked: string[] = [];
    const { cert, key } = await certificate('a.example');
    const secured: RouteConfig = {
      name: 'secured',
      match: { ports: 0, domains: ['a.example'] },
      tls: {
        mode: 'terminate',
        certificate: (name) => {
          asked.push(name);
          return { cert, key };
        },
      },
      action: nowhere,
    };
    const http: RouteConfig = { name: 'http', match: { ports: 0, protocol: 'http' }, action: nowhere };
    await using proxy = await ProxyUnderTest.start({
      interpreter,
      defaults: { ipBlockList: '127.0.0.0/8' },
      routes: [secured, http],
    });
    expect(await knock(proxy.port).closed).toBe('reset');
    expect(await proxy.closed(1)).toMatchObject([
      { reason: 'refused.address', state: 'SNIFFING', route: null, bytesIn: 0, bytesOut: 0 },
    ]);
    expect(asked).toEqual([]);
  });
});
