/**
 * The programs people use, through the proxy: curl, openssl, netcat, Redis, nginx and HAProxy, each as it comes.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { peerPath, peerTest } from '../support/peers.ts';
import { closedPort, eventually, Origin, ProxyUnderTest } from '../support/world.ts';

const key = new URL('../../examples/demo/demo-only-key.pem', import.meta.url).pathname;
const certificate = new URL('../../examples/demo/demo-only-certificate.pem', import.meta.url).pathname;

/** Runs a program to its end with this on its standard input, which is then closed. */
function runs(path: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(path, [...args], { timeout: 20_000 }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(new Error(error.message)),
    );
    child.stdin?.end(input);
  });
}

/** A server that is ended with the test. Ready when its port answers. */
async function serves(path: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(path, [...args], { stdio: ['pipe', 'ignore', 'ignore'] });
  onTestFinished(async () => {
    const gone = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode === null && child.kill('SIGKILL')) await gone;
  });
  await eventually(
    () =>
      new Promise<boolean>((resolve) => {
        const probe = connect({ host: '127.0.0.1', port });
        probe
          .once('connect', () => resolve(true))
          .once('error', () => resolve(false))
          .once('connect', () => probe.destroy());
      }),
  );
  return child;
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sallyport-peers-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const forward = (port: number) => ({ type: 'forward', target: { host: '127.0.0.1', port } }) as const;

describe.each(['compiled', 'xstate'] as const)('real peers under the %s interpreter', (interpreter) => {
  peerTest('nc', 'L06: netcat sends, ends, and still reads the answer', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const said = 'a line that is ended by the end\n'.repeat(5_000);
    expect(await runs(peerPath('nc'), ['-N', '127.0.0.1', String(world.port)], said)).toBe(said);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'completed',
      by: 'downstream',
      bytesIn: said.length,
      bytesOut: said.length,
    });
  });

  peerTest(
    ['nginx', 'curl'],
    'L33: curl reads 8 MiB from nginx, kept alive and closed, through a sniffed port',
    async () => {
      const [port, where] = [await closedPort(), await folder()];
      await writeFile(join(where, 'big'), Buffer.alloc(8 * 1024 * 1024, 'x'));
      await writeFile(
        join(where, 'nginx.conf'),
        `daemon off; master_process off; pid ${where}/pid; error_log /dev/null; events {}
       http { access_log off; client_body_temp_path ${where}; proxy_temp_path ${where}; fastcgi_temp_path ${where};
         uwsgi_temp_path ${where}; scgi_temp_path ${where}; server { listen 127.0.0.1:${port}; root ${where}; } }`,
      );
      await serves(peerPath('nginx'), ['-c', join(where, 'nginx.conf'), '-p', where], port);
      await using world = await ProxyUnderTest.start({
        interpreter,
        routes: [{ name: 'web', match: { ports: 0, domains: 'files.example' }, action: forward(port) }],
      });
      const url = `http://127.0.0.1:${world.port}/big`;
      const args = [
        '-sS',
        '-H',
        'Host: Files.Example:80',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code} %{size_download} ',
        url,
        '-o',
        '/dev/null',
        url,
      ];
      expect(await runs(peerPath('curl'), args)).toBe(`200 ${8 * 1024 * 1024} 200 ${8 * 1024 * 1024} `);
      const [record] = await world.closed(1);
      expect(record).toMatchObject({ route: 'web', protocol: 'http' });
      expect(record?.bytesOut).toBeGreaterThan(16 * 1024 * 1024);
    },
  );

  peerTest(
    'openssl',
    'M05: openssl speaks TLS with the origin its server name leads to, and nobody between them can read it',
    async () => {
      const [first, second] = [await closedPort(), await closedPort()];
      const server = (port: number, name: string) =>
        serves(
          peerPath('openssl'),
          ['s_server', '-quiet', '-accept', `127.0.0.1:${port}`, '-cert', certificate, '-key', key, '-alpn', name],
          port,
        );
      await server(first, 'first');
      await server(second, 'second');
      const route = (name: string, port: number) => ({
        name,
        match: { ports: 0, domains: `${name}.example` },
        tls: { mode: 'passthrough' as const },
        action: forward(port),
      });
      await using world = await ProxyUnderTest.start({
        interpreter,
        routes: [route('first', first), route('second', second)],
      });
      const speaksTo = (name: string) =>
        runs(peerPath('openssl'), [
          's_client',
          '-connect',
          `127.0.0.1:${world.port}`,
          '-servername',
          `${name}.example`,
          '-alpn',
          'first,second',
        ]);
      expect(await speaksTo('first')).toContain('ALPN protocol: first');
      expect(await speaksTo('second')).toContain('ALPN protocol: second');
      await expect(speaksTo('third')).rejects.toThrow('unrecognized name');
      await world.closed(3);
      expect(world.records.map(({ route: taken, reason }) => taken ?? reason)).toEqual([
        'first',
        'second',
        'refused.route',
      ]);
    },
  );

  peerTest(
    ['redis-server', 'redis-cli'],
    'M01, T02, H06: redis-cli works through a sniffed port, idle for longer than the sniff deadline',
    async () => {
      const port = await closedPort();
      await serves(
        peerPath('redis-server'),
        ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
        port,
      );
      await using world = await ProxyUnderTest.start({
        interpreter,
        timeouts: { sniff: 50 },
        routes: [
          { name: 'cache', match: { ports: 0, protocol: 'redis' }, action: forward(port) },
          { name: 'web', match: { ports: 0, protocol: 'http' }, action: { type: 'block', how: 'reply' } },
        ],
      });
      const args = ['-h', '127.0.0.1', '-p', String(world.port)];
      expect(await runs(peerPath('redis-cli'), [...args, 'set', 'k', 'v'])).toBe('OK\n');
      // The blocking pop keeps the connection silent for four times the sniff deadline.
      expect(await runs(peerPath('redis-cli'), args, 'BLPOP nothing 0.2\nGET k\n')).toContain('v');
      await world.closed(2);
      expect(world.records.map(({ route, protocol, reason }) => [route, protocol, reason])).toEqual([
        ['cache', 'redis', 'completed'],
        ['cache', 'redis', 'completed'],
      ]);
    },
  );

  peerTest(['haproxy', 'nc'], 'L06, L09: half-close survives HAProxy in front of the proxy and behind it', async () => {
    await using origin = await Origin.echo();
    const [front, back, where] = [await closedPort(), await closedPort(), await folder()];
    await using world = await ProxyUnderTest.forward(back, { interpreter });
    await writeFile(
      join(where, 'haproxy.cfg'),
      `defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen front
  bind 127.0.0.1:${front}
  server proxy 127.0.0.1:${world.port}
listen back
  bind 127.0.0.1:${back}
  server origin 127.0.0.1:${origin.port}
`,
    );
    await serves(peerPath('haproxy'), ['-f', join(where, 'haproxy.cfg'), '-db'], back);
    const said = 'through three proxies\n'.repeat(20_000);
    expect(await runs(peerPath('nc'), ['-N', '127.0.0.1', String(front)], said)).toBe(said);
    await world.until(() => world.records.some(({ bytesIn }) => bytesIn === said.length));
    expect(world.records.find(({ bytesIn }) => bytesIn === said.length)).toMatchObject({
      reason: 'completed',
      bytesOut: said.length,
    });
  });
});
