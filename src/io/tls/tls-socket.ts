/**
 * ★ The one place where a TLSSocket is made: over what a leg carries its bytes on, in either role.
 *
 * Decides: nothing but how Node is asked. Verification is ours (`verification.ts`), because Node's own would destroy the
 * socket without a word that fits. A server's socket is made without a tls.Server, which would bring a hidden timer; the
 * price is that its errors come as `_tlsError`, so a leg listens to that too.
 * Must never do: set a time limit, or allow renegotiation. Read first: `../leg.ts`, law 11.
 */
import type { Duplex } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';
import type { Handshake } from '../leg.ts';
import { sentName } from './peer-certificate.ts';

/** What tells that the handshake is done. */
export function doneEvent({ role }: Handshake): 'secure' | 'secureConnect' {
  return role === 'server' ? 'secure' : 'secureConnect';
}

/**
 * Begins the handshake. Nothing is told before the next turn of the loop.
 * @param carrier paused, with nobody listening to its bytes; what it has buffered is read first.
 * @param session to resume, for a client.
 */
export function beginHandshake(carrier: Duplex, how: Handshake, session: Buffer | null): TLSSocket {
  const alpn = how.alpn.length === 0 ? {} : { ALPNProtocols: [...how.alpn] };
  if (how.role === 'server') {
    const socket = new TLSSocket(carrier, {
      isServer: true,
      secureContext: how.context,
      requestCert: how.clientAuth !== 'none',
      // OpenSSL's own refusal where none is shown, so that the client is told by an alert.
      rejectUnauthorized: how.clientAuth === 'require',
      ...alpn,
    });
    socket.disableRenegotiation();
    return socket;
  }
  const servername = sentName(how.serverName);
  return connect({
    socket: carrier,
    secureContext: how.context,
    // Names what a session was made for; nothing is dialled.
    host: how.serverName,
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(servername !== null && { servername }),
    ...(session !== null && { session }),
    ...alpn,
  });
}
