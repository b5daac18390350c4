/**
 * The laws of `src/store/store.ts`, executable: the same suite for every driver there is.
 *
 * Read first: `src/store/store.ts`. A law's number is in its title. What only one driver can be asked is in its own file.
 */
import { describe, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import type { StoreRig } from '../support/store-rig.ts';
import { describeStoreModel } from './store-model.ts';
import { describeStoreProcesses } from './store-processes.ts';

export const bytesOf = (text: string): Uint8Array => Buffer.from(text);
export const textAt = async (store: Store, key: string): Promise<string | null> => {
  const found = await store.get(key);
  return found === null ? null : Buffer.from(found.bytes).toString('utf8');
};
const refusal = (code: string): unknown => expect.objectContaining({ name: 'StoreError', code });

/** @param make a fresh place without values. */
export function describeStoreLaws(name: string, make: () => Promise<StoreRig>): void {
  describe(`the laws of a store: ${name}`, () => {
    describeValues(make);
    describeKeys(make);
    describeLocks(make);
    describeWatching(make);
    describeClosing(make);
    describeStoreModel(make);
    describeStoreProcesses(make);
  });
}

function describeValues(make: () => Promise<StoreRig>): void {
  test('law 1: a value is read as it was written, also empty, binary and large, by every handle', async () => {
    await using rig = await make();
    const [one, other] = [await rig.open(), await rig.open()];
    const values = [new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, at) => at), new Uint8Array(1_000_000)];
    for (const bytes of values) {
      const version = await one.put('value', bytes);
      expect(await other.get('value')).toEqual({ bytes: new Uint8Array(bytes), version });
    }
    expect(await other.get('nothing')).toBe(null);
  });

  test('law 1: the version changes at every write, also of the same bytes, and after a removal', async () => {
    await using rig = await make();
    const store = await rig.open();
    const versions = [await store.put('key', bytesOf('same')), await store.put('key', bytesOf('same'))];
    expect((await store.get('key'))?.version).toBe(versions[1]);
    await store.delete('key');
    versions.push(await store.put('key', bytesOf('same')));
    expect(new Set(versions).size).toBe(3);
  });

  test('law 2: put with a version writes only where that version still is; with null, only where nothing is', async () => {
    await using rig = await make();
    const [store, other] = [await rig.open(), await rig.open()];
    const first = await store.put('key', bytesOf('first'), { version: null });
    expect(first).not.toBe(null);
    expect(await other.put('key', bytesOf('late'), { version: null })).toBe(null);
    const second = await other.put('key', bytesOf('second'), { version: first });
    expect(await store.put('key', bytesOf('third'), { version: first })).toBe(null);
    expect(await textAt(store, 'key')).toBe('second');
    expect(await store.delete('key', first ?? '')).toBe(false);
    expect(await store.delete('key', second ?? '')).toBe(true);
    expect(await store.put('key', bytesOf('again'), { version: second })).toBe(null);
    expect(await store.delete('key')).toBe(false);
  });

  test('law 2: of any number at once exactly one wins', async () => {
    await using rig = await make();
    const stores = [await rig.open(), await rig.open(), await rig.open()];
    const version = (await stores[0]?.put('key', bytesOf('start'))) ?? null;
    const all = Array.from({ length: 4 }, (_, round) =>
      stores.map((store, at) => store.put('key', bytesOf(`${3 * round + at}`), { version })),
    );
    const answers = await Promise.all(all.flat());
    const winner = answers.findIndex((answer) => answer !== null);
    expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
    expect(await stores[0]?.get('key')).toEqual({
      bytes: new Uint8Array(bytesOf(`${winner}`)),
      version: answers[winner],
    });
  });
}

/** Longer than a file system allows for a name. */
const longKey = 'x'.repeat(300);

