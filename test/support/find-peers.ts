/**
 * Finds the real programs that the wire tests talk to, and installs the missing ones where that is possible.
 *
 * Installing needs Linux, root and apt-get, and happens only for what is missing; `SALLYPORT_INSTALL_PEERS=no` forbids
 * it. No service is ever left running: packages are told that their services must not start.
 * Read first: `peers.ts`, which is what tests use.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The Debian packages that bring each peer. */
const packages = {
  haproxy: ['haproxy'],
  nginx: ['nginx', 'libnginx-mod-stream'],
  'redis-server': ['redis-server'],
  'redis-cli': ['redis-tools'],
  openssl: ['openssl'],
  curl: ['curl'],
  nc: ['netcat-openbsd'],
  nghttp: ['nghttp2-client'],
  h2load: ['nghttp2-client'],
  microsocks: ['microsocks'],
  tinyproxy: ['tinyproxy'],
  pebble: ['pebble'],
  'pebble-challtestsrv': ['pebble'],
} as const satisfies Record<string, readonly string[]>;

export type PeerName = keyof typeof packages;

/** Where each peer's program is; a peer that is absent is not here. */
export type PeerPaths = Partial<Record<PeerName, string>>;

export const peerNames: readonly PeerName[] = Object.keys(packages).filter(isPeerName);

function isPeerName(name: string): name is PeerName {
  return Object.hasOwn(packages, name);
}

export async function findPeers(): Promise<PeerPaths> {
  const found: PeerPaths = {};
  for (const name of peerNames) {
    const path = findProgram(name);
    if (path !== null && (await isUsable(name, path))) found[name] = path;
  }
  return found;
}

/** Does what it can; what stays missing is for the caller to notice. Answers the sentence to print, or null. */
export async function installPeers(missing: readonly PeerName[]): Promise<string | null> {
  if (missing.length === 0) return null;
  const names = missing.join(', ');
  const obstacle = whyNotInstallable();
  if (obstacle !== null) return `missing peers: ${names}; not installed, because ${obstacle}`;
  const isForbidding = forbidServices();
  try {
    const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 };
    const lock = ['-o', 'DPkg::Lock::Timeout=120'];
    await run('apt-get', [...lock, 'update', '-qq'], options);
    const wanted = missing.flatMap((name) => packages[name]);
    await run('apt-get', [...lock, 'install', '-y', '-qq', '--no-install-recommends', ...wanted], options);
    return `installed the missing peers: ${names}`;
  } catch (error) {
    return `missing peers: ${names}; apt-get failed: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    if (isForbidding) rmSync(policyFile, { force: true });
  }
}

/** nginx's stream module as a file to load, or null where it is built in or absent. */
export function nginxStreamModule(): string | null {
  const places = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/usr/share/nginx/modules'];
  return places.map((place) => join(place, 'ngx_stream_module.so')).find((path) => existsSync(path)) ?? null;
}

const policyFile = '/usr/sbin/policy-rc.d';

/** 101 is "not allowed": what Debian's packages ask before they start a service. True where the file is ours. */
function forbidServices(): boolean {
  if (existsSync(policyFile)) return false;
  writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return true;
}

function whyNotInstallable(): string | null {
  if (process.env['SALLYPORT_INSTALL_PEERS'] === 'no') return 'SALLYPORT_INSTALL_PEERS=no';
  if (process.platform !== 'linux' || findProgram('apt-get') === null) return 'this system has no apt-get';
  return process.getuid?.() === 0 ? null : 'only root may install packages';
}

function findProgram(name: string): string | null {
  const places = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    '/sbin',
    '/usr/local/bin',
    '/opt/homebrew/bin',
  ];
  return places.map((place) => join(place, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Other programs share the names; these two must be the ones the tests are written for. */
async function isUsable(name: PeerName, path: string): Promise<boolean> {
  if (name === 'nc') return (await outputOf(path, '-h')).includes('OpenBSD netcat');
  if (name === 'nginx')
    return nginxStreamModule() !== null || / --with-stream(?!=dynamic|_)/.test(await outputOf(path, '-V'));
  return true;
}

async function outputOf(path: string, argument: string): Promise<string> {
  try {
    const { stdout, stderr } = await run(path, [argument], { timeout: 5_000 });
    return stdout + stderr;
  } catch {
    return '';
  }
}
