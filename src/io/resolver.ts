/**
 * Names to addresses: a port, and its default, the system's own resolver.
 *
 * Decides nothing: the order is the system's (RFC 6724), the dialer interleaves it. A look-up cannot be aborted; whoever
 * asked drops a late answer.
 */
import { lookup } from 'node:dns/promises';

/** Every address of a name, best first. Rejects with an error that has a `code`, such as ENOTFOUND. */
export type Resolver = (host: string) => Promise<readonly string[]>;

/** getaddrinfo(3): the hosts file, then DNS, as this machine is configured. */
export const systemResolver: Resolver = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};
