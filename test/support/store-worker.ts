/**
 * A process that uses a store until it is done or killed: `store-worker.ts <where> <id> <what> …`.
 *
 * It says what it did, or the code of what went wrong, on standard output, one line each, and begins when a line is typed to it.
 * Read first: `store-rig.ts`.
 */
import { once } from 'node:events';
import { systemClock } from '../../src/io/clock.ts';
import type { Store } from '../../src/store/store.ts';
import { openAt } from './store-rig.ts';

const [where = '', id = '', what = '', ...args] = process.argv.slice(2);

/** What can be asked of it. */
const tasks: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  /** `count <key> <times>`: adds one to a number, that many times. */
  async count(store) {
    const [key = '', times = ''] = args;
    for (let done = 0; done < Number(times);) {
      const found = await store.get(key);
      const number = found === null ? 0 : Number(textOf(found.bytes));
      const version = await store.put(key, Buffer.from(String(number + 1)), { version: found?.version ?? null });
      if (version === null) continue;
      say(`made ${number + 1}`);
      done += 1;
    }
  },
  /** `claim <prefix> <times>`: writes its id to `prefix/0` and so on, where nobody was first. */
  async claim(store) {
    const [prefix = '', times = ''] = args;
    for (let at = 0; at < Number(times); at += 1) {
      const version = await store.put(`${prefix}/${at}`, Buffer.from(id), { version: null });
      if (version !== null) say(`won ${at} ${id}`);
    }
  },
  /** `hold <lock> <ttlMs>`: takes a lock and never lets go. */
  async hold(store) {
    const [name = '', ttlMs = ''] = args;
    const lock = await store.lock(name, Number(ttlMs));
    say(`fence ${lock?.fence ?? 'none'}`);
    await new Promise((resolve) => process.stdin.once('close', resolve));
  },
  /** `scribble <key>`: writes values of one letter each, as long as it lives. */
  async scribble(store) {
    const [key = ''] = args;
    for (let round = 0; ; round += 1) {
      await store.put(key, Buffer.alloc(1_000 + (round % 7) * 40_000, 97 + (round % 26)));
      say(`wrote ${round}`);
    }
  },
  /** `put <key> <bytes>`: one value. */
  async put(store) {
    const [key = '', bytes = ''] = args;
    await store.put(key, Buffer.alloc(Number(bytes), 98));
  },
};

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

const uid = process.env['WORKER_UID'];
if (uid !== undefined) process.setuid?.(Number(uid));
try {
  const store = await openAt(where, systemClock());
  say('ready');
  await once(process.stdin, 'data');
  await tasks[what]?.(store);
  await store.close();
} catch (error) {
  say(codeOf(error));
}
process.stdin.destroy();
