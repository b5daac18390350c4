/**
 * What the names of a certificate cover: themselves, and a wildcard one whole label, the first.
 *
 * Pure. Names are compared as they are: lower case, no port, no final dot. Must never do: read a certificate.
 * @see RFC 9525 §6.3
 */

/** True exactly when one of the names, wildcards among them, is or covers this name. */
export function isCovered(names: readonly string[], name: string): boolean {
  return names.some((one) => one === name || (one.startsWith('*.') && coversLabel(one.slice(1), name)));
}

/** One label and the suffix (`.example.com`); an address has no labels. */
export function coversLabel(suffix: string, name: string): boolean {
  const labelLength = name.length - suffix.length;
  return labelLength > 0 && name.endsWith(suffix) && name.indexOf('.') === labelLength;
}
