/**
 * The endpoints that the entries of a pool stand for: addresses as they are written, names as they were answered last.
 *
 * Decides: what two entries lead to alike, address and name for TLS, is one endpoint with the weight and the cap of both; of
 * SRV records those of the lowest priority come first (RFC 2782). Must never do: resolve, or let an answer grow without a bound. Read first: `endpoint-resolver.ts`.
 */
import type { Target } from '../../routing/plan.ts';
import type { DialerPlan, EndpointPlan } from '../../routing/pool-plan.ts';
import { addressText } from '../address-text.ts';
import { ipFamily } from '../socket.ts';
import type { EndpointAnswer, EndpointQuestion, ServiceRecord } from './endpoint-resolver.ts';

export interface FoundEndpoint {
  /** Says which it is, whatever its place; two names that lead to one address are two. */
  readonly key: string;
  /** As it is called: `10.0.0.1:80`, `unix:/path`. */
  readonly name: string;
  readonly target: Target;
  /** 0 first. */
  readonly priority: number;
  readonly weight: number;
  /** Null = no cap. */
  readonly maxConnections: number | null;
}

/** Of one name; whatever else DNS answers is left out. */
export const endpointsPerNameMax = 256;

/** So little that a record of weight 0 is hardly ever chosen beside others (RFC 2782), and no less than it takes. */
const weightless = 0.01;

/** What has to be asked before the entry is known; null where it is known. */
export function questionOf({ source }: EndpointPlan, dialer: DialerPlan): EndpointQuestion | null {
  if (source.kind === 'service') return { kind: 'service', name: source.name };
  if (source.kind === 'unix' || ipFamily(source.host) !== 0 || isLocalName(source.host)) return null;
  // Beyond another proxy, and by a dialer of the embedding program's, names are what is asked for.
  return dialer.type === 'direct' || dialer.type === 'tls' ? { kind: 'address', name: source.host } : null;
}

/** An entry that stands for itself. */
export function plainEndpoint(entry: EndpointPlan): readonly FoundEndpoint[] {
  const { source } = entry;
  if (source.kind === 'service') return [];
  const target =
    source.kind === 'unix' ? { host: `unix:${source.path}`, port: 0 } : { host: source.host, port: source.port };
  return [found(entry, target, 0, entry.weight)];
}

/** In one order whatever the answer's was, so that it changes nothing. */
export function answeredEndpoints(entry: EndpointPlan, answer: EndpointAnswer): readonly FoundEndpoint[] {
  const { source } = entry;
  if (answer.kind === 'services') return servicesOf(entry, answer.services);
  if (source.kind !== 'address') return [];
  const addresses = answer.addresses.filter(isAddress);
  return [...new Set(addresses)]
    .toSorted()
    .slice(0, endpointsPerNameMax)
    .map((host) => found(entry, { host, port: source.port, serverName: source.host }, 0, entry.weight));
}

/** Why an answer leads nowhere; null where it leads somewhere, or says that the service is decidedly not there (RFC 2782). */
export function uselessnessOf(answer: EndpointAnswer): string | null {
  if (answer.kind === 'addresses') return answer.addresses.some(isAddress) ? null : 'the name has no address';
  const { services } = answer;
  if (services.length > 0 && services.every(isNowhere)) return null;
  return services.some(isUsable) ? null : 'the name has no service';
}

/** Each once. One that an entry does not bound has no bound. */
export function mergedEndpoints(lists: readonly (readonly FoundEndpoint[])[]): readonly FoundEndpoint[] {
  const merged = new Map<string, FoundEndpoint>();
  for (const one of lists.flat()) {
    const known = merged.get(one.key);
    merged.set(one.key, known === undefined ? one : both(known, one));
  }
  return [...merged.values()];
}

function both(known: FoundEndpoint, more: FoundEndpoint): FoundEndpoint {
  const [one, other] = [known.maxConnections, more.maxConnections];
  return {
    ...known,
    priority: Math.min(known.priority, more.priority),
    weight: known.weight + more.weight,
    maxConnections: one === null || other === null ? null : one + other,
  };
}

function isAddress(address: string): boolean {
  return ipFamily(address) !== 0;
}

/** A single dot; `node:dns` leaves dots at the end out. */
function isNowhere({ host }: ServiceRecord): boolean {
  return host === '.' || host === '';
}

function isUsable(record: ServiceRecord): boolean {
  return !isNowhere(record) && record.port > 0;
}

function servicesOf(entry: EndpointPlan, records: readonly ServiceRecord[]): readonly FoundEndpoint[] {
  const usable = records.filter(isUsable);
  const priorities = [...new Set(usable.map(({ priority }) => priority))].toSorted((one, other) => one - other);
  return usable
    .toSorted((one, other) => one.priority - other.priority || compare(one.host, other.host) || one.port - other.port)
    .slice(0, endpointsPerNameMax)
    .map(({ host, port, priority, weight }) => {
      const target = { host: host.replace(/\.$/, '').toLowerCase(), port };
      return found(entry, target, priorities.indexOf(priority), entry.weight * (weight > 0 ? weight : weightless));
    });
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function found(entry: EndpointPlan, target: Target, priority: number, weight: number): FoundEndpoint {
  const name = target.host.startsWith('unix:') ? target.host : addressText(target);
  const key = target.serverName === undefined ? name : `${name} as ${target.serverName}`;
  return { key, name, target, priority, weight, maxConnections: entry.maxConnections };
}

/** RFC 6761 §6.3: never leaves the machine; the dialer knows both of its addresses. */
function isLocalName(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name === 'localhost' || name.endsWith('.localhost');
}
