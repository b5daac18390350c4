/**
 * The Store contract on a folder: between all processes that have it open, on one machine.
 *
 * Decides: what is refused, and which code a failure has. Must never do: block the event loop, leave a handle open after
 * `close`, or answer a value that was not written whole.
 * Read first: `store.ts`, the laws; then `commit-gate.ts`, why two processes cannot both win.
 */
import { resolve } from 'node:path';
import { FileFolder, type StoreClock } from './file-folder.ts';
import { FileLocks } from './file-locks.ts';
import { watchFolder } from './folder-watch.ts';
import { fileOfKey, isBelow, keyOfFile } from './keys.ts';
import { StoreError, storeErrorOf } from './store-error.ts';
import type { PutOptions, Store, StoredValue, StoreLock } from './store.ts';

export interface FileStore extends Store {
  /** The file that holds a value, for people who want to point another program at it. */
  pathOf(key: string): string;
}

/**
 * @param path of the folder; it is made where it is not there, with 0700
 * @throws StoreError where the folder cannot be used
 */
export async function openFileStore(path: string, clock: StoreClock): Promise<FileStore> {
  const folder = new FileFolder(resolve(path), clock);
  try {
    await folder.open();
  } catch (error) {
    throw storeErrorOf(error, `keep anything in ${folder.root}`);
  }
  return new FolderStore(folder);
}

interface Watch {
  readonly prefix: string;
  readonly changed: (key: string) => void;
}

class FolderStore implements FileStore {
  readonly #folder: FileFolder;
  readonly #locks: FileLocks;
  readonly #running = new Set<Promise<unknown>>();
  readonly #watches = new Set<Watch>();
  /** Keys that were there while somebody watches. */
  readonly #known = new Set<string>();
  #endWatch: (() => void) | null = null;
  #isClosed = false;

  constructor(folder: FileFolder) {
    this.#folder = folder;
    this.#locks = new FileLocks(folder);
  }

  pathOf(key: string): string {
    return this.#folder.pathOf({ kind: 'values', file: fileOfKey(key) });
  }

  get(key: string): Promise<StoredValue | null> {
    return this.#run(`read ${key}`, () => this.#folder.read({ kind: 'values', file: fileOfKey(key) }));
  }

  put(key: string, bytes: Uint8Array, { version, fence, isSecret = false }: PutOptions = {}): Promise<string | null> {
    const check = fence === undefined ? null : () => this.#locks.check(fence.lock, fence.token);
    return this.#run(`write ${key}`, () =>
      this.#folder.change({ kind: 'values', file: fileOfKey(key) }, { bytes, isSecret, version, check }),
    );
  }

  delete(key: string, version?: string): Promise<boolean> {
    return this.#run(`remove ${key}`, async () => {
      const change = { bytes: null, isSecret: false, version, check: null };
      return (await this.#folder.change({ kind: 'values', file: fileOfKey(key) }, change)) !== null;
    });
  }

  list(prefix: string): Promise<readonly string[]> {
    return this.#run(`list ${prefix}`, async () => {
      const keys = (await this.#folder.files('values')).map(keyOfFile).filter((key) => key !== null);
      return keys.filter((key) => isBelow(prefix, key)).toSorted(byCodeUnit);
    });
  }

  lock(name: string, ttlMs: number): Promise<StoreLock | null> {
    const guard = <T>(doing: string, run: () => Promise<T>): Promise<T> => this.#run(doing, run);
    return this.#run(`lock ${name}`, () => this.#locks.take(name, ttlMs, guard));
  }

  watch(prefix: string, changed: (key: string) => void): () => void {
    this.#refuseClosed();
    const one: Watch = { prefix, changed };
    this.#watches.add(one);
    if (this.#endWatch === null) {
      const values = this.#folder.pathOf({ kind: 'values', file: '' });
      this.#endWatch = watchFolder(values, this.#folder.clock, (file) => this.#heard(file));
      void this.#keys().then((keys) => this.#knows(keys));
    }
    return () => {
      this.#watches.delete(one);
      if (this.#watches.size === 0) this.#unwatch();
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watches.clear();
    this.#unwatch();
    await Promise.allSettled(this.#running);
  }

  #heard(file: string | null): void {
    if (file === null) {
      void this.#tellAll();
      return;
    }
    const key = keyOfFile(file);
    if (key === null) return;
    this.#known.add(key);
    this.#tell(key);
  }

  #tell(key: string): void {
    for (const { prefix, changed } of this.#watches) if (isBelow(prefix, key)) changed(key);
  }

  /** Something was missed: all that is there may have changed, and all that was there may be gone. */
  async #tellAll(): Promise<void> {
    const keys = await this.#keys();
    const mayHaveChanged = new Set([...this.#known, ...keys]);
    this.#known.clear();
    this.#knows(keys);
    for (const key of mayHaveChanged) this.#tell(key);
  }

  /** While the folder cannot be read there is nothing to tell; the watch goes on asking. */
  #keys(): Promise<readonly string[]> {
    return this.list('').catch(() => []);
  }

  #knows(keys: readonly string[]): void {
    if (this.#endWatch !== null) for (const key of keys) this.#known.add(key);
  }

  #unwatch(): void {
    this.#endWatch?.();
    this.#endWatch = null;
    this.#known.clear();
  }

  async #run<T>(doing: string, run: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    const running = run();
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw storeErrorOf(error, doing);
    } finally {
      this.#running.delete(running);
    }
  }

  #refuseClosed(): void {
    if (this.#isClosed) throw new StoreError('SALLYPORT_STORE_CLOSED', 'the store is closed');
  }
}

/** The same order everywhere, whatever the language of the system. */
function byCodeUnit(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
