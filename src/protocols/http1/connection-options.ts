/**
 * The Connection field: what it says about the connection, and which fields it takes off the message.
 *
 * Decides: an element is a token or the message is unclean. A nomination never removes what authenticates, routes, frames
 * or dates a message, nor what a proxy before us has said about the client: a client must not be able to switch those off.
 * @see RFC 9110 §7.6.1
 */
import { inToken, isAll } from './byte-kinds.ts';
import { trimmed } from './list-elements.ts';

export interface ConnectionOptions {
  readonly isClean: boolean;
  readonly close: boolean;
  readonly keepAlive: boolean;
  readonly upgrade: boolean;
  /** Lower-case names of the end-to-end fields that go; null when there are none. */
  readonly nominated: ReadonlySet<string> | null;
}

const plain: ConnectionOptions = { isClean: true, close: false, keepAlive: false, upgrade: false, nominated: null };
const onlyKeepAlive: ConnectionOptions = { ...plain, keepAlive: true };
const onlyClose: ConnectionOptions = { ...plain, close: true };
const onlyUpgrade: ConnectionOptions = { ...plain, upgrade: true };
const unclean: ConnectionOptions = { ...plain, isClean: false };

/** @param value all Connection fields of the message, joined with commas; null when it has none. */
export function readConnection(value: string | null): ConnectionOptions {
  if (value === null) return plain;
  // What is nearly always written.
  if (value === 'keep-alive' || value === 'Keep-Alive') return onlyKeepAlive;
  if (value === 'close') return onlyClose;
  if (value === 'Upgrade' || value === 'upgrade') return onlyUpgrade;
  const options = new Set<string>();
  for (const element of value.split(',')) {
    const option = trimmed(element);
    if (option === '') continue;
    if (!isAll(option, inToken)) return unclean;
    options.add(option.toLowerCase());
  }
  const nominated = [...options].filter((name) => !aboutConnection.has(name) && !isProtected(name));
  return {
    isClean: true,
    close: options.has('close'),
    keepAlive: options.has('keep-alive'),
    upgrade: options.has('upgrade'),
    nominated: nominated.length === 0 ? null : new Set(nominated),
  };
}

/** Options that are no fields, and fields that never are end-to-end. */
const aboutConnection: ReadonlySet<string> = new Set([
  'close',
  'keep-alive',
  'upgrade',
  'te',
  'http2-settings',
  'proxy-connection',
]);

const protectedNames: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'cookie',
  'date',
  'expires',
  'forwarded',
  'host',
  'location',
  'origin',
  'pragma',
  'proxy-status',
  'range',
  'set-cookie',
  'strict-transport-security',
  'trailer',
  'transfer-encoding',
  'vary',
  'via',
  'www-authenticate',
  'x-real-ip',
]);

const protectedPrefixes = ['x-forwarded-', 'content-', 'if-', 'sec-', 'access-control-'];

function isProtected(name: string): boolean {
  return protectedNames.has(name) || protectedPrefixes.some((prefix) => name.startsWith(prefix));
}
