/**
 * Keys, and the names of the files that hold their values.
 *
 * Decides: what a key is, and which file it has: one folder for all, so that one watch sees every change. Must never do:
 * let two keys share a file, also where the file system does not tell capitals from small letters; let a key leave the
 * folder.
 */
import { StoreError } from './store-error.ts';

const segment = /^[A-Za-z0-9._*@-]+$/;

/** What file systems allow for one name. */
const fileNameBytesMax = 255;

/** @throws StoreError for what is no key */
export function fileOfKey(key: string): string {
  const isKey = key.split('/').every((part) => segment.test(part) && part !== '.' && part !== '..');
  if (!isKey)
    throw new StoreError(
      'SALLYPORT_STORE_ARGUMENT',
      `a key is segments of letters, digits and . _ * @ - joined by "/", got ${JSON.stringify(key.slice(0, 80))}`,
    );
  const file = key.replaceAll(/[A-Z/*.]/g, (char, at: number) => writtenAs(char, at));
  if (file.length > fileNameBytesMax)
    throw new StoreError('SALLYPORT_STORE_ARGUMENT', `the key ${key.slice(0, 80)}… is too long`);
  return file;
}

/** Null for a file that holds no value of ours. */
export function keyOfFile(file: string): string | null {
  if (!/^(?:[a-z0-9._@~+-]|\^[a-z.])+$/.test(file)) return null;
  const key = file.replaceAll(/\^(.)|~|\+/g, (mark, char: string | undefined) => {
    if (char !== undefined) return char.toUpperCase();
    return mark === '~' ? '/' : '*';
  });
  return isFileOf(key, file) ? key : null;
}

/** A prefix names a folder: `a` has `a` and `a/b` below it, not `ab`; the empty one has everything. */
export function isBelow(prefix: string, key: string): boolean {
  return prefix === '' || key === prefix || key.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}

/** Signs that no key has stand for what a file name should not have: a leading dot would hide the file. */
function writtenAs(char: string, at: number): string {
  if (char === '/') return '~';
  if (char === '*') return '+';
  if (char === '.') return at === 0 ? '^.' : '.';
  return `^${char.toLowerCase()}`;
}

function isFileOf(key: string, file: string): boolean {
  try {
    return fileOfKey(key) === file;
  } catch {
    return false;
  }
}
