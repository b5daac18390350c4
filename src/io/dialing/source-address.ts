/**
 * Connecting from the client's own address (`preserveSourceIP`): which addresses it can reach, and why a kernel refuses.
 *
 * Decides: that both addresses are of one family, and what a refusal says. The kernel of Linux lets a socket connect from
 * an address that is no interface's only where its local routing table has it (IPv4), or where binding is allowed and the
 * answers are routed here (IPv6). IP_TRANSPARENT, which would do without, cannot be set from Node.
 * Must never do: fall back to an address of ours, which an upstream would take for the client's.
 * @see docs/guides/dialers.md
 */
import type { DialBlame, DialFailure, Endpoint } from '../dialer.ts';
import { ipFamily } from '../socket.ts';
import { isUnixHost } from '../unix-path.ts';

/** Why nothing can be dialled from that address; null where something can. */
export function sourceProblem({ host, sourceAddress }: Endpoint): DialFailure | null {
  if (sourceAddress === undefined) return null;
  if (ipFamily(sourceAddress) === 0)
    return refusal('client', 'the address of the client is not known, and the route preserves it');
  if (isUnixHost(host))
    return refusal('way', 'a UNIX socket has no source address, and the route preserves the client’s');
  return null;
}

/** Those that can be reached from there; all of them where it does not matter from where. */
export function reachableFrom(sourceAddress: string | undefined, addresses: readonly string[]): readonly string[] {
  if (sourceAddress === undefined) return addresses;
  return addresses.filter((address) => ipFamily(address) === ipFamily(sourceAddress));
}

export function noFamily(host: string, sourceAddress: string): DialFailure {
  return refusal(
    'client',
    `the client has an IPv${ipFamily(sourceAddress)} address, which the route preserves, and ${host} has none of that family`,
  );
}

const refusals = new Set(['EADDRNOTAVAIL', 'EINVAL', 'EACCES', 'EPERM', 'ENETUNREACH']);

/**
 * A failure of a dial that set out from there. Where the kernel does not let it, that is no fault of the endpoint's, and the
 * system's own words do not say what has to be set so that it can be done.
 */
export function fromSource(sourceAddress: string, failure: DialFailure): DialFailure {
  if (!refusals.has(failure.code)) return failure;
  return { ...failure, blame: 'client', cause: sourceCause(sourceAddress, failure.cause) };
}

function sourceCause(sourceAddress: string, cause: string): string {
  const ways =
    ipFamily(sourceAddress) === 6
      ? 'set net.ipv6.ip_nonlocal_bind=1 and route the answers to this machine (ip -6 route add local … dev lo)'
      : 'put the clients’ addresses into its local routing table (ip route add local … dev lo)';
  return `the kernel does not connect from ${sourceAddress} (${cause}): ${ways}, or send a PROXY header instead`;
}

function refusal(blame: DialBlame, cause: string): DialFailure {
  return { reason: 'upstream.unreachable', code: 'SALLYPORT_SOURCE_ADDRESS', cause, retryable: true, blame };
}
