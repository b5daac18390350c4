/** How an address is written wherever people read it: records, events, log lines, errors. One form, so that it can be searched. */
import type { Address } from './leg.ts';
import { unixPathOf } from './unix-path.ts';

/** `127.0.0.1:80`, `[::1]:80`, the path of a UNIX socket, the name of what is inside this process, or `unknown`. */
export function addressText({ host, port }: Address): string {
  const path = unixPathOf(host);
  if (path !== null) return path;
  if (host === '') return 'unknown';
  if (host.startsWith('/') || host.startsWith('@') || host.includes(' ')) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** IPv4 addresses that arrive through a dual-stack listener are written as what they are (RFC 4291 §2.5.5.2). */
export function plainHost(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}
