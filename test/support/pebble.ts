/**
 * Pebble, the test CA of Let's Encrypt, with its own DNS that says every name is on loopback: started for a test on free
 * ports, stopped by its process id with it.
 *
 * Must never do: leave loopback, or run longer than its test. Read first: `find-peers.ts`, which brings the programs.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testAuthority } from './certificates.ts';
import { peerPath } from './peers.ts';
import { closedPort, eventually } from './ports.ts';

export interface PebbleOptions {
  /** How many good nonces of a hundred are refused. */
  readonly nonceReject?: number;
  /** Seconds at most before each look at a challenge; 0 = at once. */
  readonly sleepSeconds?: number;
  /** Key identifier to HMAC key (base64url): nobody without one of them gets an account. */
  readonly eab?: Readonly<Record<string, string>>;
}

export interface Pebble extends AsyncDisposable {
  readonly directoryUrl: string;
  /** PEM: what the directory's own TLS is verified by. */
  readonly directoryCa: string;
  /** Where HTTP-01 and TLS-ALPN-01 are looked for. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** PEM of the root that its certificates lead to. */
  root(): Promise<string>;
  /** How many orders were made. */
  orderCount(): number;
  /** How many requests were signed, polls left out; whoever has a nonce refused signs again. */
  postCount(): number;
  publishTxt(record: { readonly name: string; readonly value: string }): Promise<void>;
  withdrawTxt(record: { readonly name: string; readonly value: string }): Promise<void>;
  /** It is gone, as if its machine was. */
  kill(): Promise<void>;
}

export async function startPebble({
  nonceReject = 0,
  sleepSeconds = 0,
  eab = {},
}: PebbleOptions = {}): Promise<Pebble> {
  const where = await mkdtemp(join(tmpdir(), 'sallyport-pebble-'));
  const authority = await testAuthority('Directory Root');
  const own = await authority.issue(['localhost', '127.0.0.1']);
  const [acme, management, httpPort, tlsPort, dns, dnsManagement] = [
    await closedPort(),
    await closedPort(),
    await closedPort(),
    await closedPort(),
    await closedPort(),
    await closedPort(),
  ];
  const pebble = {
    listenAddress: `127.0.0.1:${acme}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: join(where, 'cert.pem'),
    privateKey: join(where, 'key.pem'),
    httpPort,
    tlsPort,
    ocspResponderURL: '',
    externalAccountBindingRequired: Object.keys(eab).length > 0,
    externalAccountMACKeys: eab,
  };
  await writeFile(pebble.certificate, own.cert);
  await writeFile(pebble.privateKey, own.key);
  await writeFile(join(where, 'config.json'), JSON.stringify({ pebble }));
  const silent = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', ''];
  const listening = ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`];
  const names = start('pebble-challtestsrv', [...listening, ...silent]);
  const server = start('pebble', ['-config', join(where, 'config.json'), '-dnsserver', `127.0.0.1:${dns}`], {
    PEBBLE_WFE_NONCEREJECT: String(nonceReject),
    PEBBLE_AUTHZREUSE: '0',
    ...(sleepSeconds === 0 ? { PEBBLE_VA_NOSLEEP: '1' } : { PEBBLE_VA_SLEEPTIME: String(sleepSeconds) }),
  });
  const directoryUrl = `https://127.0.0.1:${acme}/dir`;
  await eventually(() =>
    get(directoryUrl, authority.cert).then(
      () => true,
      () => false,
    ),
  );
  const tell = (path: string, body: unknown) => post(`http://127.0.0.1:${dnsManagement}/${path}`, body);
  await eventually(() =>
    tell('clear-txt', { host: 'nobody.example.' }).then(
      () => true,
      () => false,
    ),
  );
  return {
    directoryUrl,
    directoryCa: authority.cert,
    httpPort,
    tlsPort,
    root: () => get(`https://127.0.0.1:${management}/roots/0`, authority.cert),
    orderCount: () => server.said().split('Added order').length - 1,
    postCount: () =>
      server.said().match(/POST \/(?:sign-me-up|order-plz|authZ|chalZ|finalize-order|certZ)/g)?.length ?? 0,
    publishTxt: ({ name, value }) => tell('set-txt', { host: `${name}.`, value }),
    withdrawTxt: ({ name }) => tell('clear-txt', { host: `${name}.` }),
    kill: () => server.stop(),
    async [Symbol.asyncDispose]() {
      await Promise.all([server.stop(), names.stop()]);
      await rm(where, { recursive: true, force: true });
    },
  };
}

interface Started {
  said(): string;
  stop(): Promise<void>;
}

function start(
  name: 'pebble' | 'pebble-challtestsrv',
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Started {
  const child: ChildProcess = spawn(peerPath(name), [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...environment },
  });
  // A test that is ended by its limit disposes of nothing.
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  return {
    said: () => text,
    async stop() {
      process.off('exit', endWithUs);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'close');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function get(url: string, ca: string): Promise<string> {
  const got: PromiseWithResolvers<string> = Promise.withResolvers();
  const asked = request(url, { ca, agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.once('end', () => got.resolve(text));
  });
  asked.once('error', got.reject).end();
  return got.promise;
}

async function post(url: string, body: unknown): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
}
