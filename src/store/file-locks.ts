/**
 * Named locks between processes: who holds one until when, and the fence.
 *
 * A lock is a record that is changed only where it is still what was read; its fence grows with every holder and is never
 * forgotten. Expiry is by the wall clock, the one time that processes share; a record that ends later than its own length
 * allows was written by a clock that was wrong, and has ended. Should two clocks disagree, the fence decides who writes.
 * Must never do: wait for a lock.
 */
import { randomUUID } from 'node:crypto';
import { fileOfKey } from './keys.ts';
import type { FileFolder, Place } from './file-folder.ts';
import { StoreError } from './store-error.ts';
import type { StoreLock } from './store.ts';

interface LockRecord {
  readonly fence: number;
  /** Null: released. */
  readonly holder: string | null;
  readonly ttlMs: number;
  readonly expiresMs: number;
}

/** What the clocks of two machines may differ by. */
const skewMsMax = 60_000;

/** A lock may be held for a day without being prolonged; it is for work, not for ownership. */
export const ttlMsMax = 86_400_000;

export class FileLocks {
  readonly #folder: FileFolder;

  constructor(folder: FileFolder) {
    this.#folder = folder;
  }

  /** @param guard runs every operation on the lock: closed stores refuse there, and failures get their code */
  async take(name: string, ttlMs: number, guard: Guard): Promise<StoreLock | null> {
    checkTtl(ttlMs);
    const place = placeOf(name);
    for (;;) {
      const { record, version } = await this.#read(place);
      if (this.#isHeld(record)) return null;
      const holder = randomUUID();
      const fence = record.fence + 1;
      const isTaken = await this.#write(place, { fence, holder, ...this.#until(ttlMs) }, version);
      if (isTaken) return this.#lockOf(name, place, fence, holder, guard);
    }
  }

  /** @throws StoreError unless this is the newest fence */
  async check(lock: string, token: number): Promise<void> {
    const { record } = await this.#read(placeOf(lock));
    if (record.fence !== token)
      throw new StoreError(
        'SALLYPORT_STORE_FENCED',
        `the lock ${lock} was lost: its fence is ${record.fence}, not ${token}`,
      );
  }

  #lockOf(name: string, place: Place, fence: number, holder: string, guard: Guard): StoreLock {
    /** Changes the record while it is still ours. */
    const change = async (next: () => LockRecord): Promise<boolean> => {
      for (;;) {
        const { record, version } = await this.#read(place);
        if (record.holder !== holder || !this.#isHeld(record)) return false;
        if (await this.#write(place, next(), version)) return true;
      }
    };
    return {
      name,
      fence,
      renew: (ttlMs) =>
        guard(`renew the lock ${name}`, () => {
          checkTtl(ttlMs);
          return change(() => ({ fence, holder, ...this.#until(ttlMs) }));
        }),
      release: () =>
        guard(`release the lock ${name}`, async () => {
          await change(() => ({ fence, holder: null, ttlMs: 0, expiresMs: 0 }));
        }),
    };
  }

  #until(ttlMs: number): { readonly ttlMs: number; readonly expiresMs: number } {
    return { ttlMs, expiresMs: this.#folder.clock.wallMs() + ttlMs };
  }

  #isHeld({ holder, ttlMs, expiresMs }: LockRecord): boolean {
    const leftMs = expiresMs - this.#folder.clock.wallMs();
    return holder !== null && leftMs > 0 && leftMs <= ttlMs + skewMsMax;
  }

  async #read(place: Place): Promise<{ readonly record: LockRecord; readonly version: string | null }> {
    const found = await this.#folder.read(place);
    if (found === null) return { record: { fence: 0, holder: null, ttlMs: 0, expiresMs: 0 }, version: null };
    return { record: parseRecord(found.bytes, this.#folder.pathOf(place)), version: found.version };
  }

  async #write(place: Place, record: LockRecord, version: string | null): Promise<boolean> {
    const bytes = Buffer.from(JSON.stringify(record));
    return (await this.#folder.change(place, { bytes, isSecret: true, version, check: null })) !== null;
  }
}

/** Runs an operation of the store: `doing` follows "cannot". */
export type Guard = <T>(doing: string, run: () => Promise<T>) => Promise<T>;

function placeOf(name: string): Place {
  return { kind: 'locks', file: fileOfKey(name) };
}

function checkTtl(ttlMs: number): void {
  if (ttlMs > 0 && ttlMs <= ttlMsMax) return;
  throw new StoreError('SALLYPORT_STORE_ARGUMENT', `a lock lasts more than 0 and at most ${ttlMsMax} ms, got ${ttlMs}`);
}

function parseRecord(bytes: Uint8Array, path: string): LockRecord {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (isRecord(value)) return value;
  } catch {
    // As little a lock as any other value.
  }
  throw new StoreError('SALLYPORT_STORE_CORRUPT', `${path} is no lock of this store`);
}

function isRecord(value: unknown): value is LockRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const areNumbers = [fields['fence'], fields['ttlMs'], fields['expiresMs']].every((one) => Number.isFinite(one));
  return areNumbers && (fields['holder'] === null || typeof fields['holder'] === 'string');
}
