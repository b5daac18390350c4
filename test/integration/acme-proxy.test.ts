/**
 * Certificates that look after themselves, in the whole proxy: Pebble validates against its real listeners.
 */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { materialOf, nameSetOf, places, writtenCertificate } from '../../src/certificates/orders-record.ts';
import type { RouteConfig } from '../../src/index.ts';
import { wheelClock, type Clock } from '../../src/io/clock.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { testAuthority, type TestCertificate } from '../support/certificates.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { startPebble, type Pebble } from '../support/pebble.ts';
import { dialTls } from '../support/tls-world.ts';
import { dialPeer, ProxyUnderTest } from '../support/world.ts';

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-acme-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

type TxtRecord = Parameters<Pebble['publishTxt']>[0];

interface Wish {
  readonly acme?: object;
  readonly routes?: readonly RouteConfig[];
  readonly port?: number;
  readonly folder?: string;
  readonly clock?: Clock;
}

async function secured(
  pebble: Pebble,
  origin: number,
  { acme = {}, routes = [], port, folder, clock = wheelClock() }: Wish = {},
): Promise<ProxyUnderTest> {
  return ProxyUnderTest.start(
    {
      store: `file:${folder ?? (await emptyFolder())}`,
      acme: {
        email: 'ops@example.com',
        directory: pebble.directoryUrl,
        ca: pebble.directoryCa,
        challengePort: pebble.httpPort,
        ...acme,
      },
      routes: [
        {
          name: 'site',
          match: { ports: port ?? 0, domains: ['site.example'] },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin } },
          tls: { mode: 'terminate', certificate: 'auto' },
        },
        ...routes,
      ],
      timeouts: { poolIdle: '50ms' },
    },
    { clock },
  );
}

/** Resolves at the next certificate that is issued. */
function issued({ proxy }: ProxyUnderTest): Promise<void> {
  return new Promise((resolve) => void proxy.on('certificate.issued', () => resolve()));
}

async function servedTrusted(world: ProxyUnderTest, pebble: Pebble): Promise<string> {
  const port = world.proxy.addresses()[0]?.port ?? 0;
  const client = await dialTls(port, { servername: 'site.example', ca: await pebble.root() });
  client.send('GET / HTTP/1.1\r\nHost: site.example\r\n\r\n');
  const { body } = await readReply(client);
  client.socket.destroy();
  return body;
}

