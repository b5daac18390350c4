/**
 * Plain data: what a configuration is made of, told apart from everything else a program may hand over.
 *
 * Must never do: follow a prototype. A key called `__proto__` is a key like any other, and unknown like any other.
 */
import type { Path } from './path.ts';

/** True exactly for objects that were written as `{ … }`, here or in another realm. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The value's own entry, or undefined. */
export function ownValue(value: unknown, key: string | number): unknown {
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    return typeof key === 'number' || /^\d+$/.test(key) ? list[Number(key)] : undefined;
  }
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** What lies at a path, or undefined. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(ownValue, value);
}

/** Writes one own entry; an inherited setter is never called. */
export function setOwn(record: object, key: string | number, value: unknown): void {
  Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
}

/**
 * A copy without what lies at the path. Where nothing lies there, what should contain it goes instead; inside a list the
 * whole list goes, so that no index moves. Null when that leaves nothing.
 */
export function without(value: unknown, path: Path): unknown {
  const [key, ...rest] = path;
  if (key === undefined || !isRecord(value) || !Object.hasOwn(value, key)) return null;
  const below = without(value[key], rest);
  const kept = Object.entries(value).filter(([name]) => name !== String(key));
  return Object.fromEntries(below === null ? kept : [...kept, [key, below]]);
}
