/**
 * The one form in which request paths are compared, and the query beside it.
 *
 * Decides: an escaped unreserved character stands for itself; every other escape stays, in upper-case hex, so `%2F` is
 * never a slash; a byte that no path may hold raw is escaped; empty segments are merged; `.` and `..` are resolved.
 * A path that servers read in different ways is malformed, because what is forwarded is the bytes as they came: control
 * bytes, a broken escape, `..` above the root or after an empty segment, dot segments beside `;` or an escaped slash.
 * Kept apart: `/a` and `/a/`, upper and lower case, `;parameters`, reserved characters and their escapes (RFC 3986 §2.2).
 * Must never do: change a path that is in the form already (the form is a fixed point).
 * @see RFC 3986 §5.2.4, §6.2.2
 */

export type NormalTarget =
  | {
      readonly malformed: null;
      /** `*`, or a path with its leading slash. */
      readonly path: string;
      /** As it came, without its `?`; '' when there is none. */
      readonly query: string;
    }
  /** One clause, lower case, no full stop, nothing that the client sent. */
  | { readonly malformed: string };

/** @param target in origin-form or `*`, one character a byte. */
export function normalisePath(target: string): NormalTarget {
  if (target.charCodeAt(0) !== slash) {
    return target === '*' ? asterisk : { malformed: 'the target neither starts with a slash nor is an asterisk' };
  }
  let end = 0;
  let isNormal = true;
  let before = 0;
  for (; end < target.length; end += 1) {
    const code = target.charCodeAt(end);
    const kind = kinds[code] ?? refused;
    if (kind === ending) break;
    if (kind === refused) return { malformed: 'the path holds a byte that no path may hold' };
    if (kind === special || (before === slash && (code === slash || code === dot))) isNormal = false;
    before = code;
  }
  const query = end < target.length ? target.slice(end + 1) : '';
  const path = end < target.length ? target.slice(0, end) : target;
  if (isNormal) return { malformed: null, path, query };
  const escaped = normaliseEscapes(path);
  if (escaped === null) return { malformed: 'the path holds a broken escape, or that of a control byte' };
  return resolveSegments(escaped, query);
}

/** Text as people write it (a configuration, a question), with everything beyond ASCII escaped as UTF-8. */
export function escapeBeyondAscii(text: string): string {
  return text.replaceAll(/\p{Cs}/gu, '\uFFFD').replaceAll(/\P{ASCII}+/gu, encodeURIComponent);
}

/** `%XX` of one byte. */
export function escapeOf(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

const slash = 0x2f;
const dot = 0x2e;
const asterisk: NormalTarget = { malformed: null, path: '*', query: '' };

const plain = 0;
/** An escape, or a byte that has to become one. */
const special = 1;
const ending = 2;
const refused = 3;

const unreserved = /[A-Za-z0-9._~-]/;
const rawInPaths = /[A-Za-z0-9._~!$&'()*+,;=:@/-]/;

/** What each byte of a raw path means; no byte is beyond 255, so a longer character is refused too. */
const kinds: readonly number[] = Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (character === '?') return ending;
  if (code <= 0x20 || code === 0x7f || character === '#') return refused;
  return rawInPaths.test(character) ? plain : special;
});

/** Null where an escape is broken, or hides a control byte. */
function normaliseEscapes(path: string): string | null {
  let isBroken = false;
  const text = path.replaceAll(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~!$&'()*+,;=:@/-]/g, (found) => {
    if (found.length === 1) {
      if (found === '%') isBroken = true;
      return escapeOf(found);
    }
    const code = Number.parseInt(found.slice(1), 16);
    if (code < 0x20 || code === 0x7f) isBroken = true;
    const character = String.fromCharCode(code);
    return unreserved.test(character) ? character : escapeOf(character);
  });
  return isBroken ? null : text;
}

/** A dot segment that only some servers see: with parameters (`..;x`), or behind an escaped slash or backslash (`..%2F`). */
const hiddenDots = /(?:^|%2F|%5C)\.{1,2}(?:;|%3B|%2F|%5C|$)/;
/** A segment that servers do not agree to be one, so that none may be taken back by `..`. */
const unclearSegment = /^(?:;|%3B|$)|%2F|%5C/;

function resolveSegments(path: string, query: string): NormalTarget {
  const kept: string[] = [];
  const segments = path.split('/');
  let last = '';
  for (let index = 1; index < segments.length; index += 1) {
    last = segments[index] ?? '';
    if (last === '.') continue;
    if (last !== '..') {
      if (hiddenDots.test(last)) return { malformed: 'the path hides a dot segment' };
      kept.push(last);
      continue;
    }
    const taken = kept.pop();
    if (taken === undefined) return { malformed: 'the path leads above its root' };
    if (unclearSegment.test(taken)) return { malformed: 'a dot segment follows what is not clearly a segment' };
  }
  const joined = kept.filter((segment) => segment !== '').join('/');
  const endsInSlash = joined !== '' && (last === '' || last === '.' || last === '..');
  return { malformed: null, path: `/${joined}${endsInSlash ? '/' : ''}`, query };
}
