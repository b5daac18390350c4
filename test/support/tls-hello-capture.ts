/**
 * Real ClientHellos, taken from real TLS clients while the test runs: Node's own and `openssl s_client`.
 *
 * A server that never answers takes the first flight and lets the client go.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { connect, type ConnectionOptions } from 'node:tls';

/** The first flight of `tls.connect` with these options. */
export async function captureNodeHello(options: ConnectionOptions): Promise<Uint8Array> {
  return capture((port) => {
    const client = connect({ rejectUnauthorized: false, ...options, host: '127.0.0.1', port });
    client.on('error', ignore);
    return () => client.destroy();
  });
}

/** The first flight of `openssl s_client` with these arguments; null when it refuses them. */
export async function captureOpensslHello(program: string, args: readonly string[]): Promise<Uint8Array | null> {
  try {
    return await capture((port, giveUp) => {
      const client = spawn(program, ['s_client', '-connect', `127.0.0.1:${port}`, ...args], {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      client.on('error', giveUp);
      client.once('exit', () => giveUp(new Error('openssl ended without a hello')));
      client.stdin.on('error', ignore);
      return () => client.kill();
    });
  } catch {
    return null;
  }
}

type StartClient = (port: number, giveUp: (cause: Error) => void) => () => void;

async function capture(start: StartClient): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const server = createServer((socket) => collect(socket, resolve));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const stop = start(address === null || typeof address === 'string' ? 0 : address.port, reject);
  try {
    return await promise;
  } finally {
    stop();
    server.close();
  }
}

/** Resolves with the first record once it is whole. */
function collect(socket: Socket, resolve: (hello: Uint8Array) => void): void {
  let received = Buffer.alloc(0);
  socket.on('error', ignore);
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 5 || received.length < 5 + received.readUInt16BE(3)) return;
    resolve(Uint8Array.from(received));
    socket.destroy();
  });
}

function ignore(): void {
  // A client that was cut off says so; that is expected here.
}
