/**
 * The public keys of one token issuer, fetched where it publishes them (JWKS) and kept for a while.
 *
 * Decides: when keys are fetched. Fresh for ten minutes, then fetched again while the old ones still serve, for an hour at
 * most; a key that is not among them is looked for at most twice a minute, so that invented names cost the issuer nothing.
 * Must never do: fetch twice at once, follow a redirect, wait or read without bound.
 * @see RFC 7517
 */
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { Clock, Timer, TimerTarget } from '../clock.ts';

/** One fetch's worth of keys; another object after each fetch. */
export interface Keys {
  readonly find: JWTVerifyGetKey;
}

export interface KeySetPorts {
  readonly clock: Clock;
  /** As Node's. */
  readonly fetch: typeof fetch;
}

export const freshMs = 600_000;
export const usableMs = 3_600_000;
/** Between fetches that only an unknown key asks for. */
export const unknownKeyPauseMs = 30_000;
/** After a fetch that failed. */
export const failurePauseMs = 5_000;
export const fetchMs = 5_000;
export const keySetBytesMax = 262_144;

export class KeySet implements TimerTarget {
  readonly #url: string;
  readonly #ports: KeySetPorts;
  #keys: Keys | null = null;
  #fetchedMs = Number.NEGATIVE_INFINITY;
  #triedMs = Number.NEGATIVE_INFINITY;
  #hasFailed = false;
  #fetching: { readonly done: Promise<Keys | null>; readonly stop: AbortController } | null = null;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(url: string, ports: KeySetPorts) {
    this.#url = url;
    this.#ports = ports;
  }

  /** The keys that may be used without asking; null when there are none. */
  get fresh(): Keys | null {
    return this.#ageMs < freshMs ? this.#keys : null;
  }

  /** The keys in force; null when there are none and none can be had now. Never rejects. */
  async current(): Promise<Keys | null> {
    if (this.fresh !== null) return this.#keys;
    const fetching = this.#mayFetch(failurePauseMs) ? this.#fetch() : this.#fetching?.done;
    if (this.#keys !== null && this.#ageMs < usableMs) return this.#keys;
    return (await fetching) ?? null;
  }

  /**
   * Keys other than these, because one was not among them.
   * @returns `same` when there can be no others yet; null when they could not be had
   */
  async otherThan(keys: Keys): Promise<Keys | 'same' | null> {
    if (this.#keys !== null && this.#keys !== keys) return this.#keys;
    if (this.#fetching !== null) return this.#fetching.done;
    if (this.#mayFetch(unknownKeyPauseMs)) return this.#fetch();
    return this.#hasFailed ? null : 'same';
  }

  /** Whoever waits is told that there are none. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#fetching?.stop.abort();
  }

  onTimer(): void {
    this.#timer = null;
    this.#fetching?.stop.abort();
  }

  get #ageMs(): number {
    return this.#ports.clock.nowMs() - this.#fetchedMs;
  }

  #mayFetch(pauseMs: number): boolean {
    if (this.#isClosed || this.#fetching !== null) return false;
    const pause = this.#hasFailed ? failurePauseMs : pauseMs;
    return this.#ports.clock.nowMs() - this.#triedMs >= pause;
  }

  #fetch(): Promise<Keys | null> {
    const { clock } = this.#ports;
    const stop = new AbortController();
    this.#triedMs = clock.nowMs();
    this.#timer = clock.arm(fetchMs, this, 0);
    const done = this.#load(stop.signal).then(
      (keys) => this.#fetched(keys),
      () => this.#fetched(null),
    );
    this.#fetching = { done, stop };
    return done;
  }

  #fetched(keys: Keys | null): Keys | null {
    const { clock } = this.#ports;
    if (this.#timer !== null) clock.cancel(this.#timer);
    this.#timer = null;
    this.#fetching = null;
    this.#hasFailed = keys === null;
    if (keys === null) return null;
    this.#keys = keys;
    this.#fetchedMs = clock.nowMs();
    return keys;
  }

  async #load(signal: AbortSignal): Promise<Keys> {
    const headers = { accept: 'application/jwk-set+json, application/json' };
    const response = await this.#ports.fetch(this.#url, { signal, redirect: 'error', headers });
    const text = response.ok ? await boundedText(response) : null;
    if (text === null) {
      await response.body?.cancel();
      throw new Error('the answer is no key set');
    }
    const parsed: unknown = JSON.parse(text);
    if (!isKeySet(parsed)) throw new Error('the answer is no key set');
    const { createLocalJWKSet } = await import('jose');
    return { find: createLocalJWKSet(parsed) };
  }
}

/** Null when it is too long; what is left of it is not read. */
async function boundedText({ body }: Response): Promise<string | null> {
  if (body === null) return null;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bytesOf(body)) {
    bytes += chunk.length;
    if (bytes > keySetBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The stream's own type does not say what it is made of. */
function bytesOf(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return body;
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false;
  const keys: readonly unknown[] = value.keys;
  return keys.every((key) => typeof key === 'object' && key !== null && 'kty' in key && typeof key.kty === 'string');
}
