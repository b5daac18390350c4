/**
 * The folder of a file store: reads values, and changes them through the gate.
 *
 * Layout: `values/` and `locks/` hold one file per key; `work/` what is being prepared; `gate/` is there while somebody
 * changes something. Decides: nothing that the contract does not; it is law 1 and 2 and the fence of law 3.
 * Must never do: leave half a value where a reader may find it. Read first: `commit-gate.ts`.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../io/clock.ts';
import { CommitGate, type Turn } from './commit-gate.ts';
import { systemCodeOf } from './store-error.ts';
import { decodeFile, encodeFile } from './stored-file.ts';
import type { StoredValue } from './store.ts';

export type StoreClock = Pick<Clock, 'nowMs' | 'wallMs' | 'arm' | 'cancel'>;

/** The folder and the file in it. */
export interface Place {
  readonly kind: 'values' | 'locks';
  readonly file: string;
}

export interface Change {
  /** Null: the value is removed. */
  readonly bytes: Uint8Array | null;
  readonly isSecret: boolean;
  /** As in `PutOptions`. */
  readonly version: string | null | undefined;
  /** Called in the turn, before anything is changed: throws where the change may not be made. */
  readonly check: (() => Promise<void>) | null;
}

export class FileFolder {
  readonly root: string;
  readonly clock: StoreClock;
  readonly #gate: CommitGate;

  constructor(root: string, clock: StoreClock) {
    this.root = root;
    this.clock = clock;
    this.#gate = new CommitGate(join(root, 'gate'), join(root, 'work'), clock);
  }

  /** Makes what is missing, and removes what killed processes left. */
  async open(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    for (const kind of ['values', 'locks', 'work'])
      await mkdir(join(this.root, kind), { recursive: true, mode: 0o700 });
    await this.#gate.sweep(this.clock.wallMs());
  }

  pathOf({ kind, file }: Place): string {
    return join(this.root, kind, file);
  }

  async read(place: Place): Promise<StoredValue | null> {
    const path = this.pathOf(place);
    try {
      return decodeFile(await readFile(path), path);
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  files(kind: Place['kind']): Promise<readonly string[]> {
    return readdir(join(this.root, kind));
  }

  /** The new version (of what was removed: the last one); null where the change was not made. */
  async change(place: Place, { bytes, isSecret, version, check }: Change): Promise<string | null> {
    const next = randomUUID();
    const prepared = bytes === null ? null : { bytes: encodeFile(bytes, next), mode: isSecret ? 0o600 : 0o644 };
    const isChanged = await this.#gate.turn(prepared, async (turn) => {
      await check?.();
      if (!(await this.#isAsExpected(place, version, bytes === null))) return false;
      await this.#make(turn, place, bytes === null);
      return true;
    });
    if (!isChanged) return null;
    await syncFolder(join(this.root, place.kind));
    return next;
  }

  async #isAsExpected(place: Place, version: string | null | undefined, isRemoval: boolean): Promise<boolean> {
    if (version === undefined && !isRemoval) return true;
    if (version === undefined) return (await this.files(place.kind)).includes(place.file);
    return ((await this.read(place))?.version ?? null) === version;
  }

  #make(turn: Turn, place: Place, isRemoval: boolean): Promise<void> {
    return isRemoval ? turn.withdraw(this.pathOf(place)) : turn.publish(this.pathOf(place));
  }
}

/** A rename survives a power cut once its folder is on the disk. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
