/**
 * The dialer over UNIX sockets, and from an address that is not the system's choice: real sockets, and a network namespace
 * of the test's own where the machine allows one.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { addressText } from '../../src/io/address-text.ts';
import { createDialer, type DialFailure, type Endpoint } from '../../src/io/dialer.ts';
import type { Leg } from '../../src/io/leg.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { Watch } from '../support/leg-watch.ts';
import { eventually, expectNothingLeft, legPorts, portOf } from '../support/sockets.ts';

interface Dialled {
  readonly leg: Leg | null;
  readonly failure: DialFailure | null;
  finish(): Promise<void>;
}

async function dialled(endpoint: Endpoint, addresses: readonly string[] = []): Promise<Dialled> {
  const ports = legPorts(new StepClock());
  const dial = createDialer({ ...ports, resolver: () => Promise.resolve(addresses) });
  let leg: Leg | null = null;
  let failure: DialFailure | null = null;
  dial(endpoint, { resolved: () => undefined, securing: () => undefined }).subscribe({
    next: (one) => {
      leg = one;
    },
    error: (error: DialFailure) => {
      failure = error;
    },
  });
  await eventually(() => leg !== null || failure !== null);
  const finish = async (): Promise<void> => {
    leg?.reset();
    await ports.ledger.quiescent();
    expectNothingLeft(ports);
  };
  return { leg, failure, finish };
}

/** Ends with the test. */
async function listening(at: object): Promise<{ readonly server: Server; readonly sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
  });
  server.listen(at);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, sockets };
}

async function folder(): Promise<string> {
  const where = await mkdtemp(join(tmpdir(), 'sallyport-unix-'));
  onTestFinished(() => rm(where, { recursive: true, force: true }));
  return where;
}

test('a UNIX socket is reached by its path, carries bytes and FIN both ways, and is named by its path', async () => {
  const path = join(await folder(), 'db.sock');
  const { sockets } = await listening({ path });
  const run = await dialled({ host: `unix:${path}`, port: 0 });
  if (run.leg === null) throw new Error(run.failure?.cause);
  const [leg] = [run.leg];
  expect([leg.remote, addressText(leg.remote), addressText({ host: `unix:${path}`, port: 0 })]).toEqual([
    { host: path, port: 0 },
    path,
    path,
  ]);
  const watch = new Watch(leg).take();
  leg.write(Buffer.from('ping'), 'owned');
  leg.end();
  await eventually(() => sockets.length === 1);
  const [socket] = sockets;
  const heard: Buffer[] = [];
  socket?.on('data', (chunk) => heard.push(chunk)).once('end', () => socket.end(Buffer.concat(heard)));
  await eventually(() => watch.count('released') === 1);
  expect([watch.text, watch.log.at(-1)]).toEqual(['ping', 'released']);
  await run.finish();
});

test('a UNIX socket that nobody serves, that is not there, or that is none, fails by its reason', async () => {
  const where = await folder();
  const stale = join(where, 'stale.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(stale)}, () => process.exit())`;
  await promisify(execFile)(process.execPath, ['-e', `process.on('exit', () => process.reallyExit(0)); ${script}`]);
  await writeFile(join(where, 'file'), '');
  const cases = [
    [stale, 'upstream.refused ECONNREFUSED'],
    [join(where, 'none.sock'), 'upstream.unreachable ENOENT'],
    [join(where, 'file'), 'upstream.refused ECONNREFUSED'],
    [join(where, 'file', 'x'), 'upstream.unreachable ENOTDIR'],
    [`/${'x'.repeat(300)}`, 'upstream.unreachable'],
  ] as const;
  for (const [path, expected] of cases) {
    const run = await dialled({ host: `unix:${path}`, port: 0 });
    expect(`${run.failure?.reason} ${run.failure?.code}`).toContain(expected);
    expect(run.failure?.retryable).toBe(true);
    await run.finish();
  }
});

test('P05: the upstream sees the address that was asked for as the source', async ({ skip }) => {
  if (process.platform !== 'linux') skip('only Linux has the whole of 127.0.0.0/8');
  const { server, sockets } = await listening({ port: 0, host: '127.0.0.1' });
  for (const host of ['127.0.0.9', '127.3.2.1']) {
    const run = await dialled({ host: '127.0.0.1', port: portOf(server.address()), sourceAddress: host });
    expect([run.leg?.local.host, run.failure]).toEqual([host, null]);
    await eventually(() => sockets.some(({ remoteAddress }) => remoteAddress === host));
    await run.finish();
  }
});

test('P05: a family that does not fit, a path, and an unknown client are refused in words, never served from elsewhere', async () => {
  const { server, sockets } = await listening({ port: 0, host: '127.0.0.1' });
  const port = portOf(server.address());
  const cases: readonly (readonly [Endpoint, readonly string[], string])[] = [
    [
      { host: '127.0.0.1', port, sourceAddress: '::1' },
      [],
      'the client has an IPv6 address, which the route preserves',
    ],
    [{ host: 'a.test', port, sourceAddress: '::1' }, ['127.0.0.1'], 'a.test has none of that family'],
    [{ host: 'unix:/run/x', port: 0, sourceAddress: '127.0.0.1' }, [], 'a UNIX socket has no source address'],
    [{ host: '127.0.0.1', port, sourceAddress: '' }, [], 'the address of the client is not known'],
    [{ host: '127.0.0.1', port, sourceAddress: '192.0.2.77' }, [], 'ip route add local'],
    [{ host: '::1', port, sourceAddress: '2001:db8::77' }, [], 'net.ipv6.ip_nonlocal_bind=1'],
  ];
  for (const [endpoint, addresses, says] of cases) {
    const run = await dialled(endpoint, addresses);
    expect([run.failure?.reason, run.failure?.cause]).toEqual(['upstream.unreachable', expect.stringContaining(says)]);
    await run.finish();
  }
  expect(sockets).toEqual([]);
  // Of a name with both families only the fitting one is tried.
  const both = await dialled({ host: 'a.test', port, sourceAddress: '127.0.0.9' }, ['::1', '127.0.0.1']);
  expect(both.leg?.remote.host).toBe('127.0.0.1');
  await both.finish();
});

/** Runs in a namespace where only the loopback exists; null where the machine allows none. */
async function inNamespace(script: string): Promise<string | null> {
  const options = { timeout: 20_000 };
  try {
    await promisify(execFile)('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'], options);
  } catch {
    return null;
  }
  const { stdout } = await promisify(execFile)('unshare', ['-n', 'sh', '-ec', script], options);
  return stdout;
}

test('P05: in a namespace whose routes have the clients’ addresses, the upstream sees clients of both families', async ({
  skip,
}) => {
  const dial = new URL('../support/dial-from.ts', import.meta.url).pathname;
  const node = `${process.execPath} --disable-warning=ExperimentalWarning ${dial}`;
  const said = await inNamespace(`
    ip link set lo up
    ${node} 127.0.0.1 192.0.2.7 ::1 2001:db8::7
    ip route add local 192.0.2.0/24 dev lo
    ip -6 route add local 2001:db8::/64 dev lo
    echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind
    ${node} 127.0.0.1 192.0.2.7 ::1 2001:db8::7
  `);
  if (said === null) skip('this machine allows no network namespaces');
  expect((said ?? '').trim().split('\n')).toEqual([
    'upstream.unreachable EADDRNOTAVAIL',
    'upstream.unreachable EADDRNOTAVAIL',
    'seen 192.0.2.7',
    'seen 2001:db8::7',
  ]);
});
