/**
 * TLS over time: what a start leaves behind, which sessions are resumed, which certificates are believed again.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createProxy } from '../../src/index.ts';
import { wheelClock, type Clock } from '../../src/io/clock.ts';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { ticketKeyLifeMs } from '../../src/io/tls/ticket-keys.ts';
import { authority, certificate, dialTls, terminating } from '../support/tls-world.ts';
import { ProxyUnderTest } from '../support/world.ts';

describe('at the start', () => {
  test('G01: a proxy that is stopped while it loads its certificates leaves no watcher and no timer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { cert, key } = await certificate('a.example');
    await writeFile(join(folder, 'cert.pem'), cert);
    await writeFile(join(folder, 'key.pem'), key);
    const watched = () => process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap').length;
    const before = watched();
    const route = await terminating(1, {
      tls: { certificate: { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') } },
    });
    const proxy = createProxy({ routes: [route] }, { clock: wheelClock() });
    const started = proxy.start().catch((error: unknown) => error);
    await proxy.stop();
    expect(await started).toBeInstanceOf(Error);
    expect(proxy.census().timers).toBe(0);
    expect(watched()).toBe(before);
  });

  test('X03: suites that OpenSSL does not know are an error at start, with their place', async () => {
    const route = await terminating(1, { tls: { ciphers: 'ECDHE-NOPE-GCM' } });
    const proxy = createProxy({ routes: [route] });
    await expect(proxy.start()).rejects.toThrow(/routes\[0\]\.tls\.ciphers: OpenSSL does not know ECDHE-NOPE-GCM/);
    await proxy.stop();
  });
});

test('a client certificate that has ended since is not believed because its session is resumed', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('private'));
  const ours = await authority();
  const offsetMs = { value: 0 };
  const clock = shiftedClock(() => offsetMs.value);
  const own = await certificate('a.example');
  const route = await terminating(origin.port, { tls: { certificate: own, clientAuth: { ca: ours.cert } } });
  await using world = await ProxyUnderTest.start({ routes: [route], timeouts: { poolIdle: '50ms' } }, { clock });
  const shown = await ours.issue(['client.example'], { from: -1, to: 1 });
  const first = await dialTls(world.port, { ...shown, maxVersion: 'TLSv1.2' });
  first.send(get('/'));
  expect((await readReply(first)).body).toBe('private');
  const session = first.socket.getSession();
  first.end();
  await world.closed(1);
  const resumed = await dialTls(world.port, { ...shown, maxVersion: 'TLSv1.2', session });
  expect(resumed.socket.isSessionReused()).toBe(true);
  resumed.end();
  await world.closed(2);
  offsetMs.value = 2 * 86_400_000;
  const late = await dialTls(world.port, { ...shown, maxVersion: 'TLSv1.2', session });
  late.send(get('/'));
  await late.ended.catch(() => undefined);
  expect(late.text).toBe('');
  await world.closed(3);
  expect(world.records[2]).toMatchObject({ reason: 'downstream.tls', code: 'CERT_HAS_EXPIRED' });
});

/** The wall clock, and perhaps the other one, say later than it is. */
function shiftedClock(byMs: () => number, elapsedMs: () => number = () => 0): Clock {
  const clock = wheelClock();
  return {
    get armedCount() {
      return clock.armedCount;
    },
    nowMs: () => clock.nowMs() + elapsedMs(),
    wallMs: () => clock.wallMs() + byMs(),
    arm: (delayMs, target, slot) => clock.arm(delayMs, target, slot),
    cancel: (timer) => clock.cancel(timer),
  };
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a client that uses each ticket once resumes every time, over a change of keys too, and not with one that is too old (%s)',
  async (version) => {
    await using origin = await ScriptedOrigin.start(() => ok('again'));
    let nowMs = 0;
    const clock = shiftedClock(
      () => 0,
      () => nowMs,
    );
    const route = await terminating(origin.port);
    await using world = await ProxyUnderTest.start({ routes: [route], timeouts: { poolIdle: '50ms' } }, { clock });
    let session: Buffer | undefined;
    const visit = async (): Promise<boolean> => {
      const client = await dialTls(world.port, {
        minVersion: version,
        maxVersion: version,
        ...(session && { session }),
      });
      // TLS 1.3 brings its tickets behind the handshake.
      const renewed: Promise<Buffer> = new Promise((resolve) => void client.socket.once('session', resolve));
      client.send(get('/'));
      await readReply(client);
      session = version === 'TLSv1.3' ? await renewed : client.socket.getSession();
      const isReused = client.socket.isSessionReused();
      client.socket.destroy();
      return isReused;
    };
    const visits: boolean[] = [];
    for (let count = 0; count < 20; count += 1) visits.push(await visit());
    expect(visits).toEqual([false, ...Array.from({ length: 19 }, () => true)]);
    nowMs += ticketKeyLifeMs;
    expect(await visit()).toBe(true);
    nowMs += 2 * ticketKeyLifeMs;
    expect(await visit()).toBe(false);
  },
);
