/**
 * The account at one CA: its key in the store, made once whoever comes first, and its URL.
 *
 * Decides: that one directory and one external binding have one account. Must never do: register twice with two keys; a
 * key that is not in the store is never used.
 * Read first: `../store/store.ts`; RFC 8555 §7.3.
 */
import type { Store } from '../store/store.ts';
import { acmeError, recordOf } from './acme-error.ts';
import { parsed } from './acme-transport.ts';

export interface AcmeAccount {
  /** PEM. */
  readonly key: string;
  /** Null until the CA has said it. */
  readonly url: string | null;
}

/**
 * The account that is in the store, or a new one that nobody else was faster with.
 * @param makeKey asked only where there is none
 */
export async function keptAccount(store: Store, place: string, makeKey: () => Promise<string>): Promise<AcmeAccount> {
  const found = await store.get(place);
  if (found !== null) return read(found.bytes, place);
  const made: AcmeAccount = { key: await makeKey(), url: null };
  // Of any number of processes exactly one is first; the others take its key.
  if ((await store.put(place, written(made), { version: null, isSecret: true })) !== null) return made;
  const winner = await store.get(place);
  if (winner === null) throw acmeError('store', `the account ${place} went away while it was being made`);
  return read(winner.bytes, place);
}

/** What the CA said is the account's URL; null forgets it. */
export async function keepAccountUrl(store: Store, place: string, url: string | null): Promise<void> {
  const found = await store.get(place);
  if (found === null) return;
  const account = read(found.bytes, place);
  await store.put(place, written({ ...account, url }), { version: found.version, isSecret: true });
}

function written(account: AcmeAccount): Uint8Array {
  return Buffer.from(JSON.stringify({ format: 1, ...account }));
}

function read(bytes: Uint8Array, place: string): AcmeAccount {
  const { format, key, url } = recordOf(parsed(Buffer.from(bytes).toString('utf8')));
  if (format === 1 && typeof key === 'string' && (typeof url === 'string' || url === null)) return { key, url };
  throw acmeError('store', `${place} in the store is no account of ours`);
}
