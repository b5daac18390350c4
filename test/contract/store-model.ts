/**
 * A store against a Map: any sequence of operations has the answers that a Map with versions would give.
 *
 * Part of the laws of a store: see `store-laws.ts`.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { runs, seed } from '../support/fuzz.ts';
import type { StoreRig } from '../support/store-rig.ts';

type Held = 'the newest' | 'an older one' | 'nothing' | 'any';

interface Step {
  readonly what: 'get' | 'put' | 'delete' | 'list';
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Which version the caller believes in. */
  readonly held: Held;
  /** Which of two handles is used. */
  readonly handle: 0 | 1;
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    what: fc.constantFrom('get', 'put', 'put', 'put', 'delete', 'list'),
    key: fc.constantFrom('a', 'A', 'a/b', '*.b/c', 'a.b'),
    bytes: fc.uint8Array({ maxLength: 64 }),
    held: fc.constantFrom('the newest', 'an older one', 'nothing', 'any'),
    handle: fc.constantFrom(0, 1),
  }),
  { minLength: 4, maxLength: 16 },
);

export function describeStoreModel(make: () => Promise<StoreRig>): void {
  test('laws 1 and 2: any sequence of operations, by two handles, has the answers of a map with versions', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        await using rig = await make();
        const [one, other] = [await rig.open(), await rig.open()];
        const model = new Model();
        for (const step of sequence) await model.compare(step.handle === 0 ? one : other, step);
      }),
      { seed: seed(), numRuns: runs(25) },
    );
  });
}

class Model {
  readonly #values = new Map<string, { readonly bytes: Uint8Array; readonly version: string }>();
  readonly #older = new Map<string, string>();

  async compare(store: Store, { what, key, bytes, held }: Step): Promise<void> {
    const now = this.#values.get(key);
    if (what === 'get') {
      expect(await store.get(key)).toEqual(now ?? null);
      return;
    }
    if (what === 'list') {
      expect(await store.list('a')).toEqual(
        [...this.#values.keys()].filter((one) => /^a(?:\/|$)/.test(one)).toSorted(),
      );
      return;
    }
    const version = this.#believed(key, held);
    if (what === 'put') {
      const written = await store.put(key, bytes, version === undefined ? {} : { version });
      expect(written !== null).toBe(version === undefined || version === (now?.version ?? null));
      if (written !== null) this.#wrote(key, bytes, written);
    } else await this.#remove(store, key, version ?? undefined);
  }

  async #remove(store: Store, key: string, version: string | undefined): Promise<void> {
    const now = this.#values.get(key);
    const isRemoved = await store.delete(key, version);
    expect(isRemoved).toBe(now !== undefined && (version === undefined || version === now.version));
    if (isRemoved) this.#forget(key);
  }

  #believed(key: string, held: Held): string | null | undefined {
    if (held === 'any') return undefined;
    if (held === 'nothing') return null;
    return (held === 'the newest' ? this.#values.get(key)?.version : this.#older.get(key)) ?? 'never written';
  }

  #wrote(key: string, bytes: Uint8Array, version: string): void {
    this.#forget(key);
    this.#values.set(key, { bytes, version });
  }

  #forget(key: string): void {
    const now = this.#values.get(key);
    if (now !== undefined) this.#older.set(key, now.version);
    this.#values.delete(key);
  }
}
