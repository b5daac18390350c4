/**
 * What a store throws, and what the system's codes mean to it.
 *
 * Decides: which stable code a failure of the file system has. Must never do: name a value; keys and paths may be told.
 * Read first: `../errors.ts`, the registry.
 */
import { ProxyError, type ErrorCode } from '../errors.ts';

export type StoreErrorCode = Extract<ErrorCode, `SALLYPORT_STORE_${string}`>;

export class StoreError extends ProxyError {
  constructor(code: StoreErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options);
    this.name = 'StoreError';
  }
}

/** @param doing what was tried, as it follows "cannot": `write account/key` */
export function storeErrorOf(error: unknown, doing: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = systemCodeOf(error);
  const { code: ours, why } = meanings.get(code ?? '') ?? { code: 'SALLYPORT_STORE_FAILED', why: null };
  const detail = error instanceof Error ? error.message : String(error);
  return new StoreError(ours, `cannot ${doing}: ${why === null ? detail : `${why} (${detail})`}`, { cause: error });
}

/** `ENOENT` and its like; null for what is no failure of the system. */
export function systemCodeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

interface Meaning {
  readonly code: StoreErrorCode;
  readonly why: string;
}

const full: Meaning = { code: 'SALLYPORT_STORE_FULL', why: 'there is no space left' };
const denied: Meaning = { code: 'SALLYPORT_STORE_DENIED', why: 'this process may not' };
const inTheWay: Meaning = { code: 'SALLYPORT_STORE_IN_THE_WAY', why: 'something else has that name' };

const meanings: ReadonlyMap<string, Meaning> = new Map([
  ['ENOSPC', full],
  ['EDQUOT', full],
  ['EFBIG', full],
  ['EACCES', denied],
  ['EPERM', denied],
  ['EROFS', denied],
  ['ENOTDIR', inTheWay],
  ['EISDIR', inTheWay],
  ['EEXIST', inTheWay],
  ['ENOTEMPTY', inTheWay],
]);