function describeKeys(make: () => Promise<StoreRig>): void {
  test('a list has the keys below a prefix, sorted; a prefix ends where a segment ends', async () => {
    await using rig = await make();
    const store = await rig.open();
    const keys = ['a', 'a/b', 'a/B', 'a/c/d', 'ab', 'a.b/c', 'z/*.example.com', 'a@b', '.hidden'];
    for (const key of keys) await store.put(key, bytesOf(key));
    expect(await store.list('')).toEqual(keys.toSorted());
    expect(await store.list('a')).toEqual(['a', 'a/B', 'a/b', 'a/c/d']);
    expect(await store.list('a/')).toEqual(['a/B', 'a/b', 'a/c/d']);
    expect(await store.list('nothing')).toEqual([]);
    for (const key of keys) expect(await textAt(store, key)).toBe(key);
  });

  test.each([
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    '../a',
    'a b',
    'a\\b',
    'a\0b',
    'ä',
    'a~b',
    'a+b',
    'a^b',
    longKey,
  ])('law 5: %j is no key, for no operation', async (key) => {
    await using rig = await make();
    const store = await rig.open();
    const refused = refusal('SALLYPORT_STORE_ARGUMENT');
    await expect(store.get(key)).rejects.toEqual(refused);
    await expect(store.put(key, bytesOf('x'))).rejects.toEqual(refused);
    await expect(store.delete(key)).rejects.toEqual(refused);
    await expect(store.lock(key, 1_000)).rejects.toEqual(refused);
    expect(await store.list('')).toEqual([]);
  });
}

const ttlMs = 60_000;

function describeLocks(make: () => Promise<StoreRig>): void {
  test('A05, C06: law 3: a lock has one holder at a time, and each one’s fence is greater than every one before', async () => {
    await using rig = await make();
    const stores = [await rig.open(), await rig.open()];
    const fences: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const taken = await Promise.all([...stores, ...stores].map((store) => store.lock('a/lock', ttlMs)));
      const held = taken.filter((lock) => lock !== null);
      expect(held).toHaveLength(1);
      fences.push(held[0]?.fence ?? 0);
      await held[0]?.release();
      await held[0]?.release();
    }
    expect(fences).toEqual([...new Set(fences)].toSorted((one, other) => one - other));
  });

  test('law 3: a lock is lost when its time is over; renewing prolongs it, and says when it was lost', async () => {
    await using rig = await make();
    const [store, later] = [await rig.open(), await rig.open(ttlMs + 1)];
    const lock = await store.lock('lock', ttlMs);
    expect(await lock?.renew(3 * ttlMs)).toBe(true);
    expect(await later.lock('lock', ttlMs)).toBe(null);
    expect(await lock?.renew(ttlMs)).toBe(true);
    const next = await later.lock('lock', ttlMs);
    expect(next?.fence).toBeGreaterThan(lock?.fence ?? Infinity);
    expect(await lock?.renew(ttlMs)).toBe(false);
    await lock?.release();
    expect(await later.lock('lock', ttlMs)).toBe(null);
    expect(await next?.renew(ttlMs)).toBe(true);
  });

  test('law 3: a lock whose time is over is lost, also where nobody else took it', async () => {
    await using rig = await make();
    const passed = { ms: 0 };
    const store = await rig.open(passed);
    const lock = await store.lock('lock', ttlMs);
    passed.ms = ttlMs + 1;
    expect(await lock?.renew(ttlMs)).toBe(false);
    expect(await store.lock('lock', ttlMs)).not.toBe(null);
  });

  test('law 3: a lock that a clock of the far future wrote does not hold for ever', async () => {
    await using rig = await make();
    const ahead = await (await rig.open(10 * 365 * 86_400_000)).lock('lock', ttlMs);
    const next = await (await rig.open()).lock('lock', ttlMs);
    expect(next?.fence).toBeGreaterThan(ahead?.fence ?? Infinity);
  });

  test('law 3: who writes with a fence that is not the newest is refused, and nothing is changed', async () => {
    await using rig = await make();
    const store = await rig.open();
    const old = await store.lock('lock', ttlMs);
    await old?.release();
    const fenceOf = (token: number | undefined) => ({ fence: { lock: 'lock', token: token ?? 0 } });
    await store.put('key', bytesOf('old'), fenceOf(old?.fence));
    const next = await store.lock('lock', ttlMs);
    await store.put('key', bytesOf('next'), fenceOf(next?.fence));
    const stale = store.put('key', bytesOf('stale'), fenceOf(old?.fence));
    await expect(stale).rejects.toEqual(refusal('SALLYPORT_STORE_FENCED'));
    expect(await textAt(store, 'key')).toBe('next');
  });

  test.each([0, -1, Number.NaN, Infinity])('law 5: no lock lasts %d ms', async (ms) => {
    await using rig = await make();
    const store = await rig.open();
    await expect(store.lock('lock', ms)).rejects.toEqual(refusal('SALLYPORT_STORE_ARGUMENT'));
    const lock = await store.lock('lock', ttlMs);
    await expect(lock?.renew(ms)).rejects.toEqual(refusal('SALLYPORT_STORE_ARGUMENT'));
  });

  test('locks are no values: neither listed nor read nor told', async () => {
    await using rig = await make();
    const store = await rig.open();
    await store.lock('lock', ttlMs);
    expect([await store.list(''), await store.get('lock')]).toEqual([[], null]);
  });
}