describe('a certificate of the proxy itself', () => {
  test.each([0, 30, 50])(
    'S02, S04, S07: a fresh start serves a trusted certificate with one order, with %i percent of nonces refused',
    async (nonceReject) => {
      await using pebble = await startPebble({ nonceReject });
      await using origin = await ScriptedOrigin.start(() => ok('served'));
      await using world = await secured(pebble, origin.port, { acme: { challenges: ['http-01'] } });
      await issued(world);
      expect(await servedTrusted(world, pebble)).toBe('served');
      expect(pebble.orderCount()).toBe(1);
    },
  );

  test('S05, S07: the answer comes before routes, redirects and names asked for, and unknown tokens are nobody’s', async () => {
    await using pebble = await startPebble();
    await using origin = await ScriptedOrigin.start(() => ok('served'));
    await using world = await secured(pebble, origin.port, {
      acme: { challenges: ['http-01'] },
      routes: [
        {
          name: 'to-https',
          match: { ports: pebble.httpPort },
          action: { type: 'redirect', to: 'https://{host}{path}' },
        },
      ],
    });
    await issued(world);
    expect(await servedTrusted(world, pebble)).toBe('served');
    for (const token of ['nobody-knows-it', '../../etc/passwd', '%2e%2e', 'x'.repeat(5_000)]) {
      const { status } = await ask(pebble.httpPort, get(`/.well-known/acme-challenge/${token}`));
      expect([token.slice(0, 20), status]).toEqual([token.slice(0, 20), 308]);
    }
  });

  test('S02: TLS-ALPN-01 is answered on the port of the routes, whatever they say', async () => {
    await using pebble = await startPebble();
    await using origin = await ScriptedOrigin.start(() => ok('served'));
    await using world = await secured(pebble, origin.port, {
      port: pebble.tlsPort,
      acme: { challenges: ['tls-alpn-01'], challengePort: undefined },
    });
    await issued(world);
    expect(await servedTrusted(world, pebble)).toBe('served');
    const validation = world.records.find(({ cause }) => cause?.includes('TLS-ALPN-01') === true);
    expect(validation).toMatchObject({ reason: 'completed', state: 'SNIFFING', upstream: null });
  });

  test('a drain leaves the order under way to the next run, and nothing failed', async () => {
    await using pebble = await startPebble();
    await using origin = await ScriptedOrigin.start(() => ok('served'));
    const folder = await emptyFolder();
    const published: PromiseWithResolvers<void> = Promise.withResolvers();
    const never = new Promise<void>(() => undefined);
    const waiting = {
      publish: () => {
        published.resolve();
        return never;
      },
      withdraw: () => Promise.resolve(),
    };
    const acme = { challenges: ['dns-01'], challengePort: undefined };
    const first = await secured(pebble, origin.port, { folder, acme: { ...acme, dns: waiting } });
    const failures: string[] = [];
    first.proxy.on('certificate.failed', ({ problem }) => void failures.push(problem.detail));
    await published.promise;
    const live = await dialPeer(first.port);
    await first.inState('SNIFFING');
    const drained = first.proxy.drain({ timeout: '10s' });
    live.socket.destroy();
    await drained;
    await first.proxy.stop();
    const dns = {
      publish: (record: TxtRecord) => pebble.publishTxt(record),
      withdraw: (record: TxtRecord) => pebble.withdrawTxt(record),
    };
    await using second = await secured(pebble, origin.port, { folder, acme: { ...acme, dns } });
    await issued(second);
    expect(failures).toEqual([]);
    expect(pebble.orderCount()).toBe(1);
  });

  test('S06: what was issued once serves at once after a restart, without another order', async () => {
    await using pebble = await startPebble();
    await using origin = await ScriptedOrigin.start(() => ok('served'));
    const store = `file:${await emptyFolder()}`;
    const config = {
      store,
      acme: {
        email: 'ops@example.com',
        directory: pebble.directoryUrl,
        ca: pebble.directoryCa,
        challengePort: pebble.httpPort,
        challenges: ['http-01' as const],
      },
      routes: [
        {
          name: 'site',
          match: { ports: 0, domains: ['site.example'] },
          action: { type: 'forward' as const, target: { host: '127.0.0.1', port: origin.port } },
          tls: { mode: 'terminate' as const, certificate: 'auto' as const },
        },
      ],
    };
    const first = await ProxyUnderTest.start(config);
    await issued(first);
    await first.proxy.stop();
    await using second = await ProxyUnderTest.start(config);
    expect(await servedTrusted(second, pebble)).toBe('served');
    expect(pebble.orderCount()).toBe(1);
  });

  test('renewal swaps the certificate under 50 live connections, and none of them is dropped', async () => {
    await using pebble = await startPebble();
    await using origin = await ScriptedOrigin.start(() => ok('served'));
    const folder = await emptyFolder();
    const old = await (await testAuthority()).issue(['site.example'], { from: -80, to: 10 });
    await keep(folder, pebble, old);
    const gate: PromiseWithResolvers<void> = Promise.withResolvers();
    const dns = {
      publish: (record: TxtRecord) => gate.promise.then(() => pebble.publishTxt(record)),
      withdraw: (record: TxtRecord) => pebble.withdrawTxt(record),
    };
    const acme = { challenges: ['dns-01'], challengePort: undefined, dns, renewThresholdDays: 30 };
    await using world = await secured(pebble, origin.port, { folder, acme, clock: hastyClock() });
    const port = world.proxy.addresses()[0]?.port ?? 0;
    const renewed = issued(world);
    const live = await Promise.all(
      Array.from({ length: 50 }, () => dialTls(port, { servername: 'site.example', rejectUnauthorized: false })),
    );
    const before = new Set(live.map(({ socket }) => socket.getPeerX509Certificate()?.fingerprint256));
    gate.resolve();
    await renewed;
    expect(await servedTrusted(world, pebble)).toBe('served');
    for (const client of live) client.send('GET / HTTP/1.1\r\nHost: site.example\r\n\r\n');
    const replies = await Promise.all(live.map((client) => readReply(client)));
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(before).toEqual(new Set([new X509Certificate(old.cert).fingerprint256]));
    for (const { socket } of live) socket.destroy();
  });
});

/** Whatever would take a minute or more takes a hundredth of it: a renewal that is due is looked for a minute after the start. */
function hastyClock(): Clock {
  const clock = wheelClock();
  return {
    get armedCount() {
      return clock.armedCount;
    },
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    arm: (delayMs, target, slot) => clock.arm(delayMs < 60_000 ? delayMs : delayMs / 100, target, slot),
    cancel: (timer) => clock.cancel(timer),
  };
}

/** As if an earlier run had got that certificate. */
async function keep(folder: string, pebble: Pebble, { cert, key }: TestCertificate): Promise<void> {
  const set = nameSetOf(['site.example'], pebble.directoryUrl);
  const store = await openFileStore(folder, wheelClock());
  await store.put(places.certificate(set), writtenCertificate(materialOf(cert, key), set), { isSecret: true });
  await store.close();
}
