/**
 * Legs inside TLS against real TLS: openssl, curl and Node's own, in both roles.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SocketLeg } from '../../src/io/socket.ts';
import { ticketKeyLifeMs } from '../../src/io/tls/ticket-keys.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bytesOf, repeated, Watch, writeAll } from '../support/leg-watch.ts';
import { peerPath, peerTest } from '../support/peers.ts';
import { sharedIdentities } from '../support/secured-pairs.ts';
import { eventually, legPorts, portOf, turns } from '../support/sockets.ts';
import { tlsServer, type TlsServer } from '../support/tls-echo.ts';

let folder = '';
let caFile = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
  caFile = join(folder, 'ca.pem');
  await writeFile(caFile, (await sharedIdentities()).authority.cert);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Said {
  readonly code: number;
  readonly out: string;
}

function run(program: string, arguments_: readonly string[], input = ''): Promise<Said> {
  return new Promise((resolve) => {
    const child = execFile(program, [...arguments_], { timeout: 20_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, out: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}

function client({ port }: TlsServer, ...more: readonly string[]): readonly string[] {
  const common = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'a.test', '-CAfile', caFile];
  return [...common, '-verify_return_error', ...more];
}

describe('openssl as a client', () => {
  for (const version of ['-tls1_2', '-tls1_3'])
    peerTest(
      'openssl',
      `what it sends arrives, its close_notify is FIN, and our end is not a cut (${version})`,
      async () => {
        await using server = await tlsServer((leg, watch) => {
          watch.take();
          watch.onFact = (fact) => {
            if (fact.type !== 'ended') return;
            leg.write(bytesOf('got it\n'), 'owned');
            leg.end();
          };
        });
        const said = await run(peerPath('openssl'), client(server, version), 'hello\n');
        await eventually(() => server.watches[0]?.isOver === true);
        expect(server.watches[0]?.text).toBe('hello\n');
        expect(server.watches[0]?.log.filter((entry) => entry !== 'writable')).toEqual([
          'secured',
          'complete',
          'ended 0',
          'flushed',
          'released',
        ]);
        expect(said.out).toContain('Verify return code: 0 (ok)');
        expect(said.out).not.toMatch(/unexpected eof|errno/i);
      },
    );

  for (const way of ['end', 'release'] as const)
    peerTest('openssl', `hears close_notify when a leg is let go by ${way}`, async () => {
      await using server = await tlsServer((leg, watch) => {
        watch.onFact = (fact) => {
          if (fact.type === 'secured') leg[way]();
        };
      });
      const said = await run(peerPath('openssl'), client(server, '-ign_eof'));
      expect([said.code, said.out]).toEqual([0, expect.not.stringMatching(/unexpected eof|errno/i)]);
      expect(said.out).toMatch(/^closed$/m);
    });

  peerTest(
    'openssl',
    'resumes by the tickets of both versions, until their key and the next have had their time',
    async () => {
      await using server = await tlsServer((leg, watch) => {
        watch.take();
        watch.onFact = (fact) => {
          if (fact.type !== 'secured') return;
          leg.write(bytesOf('hello\n'), 'owned');
          leg.end();
        };
      });
      for (const version of ['-tls1_2', '-tls1_3']) {
        const session = join(folder, `session${version}`);
        for (let count = 0; count < 10; count += 1) {
          const saved = count === 0 ? [] : ['-sess_in', session];
          await run(peerPath('openssl'), client(server, version, '-ign_eof', '-sess_out', session, ...saved));
        }
      }
      const resumed = server.watches.map(({ facts }) =>
        facts.some((fact) => fact.type === 'secured' && fact.by.isResumed),
      );
      // All but the first of each version: 18 of 18.
      expect(resumed).toEqual([false, ...Array<boolean>(9).fill(true), false, ...Array<boolean>(9).fill(true)]);
      server.clock.advance(2 * ticketKeyLifeMs);
      const session = join(folder, 'session-tls1_3');
      await run(peerPath('openssl'), client(server, '-tls1_3', '-ign_eof', '-sess_in', session));
      const last = server.watches.at(-1)?.facts.find(({ type }) => type === 'secured');
      expect(last).toMatchObject({ by: { isResumed: false } });
    },
  );

  peerTest(
    'openssl',
    'gets neither an old version, nor a cipher without ephemeral keys, nor a renegotiation',
    async () => {
      await using server = await tlsServer((_leg, watch) => watch.take());
      for (const [more, alert] of [
        [['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'], 'protocol version'],
        [['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'], 'handshake failure'],
        [['-tls1_2', '-cipher', 'AES128-GCM-SHA256'], 'handshake failure'],
      ] as const) {
        const { out } = await run(peerPath('openssl'), client(server, ...more));
        expect(out).toContain(`alert ${alert}`);
      }
      await run(peerPath('openssl'), client(server, '-tls1_2'), 'R\n');
      const last = server.watches.at(-1);
      await eventually(() => last?.isOver === true);
      expect(last?.log).toEqual(['secured', 'failed ERR_TLS_RENEGOTIATION_DISABLED', 'released']);
    },
  );

  peerTest('openssl', 'is told by an alert which protocols nobody speaks', async () => {
    await using server = await tlsServer(() => undefined, { alpn: ['h2'] });
    const { out } = await run(peerPath('openssl'), client(server, '-alpn', 'acme-tls/1'));
    expect(out).toContain('alert no application protocol');
  });
});

describe('curl as a client', () => {
  peerTest('curl', 'agrees on a protocol, verifies the certificate and sees a whole answer', async () => {
    await using server = await tlsServer(
      (leg, watch) => {
        watch.take();
        leg.write(bytesOf('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello'), 'owned');
        watch.onFact = (fact) => {
          if (fact.type === 'secured') leg.end();
        };
      },
      { alpn: ['h2', 'http/1.1'] },
    );
    const resolve = `a.test:${server.port}:127.0.0.1`;
    const url = `https://a.test:${server.port}/`;
    const common = ['-sS', '-v', '--http1.1', '--cacert', caFile, '--resolve', resolve];
    const said = await run(peerPath('curl'), [...common, url]);
    expect([said.code, said.out]).toEqual([0, expect.stringContaining('hello')]);
    expect(said.out).toMatch(/server accepted(?: to use)? http\/1\.1/i);
  });
});

/** A leg of ours as the client of a server of Node's. */
async function upstreamLeg(serve: (socket: TLSSocket) => void) {
  const { authority, handshakes } = await sharedIdentities();
  const own = await authority.issue(['a.test']);
  const server = createServer({ ...own, allowHalfOpen: true }, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connectTcp({ port: portOf(server.address()), host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  const ports = legPorts(new StepClock());
  const leg = new SocketLeg(socket, 'upstream', ports);
  const watch = new Watch(leg);
  leg.secure(handshakes().client);
  await eventually(() => watch.count('secured') === 1);
  return {
    leg,
    watch,
    [Symbol.asyncDispose]: async () => {
      leg.reset();
      server.close();
      await ports.ledger.quiescent();
    },
  };
}

async function nodeClient(server: TlsServer): Promise<TLSSocket> {
  const { authority } = await sharedIdentities();
  const raw = connectTcp({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  const socket = connect({ socket: raw, servername: 'a.test', ca: authority.cert });
  await once(socket, 'secureConnect');
  return socket;
}

async function allOf(socket: TLSSocket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

describe('Node as the other end', () => {
  test.each(['ours', 'theirs'] as const)('as a client: one side ends, the other goes on (%s first)', async (first) => {
    await using server = await tlsServer((_leg, watch) => watch.take());
    const socket = await nodeClient(server);
    await eventually(() => server.watches[0]?.count('secured') === 1);
    const [watch] = server.watches;
    if (watch === undefined) throw new Error('nobody came');
    const received = allOf(socket);
    if (first === 'ours') {
      watch.leg.end();
      await received;
      socket.end(repeated(500_000));
      await eventually(() => watch.isOver);
      expect(watch.bytes.equals(repeated(500_000))).toBe(true);
      return;
    }
    socket.end('bye');
    await eventually(() => watch.isComplete);
    await writeAll(watch.leg, repeated(500_000));
    watch.leg.end();
    expect((await received).equals(repeated(500_000))).toBe(true);
    await eventually(() => watch.isOver);
    expect([watch.text, watch.count('failed')]).toEqual(['bye', 0]);
  });

  test.each(['ours', 'theirs'] as const)('as a server: one side ends, the other goes on (%s first)', async (first) => {
    let received: Promise<Buffer> = Promise.resolve(Buffer.alloc(0));
    await using upstream = await upstreamLeg((socket) => {
      received = allOf(socket);
      if (first === 'theirs') socket.end('bye');
      else socket.on('end', () => socket.end(repeated(500_000)));
    });
    const { leg, watch } = upstream;
    watch.take();
    if (first === 'theirs') await eventually(() => watch.isComplete);
    await writeAll(leg, repeated(300_000));
    leg.end();
    await eventually(() => watch.isOver);
    expect((await received).equals(repeated(300_000))).toBe(true);
    expect(watch.bytes.equals(first === 'theirs' ? Buffer.from('bye') : repeated(500_000))).toBe(true);
    expect(watch.count('failed')).toBe(0);
  });

  test.each(['idle', 'bytes queued', 'end in the same turn'] as const)(
    'a reset is RST on the connection under TLS (%s)',
    async (queue) => {
      await using server = await tlsServer((_leg, watch) => watch.take());
      const socket = await nodeClient(server);
      await eventually(() => server.watches[0]?.count('secured') === 1);
      const [watch] = server.watches;
      const failed = once(socket, 'error');
      // Before Node 26 a client that has something to read takes RST for FIN, be it a ticket.
      if (queue === 'idle') socket.resume();
      await turns();
      if (queue !== 'idle') watch?.leg.write(repeated(16_777_216), 'owned');
      if (queue === 'end in the same turn') watch?.leg.end();
      watch?.leg.reset();
      await eventually(() => watch?.isOver === true);
      socket.resume();
      expect(await failed).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
      expect(watch?.log).toEqual(['secured', 'released']);
    },
  );

  test('a peer that reads nothing cannot keep a leg from being reset while close_notify waits', async () => {
    await using server = await tlsServer((_leg, watch) => watch.take());
    const socket = await nodeClient(server);
    socket.pause();
    await eventually(() => server.watches[0]?.count('secured') === 1);
    const [watch] = server.watches;
    if (watch === undefined) throw new Error('nobody came');
    watch.leg.write(repeated(33_554_432), 'owned');
    watch.leg.end();
    await turns();
    watch.leg.reset();
    await eventually(() => watch.isOver);
    expect(watch.log.filter((entry) => entry !== 'writable')).toEqual(['secured', 'released']);
    socket.destroy();
  });
});
