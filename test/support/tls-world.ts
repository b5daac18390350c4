/**
 * TLS on real sockets: clients and origins of Node's own, with certificates made by a test authority.
 *
 * Read first: `world.ts`, `certificates.ts`.
 */
import { once } from 'node:events';
import { connect, createServer, type ConnectionOptions, type Server, type TlsOptions, type TLSSocket } from 'node:tls';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { testAuthority, type TestAuthority, type TestCertificate } from './certificates.ts';
import type { RouteConfig } from '../../src/index.ts';
import { Peer } from './world.ts';

let shared: Promise<TestAuthority> | null = null;

/** One for a whole test file. */
export function authority(): Promise<TestAuthority> {
  shared ??= testAuthority();
  return shared;
}

export interface TlsPeer extends Peer {
  readonly socket: TLSSocket;
}

/** Connects and agrees on TLS, half-open allowed; rejects with what Node says where the handshake fails. */
export async function dialTls(port: number, options: ConnectionOptions = {}): Promise<TlsPeer> {
  const { cert: ca } = await authority();
  const transport = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
  const socket = connect({ socket: transport, ca, servername: 'a.example', ...options });
  await once(socket, 'secureConnect');
  return Object.assign(new Peer(socket), { socket });
}

/** The code with which a handshake fails; `agreed` where it does not. */
export async function handshakeFailure(port: number, options: ConnectionOptions = {}): Promise<string> {
  try {
    const peer = await dialTls(port, options);
    // TLS 1.3 lets a client believe that it is in before its certificate was looked at.
    const first = await Promise.race([
      once(peer.socket, 'error').then(([error]) => codeOf(error)),
      once(peer.socket, 'data').then(() => 'agreed'),
      once(peer.socket, 'end').then(() => 'closed'),
    ]);
    peer.socket.destroy();
    return first;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** An origin that speaks TLS; what it does with each connection is the test's. */
export class TlsOrigin implements AsyncDisposable {
  readonly server: Server;
  readonly sockets: TLSSocket[] = [];

  private constructor(options: TlsOptions, behave: (socket: TLSSocket) => void) {
    this.server = createServer(options, (socket) => {
      this.sockets.push(socket);
      socket.on('error', () => undefined);
      behave(socket);
    });
    this.server.on('tlsClientError', () => undefined);
  }

  static async start(
    certificate: TestCertificate,
    behave: (socket: TLSSocket) => void,
    options: TlsOptions = {},
  ): Promise<TlsOrigin> {
    const origin = new TlsOrigin({ ...certificate, ...options }, behave);
    origin.server.listen(0, '127.0.0.1');
    await once(origin.server, 'listening');
    return origin;
  }

  get port(): number {
    const address: string | AddressInfo | null = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the origin is not listening on a port');
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Of the shared authority. */
export const certificate = async (...names: string[]): Promise<TestCertificate> => (await authority()).issue(names);

interface Asked {
  readonly name?: string;
  readonly domains?: readonly string[];
  readonly match?: object;
  readonly tls?: object;
  readonly action?: object;
  readonly more?: object;
}

/** A terminating route from port 0 to an origin. */
export async function terminating(port: number, asked: Asked = {}): Promise<RouteConfig> {
  const { name = 'secure', domains = ['a.example'], match = {}, tls = {}, action = {}, more = {} } = asked;
  return {
    name,
    match: { ports: 0, domains, ...match },
    action: { type: 'forward', target: { host: '127.0.0.1', port }, ...action },
    tls: { mode: 'terminate', certificate: await certificate(...domains), ...tls },
    ...more,
  };
}
