/**
 * The gate: of everybody who changes a folder's store, in any process, one at a time looks at what is there and changes it.
 *
 * How: a turn is a folder, prepared elsewhere and renamed to the gate's name, which the system does only while nothing is in
 * it. What a turn publishes is renamed out of its folder, what it withdraws is renamed into it. So a turn that lasts too
 * long, because its process died or stands still, can be ended by anybody: its folder is emptied and removed, and should its
 * owner go on, the system finds nothing to rename. Neither clocks nor process ids decide who may write, only who waits.
 * Must never do: wait for ever behind a dead process, or change anything without the turn.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../io/clock.ts';
import { StoreError, systemCodeOf } from './store-error.ts';

export type GateClock = Pick<Clock, 'nowMs' | 'arm' | 'cancel'>;

export interface Turn {
  /** The prepared file becomes `path`, in one step. */
  publish(path: string): Promise<void>;
  /** `path` is there no more, in one step. */
  withdraw(path: string): Promise<void>;
}

/** What a turn would publish. */
export interface Prepared {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** A turn needs a few milliseconds; after this long its process is taken for dead. If it is not, it tries again. */
const turnMsMax = 1_000;

/** Lost that often in a row, the turns are not lost to others: something removes our folders. */
const attemptsMax = 20;

/** Older than this, what a killed process prepared is removed. */
export const leftoverMsMax = 600_000;

export class CommitGate {
  readonly #gate: string;
  readonly #work: string;
  readonly #clock: GateClock;
  /** Those of this process stand in line here instead of at the gate. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(gate: string, work: string, clock: GateClock) {
    this.#gate = gate;
    this.#work = work;
    this.#clock = clock;
  }

  /** `act` looks and changes; where its turn was taken from it, it is called again with another one. */
  async turn<T>(prepared: Prepared | null, act: (turn: Turn) => Promise<T>): Promise<T> {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const token = randomUUID();
      try {
        await this.#prepare(token, prepared);
        const taken = this.#line.then(() => this.#take(token, act));
        this.#line = taken.catch(() => null);
        return await taken;
      } catch (error) {
        if (error !== turnLost) throw error;
      } finally {
        await rm(join(this.#work, token), { recursive: true, force: true });
      }
    }
    throw new StoreError('SALLYPORT_STORE_FAILED', `something removes what is written to ${this.#work}`);
  }

  /** What killed processes left behind. */
  async sweep(wallMs: number): Promise<void> {
    for (const name of await readdir(this.#work)) {
      const path = join(this.#work, name);
      const found = await stat(path).catch(() => null);
      if (found !== null && wallMs - found.mtimeMs > leftoverMsMax) await rm(path, { recursive: true, force: true });
    }
  }

  async #prepare(token: string, prepared: Prepared | null): Promise<void> {
    const folder = join(this.#work, token);
    await mkdir(folder, { mode: 0o700 });
    await mkdir(join(folder, token), { mode: 0o700 });
    if (prepared === null) return;
    const file = await open(join(folder, token, 'value'), 'wx', prepared.mode);
    try {
      await file.writeFile(prepared.bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #take<T>(token: string, act: (turn: Turn) => Promise<T>): Promise<T> {
    await this.#enter(token);
    const inside = join(this.#gate, token);
    try {
      return await act({
        publish: (path) => renameInTurn(join(inside, 'value'), path),
        withdraw: (path) => renameInTurn(path, join(inside, 'gone')),
      });
    } finally {
      await this.#leave(token);
    }
  }

  async #enter(token: string): Promise<void> {
    let holder: string | null = null;
    let sinceMs = this.#clock.nowMs();
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 32)) {
      if (await renameUnlessHeld(join(this.#work, token), this.#gate)) return;
      const seen = await firstIn(this.#gate);
      if (seen !== holder) {
        holder = seen;
        sinceMs = this.#clock.nowMs();
      } else if (holder !== null && this.#clock.nowMs() - sinceMs > turnMsMax) await endTurn(join(this.#gate, holder));
      await pause(this.#clock, waitMs);
    }
  }

  /** The change is made: whatever goes wrong now, whoever comes next ends this turn. */
  async #leave(token: string): Promise<void> {
    try {
      await endTurn(join(this.#gate, token));
      await rmdir(this.#gate);
    } catch {
      // An empty gate is free as well.
    }
  }
}

/** Not an error: the turn was taken from its owner, who tries again. */
const turnLost = new Error('the turn was taken');

async function renameInTurn(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    throw systemCodeOf(error) === 'ENOENT' ? turnLost : error;
  }
}

async function renameUnlessHeld(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    // Whoever swept thought that we were dead.
    throw code === 'ENOENT' ? turnLost : error;
  }
}

/**
 * Takes from a turn what it could still publish, and then the place it could withdraw to. What is withdrawn meanwhile was
 * withdrawn in its turn: it is removed in the next round.
 */
async function endTurn(folder: string): Promise<void> {
  for (;;) {
    try {
      for (const name of await readdir(folder)) await unlinkIfThere(join(folder, name));
      await rmdir(folder);
      return;
    } catch (error) {
      const code = systemCodeOf(error);
      if (code === 'ENOENT') return;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
}

async function firstIn(folder: string): Promise<string | null> {
  try {
    return (await readdir(folder))[0] ?? null;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function pause(clock: GateClock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.arm(delayMs, { onTimer: () => resolve() }, 0);
  });
}
