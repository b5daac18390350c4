/**
 * What a forwarded message says about its way: X-Forwarded-*, Forwarded, Via, Client-Cert.
 *
 * Decides whom to believe. From a trusted proxy the chain is kept and the peer appended, and what it said about scheme,
 * host, port and certificate stands; from anybody else all of it is dropped, X-Real-IP too, and ours is written. A trusted
 * proxy's own certificate is not the client's, and never written for it.
 * Must never do: take a field of the client's for the truth, or add one field twice.
 * @see RFC 7239, RFC 9110 §7.6.3, RFC 9440
 */
import { isNamed } from './fields.ts';
import { noFields, type Fields, type HttpVersion, type RequestHead, type ResponseHead } from './message.ts';

/** What is true of every request of one connection. */
export interface ForwardingFacts {
  /** The peer's address: IPv4, IPv6 without brackets, or anything else where it has none. */
  readonly clientHost: string;
  /** True exactly when the peer is in `trustedProxies`. */
  readonly isTrustedPeer: boolean;
  readonly scheme: 'http' | 'https';
  /** The port that the client connected to. */
  readonly listenerPort: number;
  /** The verified certificate that the peer showed, DER; null where it showed none. */
  readonly certificate: Uint8Array | null;
}

/** Tells the upstreams of one connection about its client. What is the same for every request is written once. */
export class Forwarder {
  readonly #facts: ForwardingFacts;
  readonly #client: Node;
  /** The value of Client-Cert; null where there is none to tell of. */
  readonly #certificate: string | null;
  /** What is added where no proxy before us has said anything, for the authority and version asked for last. */
  #own: Fields = noFields;
  #ownAuthority: string | null = null;
  #ownVersion: HttpVersion = '1.1';

  constructor(facts: ForwardingFacts) {
    this.#facts = facts;
    this.#client = nodeOf(facts.clientHost);
    const { certificate, isTrustedPeer } = facts;
    this.#certificate = certificate === null || isTrustedPeer ? null : byteSequence(certificate);
  }

  /**
   * The request as the upstream gets it. Only the fields change, and an offer to upgrade to anything but WebSocket goes:
   * what nobody here understands is not to become a tunnel.
   */
  request(head: RequestHead): RequestHead {
    const fields = saysNothing(head.fields) ? joined(head.fields, this.#ownFor(head)) : this.#continued(head);
    return { ...head, fields, upgrade: head.upgrade === 'websocket' ? head.upgrade : null };
  }

  #ownFor(head: RequestHead): Fields {
    if (this.#ownAuthority === head.authority && this.#ownVersion === head.version) return this.#own;
    this.#own = this.#lines(head, { for: '', proto: '', host: '', port: '', forwarded: '' });
    this.#ownAuthority = head.authority;
    this.#ownVersion = head.version;
    return this.#own;
  }

  /** Somebody has said something: it is continued or dropped. */
  #continued(head: RequestHead): Fields {
    const { fields } = head;
    const said: Said = { for: '', proto: '', host: '', port: '', forwarded: '' };
    const out: string[] = [];
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] ?? '';
      const value = fields[index + 1] ?? '';
      if (!isAboutTheWay(name)) out.push(name, value);
      else if (this.#facts.isTrustedPeer && !note(said, name, value)) out.push(name, value);
    }
    return joined(out, this.#lines(head, said));
  }

  #lines(head: RequestHead, said: Said): Fields {
    const { scheme, listenerPort } = this.#facts;
    const { address, quoted } = this.#client;
    const out = [
      'X-Forwarded-For',
      appended(said.for, address),
      'X-Forwarded-Proto',
      said.proto || scheme,
      'X-Forwarded-Port',
      said.port || String(listenerPort),
    ];
    const host = said.host || head.authority;
    if (host !== '') out.push('X-Forwarded-Host', host);
    // A trusted peer that spoke of the client in X-Forwarded-For alone must not be contradicted by a shorter story.
    if (said.forwarded !== '' || said.for === '')
      out.push('Forwarded', appended(said.forwarded, forwardedElement(quoted, head.authority, scheme)));
    if (this.#certificate !== null) out.push('Client-Cert', this.#certificate);
    out.push('Via', viaText(head.version));
    return out;
  }
}

