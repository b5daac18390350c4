/**
 * XState takes its types as phantom values (`types: { context: … }`). This is the one place that makes such a value:
 * nothing at run time, a type for the compiler.
 */

export function typed<T>(): T;
export function typed(): undefined {
  return undefined;
}