function describeWatching(make: () => Promise<StoreRig>): void {
  test('law 4: a watch tells of writes and removals by anybody below its prefix, until it is ended', async () => {
    await using rig = await make();
    const [store, other] = [await rig.open(), await rig.open()];
    await other.put('a/here', bytesOf('x'));
    const [below, all] = [new Told(), new Told()];
    const end = store.watch('a', below.tell);
    store.watch('', all.tell);
    await other.put('b', bytesOf('x'));
    await all.until('b');
    await other.put('a/new', bytesOf('x'));
    await below.until('a/new');
    await other.delete('a/here');
    await below.until('a/here');
    expect(below.keys).not.toContain('b');
    end();
    end();
    const count = below.keys.length;
    await store.put('a/last', bytesOf('x'));
    await all.until('a/last');
    expect(below.keys).toHaveLength(count);
  });
}

/** What a watch told, and a way to wait for it. */
class Told {
  readonly keys: string[] = [];
  #wake: (() => void) | null = null;
  readonly tell = (key: string): void => {
    this.keys.push(key);
    this.#wake?.();
  };
  async until(key: string): Promise<void> {
    while (!this.keys.includes(key))
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }
}

function describeClosing(make: () => Promise<StoreRig>): void {
  test('law 6: after close nothing is told, every call is refused, and what was running has ended', async () => {
    await using rig = await make();
    const [store, other] = [await rig.open(), await rig.open()];
    const [closed, open] = [new Told(), new Told()];
    store.watch('', closed.tell);
    other.watch('', open.tell);
    const lock = await store.lock('lock', ttlMs);
    let isWritten = false;
    const writing = store.put('running', bytesOf('x')).finally(() => (isWritten = true));
    await store.close();
    expect(isWritten).toBe(true);
    expect(await writing).not.toBe(null);
    const count = closed.keys.length;
    await other.put('late', bytesOf('x'));
    await open.until('late');
    expect(closed.keys).toHaveLength(count);
    const refused = refusal('SALLYPORT_STORE_CLOSED');
    const calls = [
      () => store.get('key'),
      () => store.put('key', bytesOf('x')),
      () => store.delete('key'),
      () => store.list(''),
      () => store.lock('lock', ttlMs),
      () => lock?.renew(ttlMs),
      () => lock?.release(),
    ];
    for (const call of calls) await expect(call()).rejects.toEqual(refused);
    expect(() => store.watch('', closed.tell)).toThrow('the store is closed');
    await store.close();
  });
}
