/**
 * Whether the other end of a finished handshake is who it has to be, and the sentence when it is not.
 *
 * Decides: chain, then name, then pinned keys of an upstream; the certificate of a client. Fails closed: what cannot be
 * known is not trusted. A resumed session was believed when it was made, by the same demands (`sessions.ts`).
 * Must never do: end anything. Read first: `tls-socket.ts`.
 * @see RFC 9525 for names, RFC 7469 §2.4 for pins
 */
import { createHash, type X509Certificate } from 'node:crypto';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import type { Handshake } from '../leg.ts';
import { codeOf } from '../os-codes.ts';
import { verificationCode } from '../socket-handle.ts';
import { peerOf } from './peer-certificate.ts';
import { tlsSentence } from './tls-codes.ts';

/** Why the other end is not believed. */
export interface Distrust {
  readonly code: string;
  /** Who, what was expected, what came: one line, lower case, without a full stop. */
  readonly cause: string;
}

/** What the other end showed, if it did. */
type Shown = X509Certificate | undefined;

/** Null: the other end is who it has to be. */
export function distrustOf(socket: TLSSocket, shown: Shown, how: Handshake, wallMs: number): Distrust | null {
  if (how.role === 'server') return distrustOfClient(socket, shown, how.clientAuth, wallMs);
  // Node shows a client no certificate then; OpenSSL still knows what became of its chain.
  if (socket.isSessionReused()) return how.verify ? distrustOfSession(socket, how.serverName) : null;
  return distrustOfUpstream(socket, shown, how);
}

function distrustOfClient(
  socket: TLSSocket,
  certificate: Shown,
  clientAuth: 'none' | 'ask' | 'require',
  wallMs: number,
): Distrust | null {
  if (clientAuth === 'none') return null;
  if (certificate !== undefined)
    return distrustOfChain(socket, 'the client', certificate) ?? distrustOfAge(socket, certificate, wallMs);
  return clientAuth === 'ask' ? null : nothingShown('the client');
}

/** A resumed session is believed as it was made, and its certificate may have ended since. */
function distrustOfAge(socket: TLSSocket, certificate: X509Certificate, wallMs: number): Distrust | null {
  if (!socket.isSessionReused() || Date.parse(certificate.validTo) >= wallMs) return null;
  const { subject } = peerOf(certificate);
  return { code: 'CERT_HAS_EXPIRED', cause: `the certificate of the client has ended since (it is ${subject})` };
}

function distrustOfUpstream(
  socket: TLSSocket,
  certificate: Shown,
  how: Extract<Handshake, { role: 'client' }>,
): Distrust | null {
  if (certificate === undefined) return how.verify || how.pins.length > 0 ? nothingShown(how.serverName) : null;
  const distrust = how.verify
    ? (distrustOfChain(socket, how.serverName, certificate) ?? distrustOfName(how.serverName, certificate))
    : null;
  return distrust ?? distrustOfKey(certificate, how.serverName, how.pins);
}

function distrustOfChain(socket: TLSSocket, who: string, certificate: X509Certificate): Distrust | null {
  const code = verificationCode(socket);
  if (code === null) return null;
  const { subject, issuer } = peerOf(certificate);
  const clause = tlsSentence(code) ?? code;
  return { code, cause: `the certificate of ${who} is not trusted: ${clause} (it is ${subject}, issued by ${issuer})` };
}

function distrustOfSession(socket: TLSSocket, who: string): Distrust | null {
  const code = verificationCode(socket);
  if (code === null) return null;
  return { code, cause: `the certificate of ${who} was not trusted: ${tlsSentence(code) ?? code}` };
}

function distrustOfName(serverName: string, certificate: X509Certificate): Distrust | null {
  const error = checkServerIdentity(serverName, certificate.toLegacyObject());
  if (error === undefined) return null;
  const { names, subject } = peerOf(certificate);
  const covered = names.length === 0 ? `no name at all (it is ${subject})` : names.slice(0, namesSaidMax).join(', ');
  return {
    code: codeOf(error),
    cause: `the certificate of ${serverName} does not cover that name: it covers ${covered}`,
  };
}

/** How many names a sentence has. */
const namesSaidMax = 8;

function distrustOfKey(certificate: X509Certificate, serverName: string, pins: readonly string[]): Distrust | null {
  if (pins.length === 0) return null;
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const pin = createHash('sha256').update(key).digest('base64');
  if (pins.includes(pin)) return null;
  const expected = `expected ${pins.join(' or ')}, got ${pin}`;
  return { code: 'SALLYPORT_TLS_PIN', cause: `the public key of ${serverName} is not pinned: ${expected}` };
}

function nothingShown(who: string): Distrust {
  return { code: 'SALLYPORT_TLS_NO_CERTIFICATE', cause: `${who} showed no certificate, and one is expected` };
}
