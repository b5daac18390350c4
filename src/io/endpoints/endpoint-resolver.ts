/**
 * The names of pools to endpoints, with how long the answer holds: a port, and what answers it on this machine.
 *
 * Decides: DNS is asked first, because only it says how long an answer holds; what DNS does not know is left to the system
 * (the hosts file, search domains), and asked again after half a minute. `node:dns` tells no time for SRV records.
 * Must never do: cache, take half an answer for a whole one, or ask anybody when it is stopped. Read first: `name-watch.ts`.
 */
import { Resolver as DnsResolver } from 'node:dns/promises';
import type { RecordWithTtl, SrvRecord } from 'node:dns';
import { systemResolver, type Resolver } from '../resolver.ts';

export interface ServiceRecord {
  readonly host: string;
  readonly port: number;
  /** The lowest is used as long as one of it can be (RFC 2782). */
  readonly priority: number;
  readonly weight: number;
}

/** `ttlMs`: null where nobody said. */
export type EndpointAnswer =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttlMs: number | null }
  | { readonly kind: 'services'; readonly services: readonly ServiceRecord[]; readonly ttlMs: number | null };

export interface EndpointQuestion {
  readonly kind: 'address' | 'service';
  readonly name: string;
}

export interface EndpointResolver {
  /** Rejects with an error that has a `code`. May throw as well. */
  resolve(question: EndpointQuestion): Promise<EndpointAnswer>;
  /** What is asked and not answered is given up. Idempotent. */
  stop(): void;
}

/** A query that is not answered within so long is sent once more, and then given up. */
const queryTimeoutMs = 2_000;
const queryTries = 2;

/** Queries to name servers, as `node:dns` makes them. */
export interface DnsQueries {
  resolve4(name: string, options: { readonly ttl: true }): Promise<RecordWithTtl[]>;
  resolve6(name: string, options: { readonly ttl: true }): Promise<RecordWithTtl[]>;
  resolveSrv(name: string): Promise<SrvRecord[]>;
  cancel(): void;
}

/** Whom this machine asks. */
export interface NameSources {
  readonly dns: () => DnsQueries;
  readonly system: Resolver;
}

const machineSources: NameSources = {
  dns: () => new DnsResolver({ timeout: queryTimeoutMs, tries: queryTries }),
  system: systemResolver,
};

/** @param resolver the embedding program's; null = this machine's own. It is not asked for SRV records, which it cannot answer. */
export function endpointResolver(resolver: Resolver | null, sources: NameSources = machineSources): EndpointResolver {
  return new SystemEndpointResolver(resolver, sources);
}

class SystemEndpointResolver implements EndpointResolver {
  readonly #given: Resolver | null;
  readonly #sources: NameSources;
  /** Made when it is first needed. */
  #dns: DnsQueries | null = null;
  #isStopped = false;

  constructor(given: Resolver | null, sources: NameSources) {
    this.#given = given;
    this.#sources = sources;
  }

  async resolve({ kind, name }: EndpointQuestion): Promise<EndpointAnswer> {
    if (kind === 'service') return this.#services(name);
    if (this.#given !== null) return { kind: 'addresses', addresses: await this.#given(name), ttlMs: null };
    const answer = await this.#addresses(name);
    if (answer !== null) return answer;
    this.#mustRun();
    return { kind: 'addresses', addresses: await this.#sources.system(name), ttlMs: null };
  }

  stop(): void {
    this.#isStopped = true;
    this.#dns?.cancel();
    this.#dns = null;
  }

  async #services(name: string): Promise<EndpointAnswer> {
    const records = await this.#asked().resolveSrv(name);
    const services = records.map(({ name: host, port, priority, weight }) => ({ host, port, priority, weight }));
    return { kind: 'services', services, ttlMs: null };
  }

  /** Null where DNS knows no address, or there is no name server. Half an answer would remove the other half's endpoints. */
  async #addresses(name: string): Promise<EndpointAnswer | null> {
    const dns = this.#asked();
    const answers = await Promise.allSettled([dns.resolve4(name, { ttl: true }), dns.resolve6(name, { ttl: true })]);
    const failures = answers.flatMap((one) => (one.status === 'rejected' ? [errorOf(one.reason)] : []));
    if (failures.length === 2 && failures.every((failure) => codeOf(failure) === 'ECONNREFUSED')) return null;
    const failure = failures.find((one) => !meansNone(one));
    if (failure !== undefined) throw failure;
    const records = answers.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (records.length === 0) return null;
    const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1000;
    return { kind: 'addresses', addresses: records.map(({ address }) => address), ttlMs };
  }

  #asked(): DnsQueries {
    this.#mustRun();
    this.#dns ??= this.#sources.dns();
    return this.#dns;
  }

  #mustRun(): void {
    if (this.#isStopped) throw Object.assign(new Error('nobody asks any more'), { code: 'ECANCELLED' });
  }
}

function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function meansNone(failure: Error): boolean {
  const code = codeOf(failure);
  return code === 'ENODATA' || code === 'ENOTFOUND';
}

function codeOf(failure: Error): unknown {
  return 'code' in failure ? failure.code : null;
}
