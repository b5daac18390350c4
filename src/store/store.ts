/**
 * The Store contract: small values that outlive the process and are shared between processes. Laws (test/contract/store-laws.ts):
 * 1. A value is bytes under a key, with a version that changes at every write. What `get` answers was written whole.
 * 2. `put` with a version writes only where that still holds (null: only where there is nothing). Of many at once one wins.
 * 3. A lock has one holder at a time, until its time is over. The next holder's fence is greater than every one before, and
 *    who writes with one that is not the newest is refused.
 * 4. `watch` tells of changes by anybody, in any process, at least once after the last of them. It never tells values.
 * 5. Every failure is a StoreError with a stable code; nothing is half-written after it.
 * 6. After `close` nothing is told any more, no handle is left, every call is refused.
 */
export interface StoredValue {
  readonly bytes: Uint8Array;
  /** Opaque; equal exactly when nothing was written in between. */
  readonly version: string;
}

export interface PutOptions {
  /** What was read before; null: the key must not exist; absent: whatever is there. */
  readonly version?: string | null;
  /** The fence of a lock that is held; a stale one is refused with SALLYPORT_STORE_FENCED. */
  readonly fence?: { readonly lock: string; readonly token: number };
  /** True: readable by the owner alone (files: 0600). Default false. */
  readonly isSecret?: boolean;
}

export interface StoreLock {
  readonly name: string;
  /** Greater than that of every holder before. */
  readonly fence: number;
  /** Prolongs it; false: it was lost. */
  renew(ttlMs: number): Promise<boolean>;
  /** Idempotent; harmless when it was lost. */
  release(): Promise<void>;
}

export interface Store {
  /** Keys are segments of `[A-Za-z0-9._*@-]`, joined by `/`; anything else is refused. */
  get(key: string): Promise<StoredValue | null>;
  /** The new version, or null where `version` no longer held. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<string | null>;
  /** False: there was nothing, or `version` no longer held. */
  delete(key: string, version?: string): Promise<boolean>;
  /** Keys below a prefix, sorted. */
  list(prefix: string): Promise<readonly string[]>;
  /** At once: null where somebody else holds it. */
  lock(name: string, ttlMs: number): Promise<StoreLock | null>;
  /** Returns what ends the watch. `changed` is told keys below the prefix; it must not throw. */
  watch(prefix: string, changed: (key: string) => void): () => void;
  close(): Promise<void>;
}
