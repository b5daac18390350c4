/**
 * Where a Store under test lives: handles on it in this process and in others.
 *
 * Must never do: share a handle between tests. A driver is a case of `openAt`, so that workers can open it too.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/io/clock.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import type { StoreClock } from '../../src/store/file-folder.ts';
import type { Store } from '../../src/store/store.ts';
import { runScript, type RunningCommand } from './command.ts';

/** A number, or something that can still be changed. */
export type WallShift = number | { ms: number };

export interface StoreRig extends AsyncDisposable {
  /** `file:/…`; what a worker opens. */
  readonly where: string;
  /** Another handle on the same values. @param wallShift how far its wall clock is ahead of the others', in milliseconds */
  open(wallShift?: WallShift): Promise<Store>;
  /** Another process on the same values: see `store-worker.ts` for what it can be told. */
  worker(...args: readonly string[]): RunningCommand;
}

export function openAt(where: string, clock: StoreClock): Promise<Store> {
  if (where.startsWith('file:')) return openFileStore(where.slice('file:'.length), clock);
  throw new Error(`no driver for ${where}`);
}

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'sallyport-store-'));
}

export async function fileRig(): Promise<StoreRig & { readonly folder: string }> {
  const folder = await temporaryFolder();
  const rig = rigAt(`file:${folder}/store`);
  return {
    ...rig,
    folder: `${folder}/store`,
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The system's clock with another date. */
export function shiftedClock(wallShift: WallShift): StoreClock {
  const clock = systemClock();
  const shift = typeof wallShift === 'number' ? { ms: wallShift } : wallShift;
  return {
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs() + shift.ms,
    arm: (delayMs, target, slot) => clock.arm(delayMs, target, slot),
    cancel: (timer) => clock.cancel(timer),
  };
}

function rigAt(where: string): StoreRig {
  const opened: Store[] = [];
  const script = fileURLToPath(new URL('store-worker.ts', import.meta.url));
  return {
    where,
    async open(wallShift = 0) {
      const store = await openAt(where, shiftedClock(wallShift));
      opened.push(store);
      return store;
    },
    worker: (...args) => runScript(script, [where, randomUUID(), ...args]),
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((store) => store.close()));
    },
  };
}
