/**
 * Certificates in files that change, and the development authority, with real clients.
 *
 * Read first: `src/certificates/configured.ts`, `src/certificates/development.ts`.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, createServer, type SecureContext, type Server } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { authorityKey, openDevelopmentAuthority, rootKey, trustText } from '../../src/certificates/development.ts';
import { makeRoot } from '../../src/certificates/x509.ts';
import { settleMs, settleMsMax } from '../../src/certificates/configured.ts';
import { systemClock } from '../../src/io/clock.ts';
import type { CertificateMaterial } from '../../src/io/tls/identity.ts';
import type { TlsPlan } from '../../src/routing/tls-plan.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bookOf, file, tlsPlan } from '../support/certificate-plans.ts';
import { testAuthority, type TestCertificate } from '../support/certificates.ts';
import { peerPath, peerTest } from '../support/peers.ts';
import { shiftedClock } from '../support/store-rig.ts';

const run = promisify(execFile);

describe('files that change', () => {
  test('a changed certificate is swapped in whole, and told; what did not change is not told', async () => {
    const { folder, plan, issue } = await written();
    await using opened = await bookOf(systemClock(), [plan]);
    const first = opened.book.identityFor(plan, null);
    await write(folder, await issue('second.example'));
    await opened.until(2);
    expect(opened.events.map(({ event }) => event)).toEqual(['certificate.loaded', 'certificate.loaded']);
    expect(opened.events[1]).toMatchObject({ names: ['second.example'], isReplacement: true });
    expect(opened.book.identityFor(plan, null)).not.toBe(first);
    expect(opened.book.identityFor(plan, 'second.example')).toBe(opened.book.identityFor(plan, null));
    expect(opened.book.identityFor(plan, 'first.example')).toBe(null);
  });

  test('a broken new file leaves the old certificate serving, and is told once; a good one after it serves', async () => {
    const { folder, plan, issue } = await written();
    await using opened = await bookOf(systemClock(), [plan]);
    const first = opened.book.identityFor(plan, null);
    await writeFile(join(folder, 'cert.pem'), '-----BEGIN CERTIFICATE-----\nhalf');
    await opened.until(2);
    expect(opened.events[1]).toMatchObject({
      event: 'certificate.rejected',
      configPath: 'routes[0].tls',
      code: 'SALLYPORT_CERTIFICATE_INVALID',
      message: `${join(folder, 'cert.pem')} has no certificate in it: a block is cut off`,
    });
    for (const name of ['first.example', null]) expect(opened.book.identityFor(plan, name)).toBe(first);
    await unlink(join(folder, 'cert.pem'));
    await opened.until(3);
    expect(opened.events[2]).toMatchObject({ code: 'SALLYPORT_CERTIFICATE_UNREADABLE' });
    for (const name of ['first.example', null]) expect(opened.book.identityFor(plan, name)).toBe(first);
    await write(folder, await issue('third.example'));
    await opened.until(4);
    expect(opened.events[3]).toMatchObject({ event: 'certificate.loaded', names: ['third.example'] });
  });

  test('a certificate and its key that are written one after the other are one change', async () => {
    const { folder, plan, issue } = await written();
    const clock = new StepClock({ wallMs: systemClock().wallMs() });
    await using opened = await bookOf(clock, [plan]);
    const idle = clock.armedCount;
    const next = await issue('second.example');
    await writeFile(join(folder, 'cert.pem'), next.cert);
    await until(() => clock.armedCount > idle);
    clock.advance(settleMs - 1);
    await writeFile(join(folder, 'key.pem'), next.key);
    // The time begins again with what is written meanwhile, so the old key is never looked at with the new certificate.
    await until(() => clock.armed.some(({ dueMs }) => dueMs === clock.nowMs() + settleMs));
    clock.advance(settleMs);
    await opened.until(2);
    expect(opened.events[1]).toMatchObject({ event: 'certificate.loaded', names: ['second.example'] });
  });

  test('files that never stop changing are looked at all the same', async () => {
    const { folder, plan } = await written();
    const clock = new StepClock({ wallMs: systemClock().wallMs() });
    await using opened = await bookOf(clock, [plan]);
    const idle = clock.armedCount;
    await writeFile(join(folder, 'cert.pem'), 'broken');
    await until(() => clock.armedCount > idle);
    while (clock.nowMs() + settleMs <= settleMsMax) {
      clock.advance(settleMs - 1);
      await writeFile(join(folder, 'other'), 'x');
      const dueMs = Math.min(clock.nowMs() + settleMs, settleMsMax);
      await until(() => clock.armed[0]?.dueMs === dueMs);
    }
    expect(opened.events).toHaveLength(1);
    clock.advance(settleMsMax - clock.nowMs());
    await opened.until(2);
    expect(opened.events[1]).toMatchObject({ event: 'certificate.rejected' });
  });

  test('a link that is swapped to another folder is a change, and the new folder is watched from then on', async () => {
    const { folder, issue } = await written();
    for (const version of ['one', 'two']) await mkdir(join(folder, version));
    await write(join(folder, 'one'), await issue('one.example'));
    await write(join(folder, 'two'), await issue('two.example'));
    await mkdir(join(folder, 'live'));
    await symlink('../one', join(folder, 'live', 'data'));
    for (const name of ['cert.pem', 'key.pem']) await symlink(`data/${name}`, join(folder, 'live', name));
    await using opened = await bookOf(systemClock(), [planIn(join(folder, 'live'))]);
    await symlink('../two', join(folder, 'live', 'next'));
    await rename(join(folder, 'live', 'next'), join(folder, 'live', 'data'));
    await opened.until(2);
    expect(opened.events[1]).toMatchObject({ names: ['two.example'] });
    await write(join(folder, 'two'), await issue('three.example'));
    await opened.until(3);
    expect(opened.events[2]).toMatchObject({ names: ['three.example'] });
  });

  test('after stop nothing is watched, armed or told', async () => {
    const { folder, plan, issue } = await written();
    const clock = new StepClock({ wallMs: systemClock().wallMs() });
    const opened = await bookOf(clock, [plan]);
    await writeFile(join(folder, 'cert.pem'), 'broken');
    await until(() => clock.armedCount === 2);
    await opened.book.stop();
    await opened.book.stop();
    expect(clock.armedCount).toBe(0);
    const watcher = watch(folder);
    onTestFinished(() => watcher.close());
    const changed = once(watcher, 'change');
    await write(folder, await issue('late.example'));
    await changed;
    expect([clock.armedCount, opened.events.length]).toEqual([0, 1]);
    expect(await opened.book.identityFor(plan, 'first.example')).not.toBe(null);
  });
});

describe('the development authority', () => {
  peerTest('curl', 'its certificates are trusted by whoever trusts the root where the store keeps it', async () => {
    const store = await openStore();
    const development = await openDevelopmentAuthority(store, systemClock());
    const plan = tlsPlan({ type: 'development', names: ['app.example'] });
    await using opened = await bookOf(systemClock(), [plan], { development });
    const port = await serve((name) => opened.book.identityFor(plan, name));
    const rootPath = store.pathOf(development.rootKey);
    for (const name of ['localhost', 'a.b.test', 'app.example', '127.0.0.1']) {
      const resolve = ['--resolve', `${name}:${port}:127.0.0.1`];
      const { stdout } = await run(peerPath('curl'), [
        '-sS',
        '--cacert',
        rootPath,
        ...resolve,
        `https://${name}:${port}/`,
      ]);
      expect(stdout).toBe('hello');
    }
    const refused = run(peerPath('curl'), [
      '-sS',
      '--cacert',
      rootPath,
      '--resolve',
      `other.example:${port}:127.0.0.1`,
      `https://other.example:${port}/`,
    ]);
    await expect(refused).rejects.toThrow(/curl/);
    const { stdout } = await run(peerPath('openssl'), ['x509', '-in', rootPath, '-noout', '-subject']);
    expect(stdout).toContain('Sallyport development authority');
    expect(trustText(rootPath)).toContain(`--cacert ${rootPath}`);
  });

  test('the root is made once, by whoever is first, and its key is a secret', async () => {
    const store = await openStore();
    const clock = systemClock();
    const all = await Promise.all([1, 2, 3].map(() => openDevelopmentAuthority(store, clock)));
    expect(new Set(all.map(({ rootPem }) => rootPem)).size).toBe(1);
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect((await stat(store.pathOf(authorityKey))).mode & 0o777).toBe(0o600);
    expect(await readFile(store.pathOf(rootKey), 'utf8')).not.toContain('PRIVATE');
    const again = await openDevelopmentAuthority(store, clock);
    expect([again.rootPem, again.isNew]).toEqual([all[0]?.rootPem, false]);
  });

  test('what a process left that died between the root and its copy is mended', async () => {
    const store = await openStore();
    const { rootPem } = await openDevelopmentAuthority(store, systemClock());
    await store.delete(rootKey);
    await openDevelopmentAuthority(store, systemClock());
    expect(Buffer.from((await store.get(rootKey))?.bytes ?? []).toString('utf8')).toBe(rootPem);
  });

  test('a root that ends soon is replaced; something else in its place is refused', async () => {
    const store = await openStore();
    const old = await makeRoot(systemClock().wallMs() - 3_640 * 86_400_000);
    await store.put(authorityKey, Buffer.from(old.cert + old.key), { isSecret: true });
    const { rootPem, isNew } = await openDevelopmentAuthority(store, systemClock());
    expect([isNew, rootPem === old.cert]).toEqual([true, false]);
    await store.put(authorityKey, Buffer.from('foreign'));
    await expect(openDevelopmentAuthority(store, systemClock())).rejects.toThrow('is no development authority');
  });
});

async function written(): Promise<{
  readonly folder: string;
  readonly plan: TlsPlan;
  readonly issue: (name: string) => Promise<TestCertificate>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-certificates-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const authority = await testAuthority();
  const issue = (name: string): Promise<TestCertificate> => authority.issue([name]);
  await write(folder, await issue('first.example'));
  return { folder, plan: planIn(folder), issue };
}

function planIn(folder: string): TlsPlan {
  return tlsPlan({ type: 'pem', cert: file(join(folder, 'cert.pem')), key: file(join(folder, 'key.pem')) });
}

/** One after the other, as most programs do. */
async function write(folder: string, { cert, key }: TestCertificate): Promise<void> {
  await writeFile(join(folder, 'cert.pem'), cert);
  await writeFile(join(folder, 'key.pem'), key);
}

/** Resolves in the turn of the event loop in which it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

async function openStore(): ReturnType<typeof openFileStore> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-development-'));
  const store = await openFileStore(join(folder, 'store'), shiftedClock(0));
  onTestFinished(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  return store;
}

type Find = (name: string | null) => CertificateMaterial | null | Promise<CertificateMaterial | null>;

/** An HTTPS server that shows what the book finds, and says hello. */
async function serve(find: Find): Promise<number> {
  const answer = async (name: string, done: (error: Error | null, context?: SecureContext) => void) => {
    const material = await find(name);
    if (material === null) done(new Error('unrecognized name'));
    else done(null, createSecureContext({ cert: material.cert, key: material.key }));
  };
  const nameless = await find(null);
  const server: Server = createServer(
    {
      ...(nameless === null ? {} : { cert: nameless.cert, key: nameless.key }),
      SNICallback: (name, done) => void answer(name, done),
    },
    (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello'),
  );
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('not bound');
  return address.port;
}