/** The response as the client gets it. Only the fields change; Date is the origin's. */
export function forwardResponse(head: ResponseHead): ResponseHead {
  return { ...head, fields: joined(head.fields, via[head.version]) };
}

/** What a trusted peer said: chains joined, of the rest the first; '' where nothing. */
interface Said {
  for: string;
  proto: string;
  host: string;
  port: string;
  forwarded: string;
}

/** @returns false when the field is to be passed on as it is. */
function note(said: Said, name: string, value: string): boolean {
  if (isNamed(name, 'x-forwarded-for')) said.for = appended(said.for, value);
  else if (isNamed(name, 'forwarded')) said.forwarded = appended(said.forwarded, value);
  else if (isNamed(name, 'x-forwarded-proto')) said.proto ||= value;
  else if (isNamed(name, 'x-forwarded-host')) said.host ||= value;
  else if (isNamed(name, 'x-forwarded-port')) said.port ||= value;
  else return false;
  return true;
}

function appended(before: string, value: string): string {
  if (before === '') return value;
  return value === '' ? before : `${before}, ${value}`;
}

const prefix = 'x-forwarded-';

/** X-Forwarded-*, X-Real-IP, Forwarded, Client-Cert, Client-Cert-Chain. The first letter rules out nearly every field. */
function isAboutTheWay(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20;
  if (first === 0x66) return isNamed(name, 'forwarded');
  if (first === 0x63) return isCertificate(name);
  if (first !== 0x78 || name.charCodeAt(1) !== 0x2d) return false;
  return isNamed(name, 'x-real-ip') || isNamed(name.slice(0, prefix.length), prefix);
}

/** With `_` too, because programs behind CGI and its like cannot tell it from `-`, and believe what they read. */
function isCertificate(name: string): boolean {
  if (name.length !== clientCert.length && name.length !== clientCertChain.length) return false;
  const written = name.replaceAll('_', '-');
  return isNamed(written, clientCert) || isNamed(written, clientCertChain);
}

const clientCert = 'client-cert';
const clientCertChain = 'client-cert-chain';

/** As RFC 8941 §3.3.5 writes bytes. */
function byteSequence(bytes: Uint8Array): string {
  return `:${Buffer.from(bytes).toString('base64')}:`;
}

interface Node {
  readonly address: string;
  /** As RFC 7239 §6 writes it. */
  readonly quoted: string;
}

const unknown: Node = { address: 'unknown', quoted: 'unknown' };

function nodeOf(host: string): Node {
  if (host.includes(':')) return { address: host, quoted: `"[${host}]"` };
  return /^[\d.]+$/.test(host) ? { address: host, quoted: host } : unknown;
}

function forwardedElement(client: string, authority: string, scheme: string): string {
  if (authority === '') return `for=${client};proto=${scheme}`;
  const host = /[:[]/.test(authority) ? `"${authority}"` : authority;
  return `for=${client};host=${host};proto=${scheme}`;
}

/** A loop, because for a few elements the runtime's own `concat` takes ten times as long. */
function joined(fields: Fields, more: Fields): Fields {
  const all: string[] = [];
  for (let index = 0; index < fields.length; index += 1) all.push(fields[index] ?? '');
  for (let index = 0; index < more.length; index += 1) all.push(more[index] ?? '');
  return all;
}

/** True exactly when no field is about the way. */
function saysNothing(fields: Fields): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    if (isAboutTheWay(fields[index] ?? '')) return false;
  }
  return true;
}

/** The version is the one the message was received in. */
function viaText(version: HttpVersion): string {
  return version === '2' ? '2.0 sallyport' : version === '1.1' ? '1.1 sallyport' : '1.0 sallyport';
}

const via: Readonly<Record<HttpVersion, Fields>> = {
  '1.0': ['Via', viaText('1.0')],
  '1.1': ['Via', viaText('1.1')],
  '2': ['Via', viaText('2')],
};
