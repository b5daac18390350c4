/**
 * Pairs of legs inside TLS, for the contract tests: real handshakes, with certificates made for the run.
 */
import { createSecureContext } from 'node:tls';
import type { Handshake } from '../../src/io/leg.ts';
import { testAuthority, type TestAuthority } from './certificates.ts';
import { Watch } from './leg-watch.ts';
import type { LegPair } from './sockets.ts';

export type Role = Handshake['role'];

export interface HandshakeOptions {
  readonly serverName?: string;
  readonly version?: 'TLSv1.2' | 'TLSv1.3';
  readonly serverAlpn?: readonly string[];
  readonly clientAlpn?: readonly string[];
  readonly clientAuth?: 'none' | 'ask' | 'require';
  readonly clientCertificate?: boolean;
  readonly verify?: boolean;
  readonly pins?: readonly string[];
}

/** An authority, and what a server and a client with its certificates begin with. */
export interface Identities {
  readonly authority: TestAuthority;
  readonly handshakes: (options?: HandshakeOptions) => { readonly server: Handshake; readonly client: Handshake };
}

/** The certificate covers `a.test`, `*.b.test` and `127.0.0.1`. */
export async function identities(): Promise<Identities> {
  const authority = await testAuthority();
  const [server, client] = await Promise.all([
    authority.issue(['a.test', '*.b.test', '127.0.0.1']),
    authority.issue(['client.test']),
  ]);
  return {
    authority,
    handshakes: ({
      serverName = 'a.test',
      version = 'TLSv1.3',
      serverAlpn = [],
      clientAlpn = [],
      clientAuth = 'none',
      clientCertificate = false,
      verify = true,
      pins = [],
    } = {}) => ({
      server: {
        role: 'server',
        context: createSecureContext({ ...server, ca: authority.cert, sessionIdContext: 'laws' }),
        alpn: serverAlpn,
        clientAuth,
      },
      client: {
        role: 'client',
        context: createSecureContext({ ca: authority.cert, maxVersion: version, ...(clientCertificate && client) }),
        serverName,
        alpn: clientAlpn,
        verify,
        pins,
      },
    }),
  };
}

const shared = identities();

/** The same identities for every test of a run: making them costs more than a handshake. */
export function sharedIdentities(): Promise<Identities> {
  return shared;
}

/** A pair on which both sides have begun TLS, and are done with it. Nobody listens to either afterwards. */
export async function securedPair<Pair extends LegPair>(
  pair: Pair,
  nearRole: Role,
  options: HandshakeOptions = {},
): Promise<Pair> {
  const { handshakes } = await sharedIdentities();
  const how = handshakes(options);
  const near = new Watch(pair.near);
  const far = new Watch(pair.far);
  const [client, server] = nearRole === 'client' ? [pair.near, pair.far] : [pair.far, pair.near];
  client.secure(how.client);
  await pair.until(() => server.heldBytes > 0);
  server.secure(how.server);
  await pair.until(() => near.count('secured') === 1 && far.count('secured') === 1);
  near.unwatch();
  far.unwatch();
  return pair;
}
