/**
 * How a value lies in its file: its bytes first, so that other programs can read a certificate where it is, then one line
 * with the version and the length.
 *
 * Decides: what a whole value is. Must never do: answer bytes that are not exactly what was written.
 */
import { StoreError } from './store-error.ts';
import type { StoredValue } from './store.ts';

const trailer = /^\n# sallyport 1 ([0-9a-f-]{36}) ([0-9]{12})\n$/;
const trailerBytes = 65;

export function encodeFile(bytes: Uint8Array, version: string): Buffer {
  return Buffer.concat([bytes, Buffer.from(`\n# sallyport 1 ${version} ${String(bytes.length).padStart(12, '0')}\n`)]);
}

/** @throws StoreError for a file that is not whole, or not ours */
export function decodeFile(file: Buffer, path: string): StoredValue {
  const length = file.length - trailerBytes;
  const [, version, written] = trailer.exec(file.subarray(Math.max(0, length)).toString('latin1')) ?? [];
  if (version === undefined || Number(written) !== length)
    throw new StoreError(
      'SALLYPORT_STORE_CORRUPT',
      `${path} is not a whole value of this store: restore it from a backup, or remove it`,
    );
  return { bytes: new Uint8Array(file.subarray(0, length)), version };
}
