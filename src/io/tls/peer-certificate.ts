/**
 * A certificate of the other end as plain text, and what a finished handshake is known by.
 *
 * Decides: how names are written. Pure. What is in a certificate was written by the other end: it is cut where it is long,
 * and control characters come escaped from OpenSSL. Read first: `identity.ts`.
 * @see RFC 4514 for names
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { canonicalAddress } from '../../routing/ip-address.ts';
import type { Handshake } from '../leg.ts';
import type { PeerCertificate, Secured } from './identity.ts';

/** Names of one certificate that are kept. */
const namesMax = 100;
const textMax = 1_024;

/** Null until the handshake is done. @param peer what the other end showed */
export function securedBy(socket: TLSSocket, how: Handshake, peer: PeerCertificate | null): Secured | null {
  const version = socket.getProtocol();
  if (version !== 'TLSv1.2' && version !== 'TLSv1.3') return null;
  return {
    version,
    cipher: socket.getCipher().standardName,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null,
    serverName: how.role === 'server' ? receivedName(socket) : sentName(how.serverName),
    isResumed: socket.isSessionReused(),
    peer,
  };
}

export function peerOf(certificate: X509Certificate): PeerCertificate {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serialNumber: certificate.serialNumber.toLowerCase(),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    names: namesIn(certificate.subjectAltName ?? ''),
    notAfterMs: Date.parse(certificate.validTo),
    der: certificate.raw,
  };
}

/** SNI for an upstream: a name, never an address (RFC 6066 §3). */
export function sentName(serverName: string): string | null {
  return serverName === '' || canonicalAddress(serverName) !== null ? null : serverName;
}

/** A server's socket has the name that was sent, or false; the type says a string always. */
function receivedName(socket: TLSSocket): string | null {
  const name: unknown = Reflect.get(socket, 'servername');
  return typeof name === 'string' && name !== '' ? name : null;
}

/** OpenSSL writes one RDN a line, most general first, escaped as RFC 2253 asks. A certificate may have no subject at all. */
function oneLine(lines: string | undefined): string {
  const rdns = (lines ?? '').split('\n').filter((line) => line !== '');
  return rdns.toReversed().join(',').replaceAll(' + ', '+').slice(0, textMax);
}

/** Node writes `DNS:a, IP Address:1.2.3.4`, and JSON strings where a value has a comma or a quote in it. */
function namesIn(text: string): readonly string[] {
  const names: string[] = [];
  for (const [, kind = '', value = ''] of text.matchAll(entries)) {
    if (names.length === namesMax) break;
    const name = value.startsWith('"') ? unquoted(value) : value;
    names.push((kind === 'DNS' ? name.toLowerCase() : name).slice(0, textMax));
  }
  return names;
}

const entries = /(?:^|, )(DNS|IP Address|URI|email):("(?:[^"\\]|\\.)*"|[^,]*)/g;

function unquoted(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : json;
  } catch {
    return json;
  }
}
