/**
 * Whose request it is where trusted proxies stand in front: what X-Forwarded-For and Forwarded say, as far as it can be believed.
 *
 * Decides by walking from the right, from the hop nearest to us: as long as a hop is trusted its word counts, and the first
 * address that is not a trusted hop's is the client's. What is no address (`unknown`, `_hidden`, a typing error) ends the
 * walk at the hop that said it; where all are trusted the leftmost counts. A proxy may write one of both fields and pass the
 * other on as its client sent it, and nothing tells which one: so where both lead to different clients nobody is believed.
 * Must never do: take a text for an address, or read to the left of what is not trusted, where everything is the client's.
 * @see RFC 7239; docs/guides/configuration.md. Read first: `routing/ip-address.ts`.
 */
import { canonicalAddress } from '../../routing/ip-address.ts';
import { fieldValues } from './fields.ts';
import type { Fields } from './message.ts';

export interface ForwardedClient {
  /** Canonical; of a hop whose word ended without a client, the hop's. The peer's where both fields contradict each other. */
  readonly ip: string;
  /** False: the fields name two different clients, so that `ip` is nobody to let in by. */
  readonly isCertain: boolean;
}

/**
 * @param peer a trusted hop: what it says is believed.
 * @param isTrusted asked with canonical addresses.
 */
export function forwardedClient(fields: Fields, peer: string, isTrusted: (ip: string) => boolean): ForwardedClient {
  const listed = walk(nodesOfList(fieldValues(fields, 'x-forwarded-for')), peer, isTrusted);
  const told = walk(nodesOfForwarded(fieldValues(fields, 'forwarded')), peer, isTrusted);
  if (told.isOpen) return { ip: listed.isOpen && listed.ip === peer ? told.ip : listed.ip, isCertain: true };
  if (listed.isOpen || listed.ip === told.ip) return { ip: told.ip, isCertain: true };
  return { ip: peer, isCertain: false };
}

interface Walk {
  readonly ip: string;
  /** True exactly when every hop was trusted, so that the field names no client and contradicts nobody who does. */
  readonly isOpen: boolean;
}

/** @param nodes from the right; null: what is no address. */
function walk(nodes: Iterable<string | null>, peer: string, isTrusted: (ip: string) => boolean): Walk {
  let ip = peer;
  for (const node of nodes) {
    if (node === null) return { ip, isOpen: false };
    ip = node;
    if (!isTrusted(node)) return { ip, isOpen: false };
  }
  return { ip, isOpen: true };
}

/** Empty elements are none (RFC 9110 §5.6.1.2). */
function* nodesOfList(values: readonly string[]): Generator<string | null> {
  for (const value of values.toReversed()) {
    for (let end = value.length; end >= 0;) {
      const start = end === 0 ? 0 : value.lastIndexOf(',', end - 1) + 1;
      const element = value.slice(start, end).trim();
      if (element !== '') yield nodeAddress(unquoted(element));
      end = start - 1;
    }
  }
}

/**
 * The elements of Forwarded from the right. An element that a proxy wrote cannot be spoilt by what its client wrote to the
 * left of it, such as a quote that is never closed.
 */
function* nodesOfForwarded(values: readonly string[]): Generator<string | null> {
  for (const value of values.toReversed()) {
    for (let end = value.length; end >= 0;) {
      const start = elementStart(value, end);
      const element = value.slice(start, end).trim();
      if (element !== '') yield forIn(element);
      end = start - 1;
    }
  }
}

/** Behind the comma that is left of `end` and in no quotes; 0 where there is none. */
function elementStart(value: string, end: number): number {
  let isQuoted = false;
  for (let index = end - 1; index >= 0; index -= 1) {
    const char = value[index];
    if (char === '"' && !(isQuoted && isEscaped(value, index))) isQuoted = !isQuoted;
    else if (char === ',' && !isQuoted) return index + 1;
  }
  return 0;
}

function isEscaped(value: string, at: number): boolean {
  let backslashes = 0;
  while (value[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

/** One `name=value`, or nothing, and what parts it from the next; `[` and `:` outside of quotes too, because some write them so. */
const pair = /[ \t]*(?:([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~\w:[\]-]*))[ \t]*)?(?:;|$)/y;

/** The address that `for` names; null where it names none, is there twice, or the element is not well formed. */
function forIn(element: string): string | null {
  let said: string | null = null;
  pair.lastIndex = 0;
  while (pair.lastIndex < element.length) {
    const found = pair.exec(element);
    if (found === null) return null;
    const [, name = '', quoted, token = ''] = found;
    if (name.toLowerCase() !== 'for') continue;
    if (said !== null) return null;
    said = quoted?.replaceAll(/\\(.)/g, '$1') ?? token;
  }
  return said === null ? null : nodeAddress(said);
}

function unquoted(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).trim() : text;
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:_port`. IPv6 without brackets has no port. */
function nodeAddress(text: string): string | null {
  const [, host = '', port] = bracketed.exec(text) ?? withPort.exec(text) ?? [];
  if (port === undefined) return canonicalAddress(text);
  return port === '' || portText.test(port) ? canonicalAddress(host) : null;
}

const bracketed = /^\[([^\]]*:[^\]]*)\](.*)$/;
const withPort = /^(\d+\.[\d.]*)(:.*)$/;
/** A number, or as RFC 7239 §6 hides it. */
const portText = /^:(?:\d{0,5}|_[\w.-]+)$/;
