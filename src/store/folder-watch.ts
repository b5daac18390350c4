/**
 * Tells that something in a folder has changed, whoever changed it.
 *
 * Decides: nothing about what changed. Where the system has no watches left, or the folder comes and goes, it says on the
 * clock that everything may have changed. Must never do: keep the process alive, or tell anything once it is ended.
 */
import { watch, type FSWatcher } from 'node:fs';
import { basename } from 'node:path';
import type { Clock, Timer } from '../io/clock.ts';

export type WatchClock = Pick<Clock, 'arm' | 'cancel'>;

/** Where the system cannot tell us, we ask this often. */
export const pollMs = 5_000;

/** So many in a row, and the system may have dropped some: whoever listens looks at everything. */
const burstCount = 256;

/**
 * @param changed is told the name of what changed in the folder; null: look at everything. It must not throw.
 * @returns what ends the watch; idempotent
 */
export function watchFolder(folder: string, clock: WatchClock, changed: (name: string | null) => void): () => void {
  const one = new FolderWatch(folder, clock, changed);
  one.open();
  return () => one.end();
}

class FolderWatch {
  readonly #folder: string;
  readonly #clock: WatchClock;
  readonly #changed: (name: string | null) => void;
  #watcher: FSWatcher | null = null;
  #timer: Timer | null = null;
  #burst = 0;
  #isEnded = false;

  constructor(folder: string, clock: WatchClock, changed: (name: string | null) => void) {
    this.#folder = folder;
    this.#clock = clock;
    this.#changed = changed;
  }

  open(): void {
    try {
      const watcher = watch(this.#folder, { persistent: false });
      this.#watcher = watcher;
      watcher.on('change', (type, name) => this.#heard(type, String(name)));
      watcher.on('error', () => this.#lost());
    } catch {
      this.#lost();
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#watcher?.close();
    if (this.#timer !== null) this.#clock.cancel(this.#timer);
  }

  onTimer(): void {
    this.#timer = null;
    this.open();
    if (!this.#isEnded) this.#changed(null);
  }

  #heard(type: string, name: string): void {
    if (this.#isEnded) return;
    this.#changed(name);
    this.#burst += 1;
    if (this.#burst === 1) setImmediate(() => this.#quiet());
    // The folder itself was moved or removed: this watch sees nothing any more.
    if (type === 'rename' && name === basename(this.#folder)) this.#lost();
  }

  #quiet(): void {
    const hasOverflowed = this.#burst >= burstCount;
    this.#burst = 0;
    if (hasOverflowed && !this.#isEnded) this.#changed(null);
  }

  #lost(): void {
    this.#watcher?.close();
    this.#watcher = null;
    if (!this.#isEnded && this.#timer === null) this.#timer = this.#clock.arm(pollMs, this, 0);
  }
}
