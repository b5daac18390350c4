/**
 * Which fields are no end-to-end fields: what frames, routes or holds a connection, and is a part of the head's own.
 *
 * Decides by the bytes of a name, in any case. Must never do: allocate.
 * @see RFC 9110 §7.6.1, RFC 9113 §8.2.2
 */
export const endToEnd = 0;
export const hostField = 1;
export const lengthField = 2;
export const codingField = 3;
export const connectionField = 4;
export const upgradeField = 5;
export const acceptsField = 6;
export const expectField = 7;
/** Keep-Alive, Proxy-Connection, HTTP2-Settings: dropped, whatever they say. */
export const droppedField = 8;

interface Special {
  readonly name: string;
  readonly kind: number;
}

const specials: readonly Special[] = [
  { name: 'host', kind: hostField },
  { name: 'content-length', kind: lengthField },
  { name: 'transfer-encoding', kind: codingField },
  { name: 'connection', kind: connectionField },
  { name: 'upgrade', kind: upgradeField },
  { name: 'te', kind: acceptsField },
  { name: 'expect', kind: expectField },
  { name: 'keep-alive', kind: droppedField },
  { name: 'proxy-connection', kind: droppedField },
  { name: 'http2-settings', kind: droppedField },
];

const lengthMax = 17;
const none: readonly Special[] = [];

/** By length, because most names are told apart by nothing more. */
const specialsOfLength: readonly (readonly Special[])[] = Array.from({ length: lengthMax + 1 }, (_, length) => {
  const found = specials.filter(({ name }) => name.length === length);
  return found.length === 0 ? none : found;
});

/** The kind of the field whose name lies between `start` and `end`. */
export function fieldKind(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > lengthMax) return endToEnd;
  const candidates = specialsOfLength[length] ?? none;
  for (let index = 0; index < candidates.length; index += 1) {
    const candidate = candidates[index];
    if (candidate !== undefined && isNamed(bytes, start, candidate.name)) return candidate.kind;
  }
  return endToEnd;
}

/** `text` has letters, digits and hyphens only, in lower case, and as many as there are bytes; the bytes are a token. */
function isNamed(bytes: Uint8Array, start: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const byte = bytes[start + index] ?? 0;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    if (lower !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** True exactly when a field of this name, in any case, is a part of the head's own and never an end-to-end field. */
export function isHopByHop(name: string): boolean {
  if (name.length > lengthMax) return false;
  const candidates = specialsOfLength[name.length] ?? none;
  for (let index = 0; index < candidates.length; index += 1) {
    const candidate = candidates[index];
    if (candidate !== undefined && isTheName(name, candidate.name)) return true;
  }
  return false;
}

/** Both are equally long. */
function isTheName(name: string, lower: string): boolean {
  // Only the two cases of a letter differ in this bit alone; a hyphen has it set.
  for (let index = 0; index < lower.length; index += 1) {
    if ((name.charCodeAt(index) | 0x20) !== lower.charCodeAt(index)) return false;
  }
  return true;
}
