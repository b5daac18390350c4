/**
 * Field lines up to the empty line, byte by byte: where each name and value begins and ends, and of which kind it is.
 *
 * Decides what a field line is: a token, a colon, a value without control bytes, CR LF. No folding, no blank before the
 * colon, no bare CR or LF. Judges every byte once and in order, so however the bytes are cut the verdict is the same.
 * Must never do: look at or beyond `end`, make a string, or read a position again.
 * @see RFC 9112 §5, RFC 9110 §5.1 and §5.5
 */
import type { HttpProblem } from '../http/message.ts';
import {
  blank,
  carriageReturn,
  colon,
  horizontalTab,
  inPlainName,
  inToken,
  inValue,
  kinds,
  lineFeed,
  underscore,
} from './byte-kinds.ts';
import { codingField, fieldKind, lengthField } from './field-kinds.ts';
import type { SharedProblems } from './problems.ts';

/** What a scan answers when it is not the index after the section. */
export const ranOut = -1;
export const refused = -2;

const phaseName = 0;
const phaseValue = 1;
const phaseLineEnd = 2;
const phaseSectionEnd = 3;

/** Numbers of one field: start and end of the name, start and end of the value, kind. From the section's first byte on. */
export const offsetsPerField = 5;

/** A section is nearly always scanned in one call, so nearly always this is the only array there is. */
let shared = new Int32Array(offsetsPerField * 128);

export class FieldScanner {
  /** See `offsetsPerField`. Valid until the next scan of any scanner, unless the section ran out. */
  offsets: Int32Array = shared;
  count = 0;
  /** True exactly when a name of this section has an underscore. */
  hasUnderscore = false;
  /** Set exactly when `scan` answered `refused`. */
  problem: HttpProblem | null = null;
  readonly #problems: SharedProblems;
  readonly #tooMany: HttpProblem;
  readonly #fieldsMax: number;
  #own: Int32Array | null = null;
  #phase = phaseName;
  /** From the section's first byte on. */
  #at = 0;
  #start = 0;

  constructor(problems: SharedProblems, tooMany: HttpProblem, fieldsMax: number) {
    this.#problems = problems;
    this.#tooMany = tooMany;
    this.#fieldsMax = fieldsMax;
  }

  /** A new section, whose field lines begin `at` bytes after its first byte. */
  reset(at: number): void {
    this.#own = null;
    this.count = 0;
    this.hasUnderscore = false;
    this.#phase = phaseName;
    this.#at = at;
    this.#start = at;
  }

  /**
   * @param base where the section begins. @param end where the bytes end that may be looked at.
   * @returns the index after the empty line; `ranOut`; or `refused`.
   */
  scan(bytes: Uint8Array, base: number, end: number): number {
    if (shared.length < this.#fieldsMax * offsetsPerField) shared = new Int32Array(this.#fieldsMax * offsetsPerField);
    this.offsets = this.#own ?? shared;
    let at = base + this.#at;
    if (this.#phase === phaseName && this.#at === this.#start) {
      at = this.#scanCleanLines(bytes, base, at, end);
      this.#start = at - base;
    }
    while (at < end) {
      if (this.#phase === phaseName) at = this.#scanName(bytes, base, at, end);
      else if (this.#phase === phaseValue) at = this.#scanValue(bytes, base, at, end);
      else if (bytes[at] !== lineFeed) at = this.#refuse(this.#problems.lineEnd);
      else if (this.#phase === phaseSectionEnd) return at + 1;
      else {
        at += 1;
        this.#phase = phaseName;
        this.#start = at - base;
      }
      if (at === refused) return refused;
    }
    this.#at = at - base;
    this.#keep();
    return ranOut;
  }

  /**
   * Takes lines that are complete and clean and have no underscore in the name, which is nearly all there is, and leaves everything else to the phases.
   * @returns the index of the first line that it did not take.
   */
  #scanCleanLines(bytes: Uint8Array, base: number, from: number, end: number): number {
    const { offsets } = this;
    const last = this.#fieldsMax * offsetsPerField;
    let line = from;
    for (let offset = this.count * offsetsPerField; offset < last; offset += offsetsPerField) {
      const colonAt = endOf(bytes, line, end, inPlainName);
      if (colonAt === line || colonAt === end || bytes[colonAt] !== colon) break;
      const at = endOf(bytes, colonAt + 1, end, inValue);
      if (at + 1 >= end || bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) break;
      offsets[offset] = line - base;
      offsets[offset + 1] = colonAt - base;
      offsets[offset + 4] = fieldKind(bytes, line, colonAt);
      this.#trimValue(bytes, base, colonAt + 1, at);
      line = at + 2;
    }
    return line;
  }

  /** Notes where the value between two indices begins and ends without blanks; the field is complete. */
  #trimValue(bytes: Uint8Array, base: number, from: number, to: number): void {
    const offset = this.count * offsetsPerField;
    const kind = this.offsets[offset + 4];
    // Readers exist that refuse or misread a tab around what frames the message, so there it stays, and is refused.
    const tab = kind === lengthField || kind === codingField ? blank : horizontalTab;
    let start = from;
    let last = to;
    while (start < last && (bytes[start] === blank || bytes[start] === tab)) start += 1;
    while (last > start && (bytes[last - 1] === blank || bytes[last - 1] === tab)) last -= 1;
    this.offsets[offset + 2] = start - base;
    this.offsets[offset + 3] = last - base;
    this.count += 1;
  }

  #scanName(bytes: Uint8Array, base: number, from: number, end: number): number {
    const start = base + this.#start;
    let at = endOf(bytes, from, end, inPlainName);
    if (at < end && bytes[at] === underscore) {
      this.hasUnderscore = true;
      at = endOf(bytes, at, end, inToken);
    }
    if (at > start && this.count === this.#fieldsMax) return this.#refuse(this.#tooMany);
    if (at === end) return end;
    const byte = bytes[at];
    if (at === start) return this.#scanNoName(byte, at);
    if (byte !== colon) return this.#refuse(this.#problems.name);
    const offset = this.count * offsetsPerField;
    this.offsets[offset] = this.#start;
    this.offsets[offset + 1] = at - base;
    this.offsets[offset + 4] = fieldKind(bytes, start, at);
    this.#phase = phaseValue;
    this.#start = at + 1 - base;
    return at + 1;
  }

  /** A line that begins with no token: the empty line, or none that is allowed. */
  #scanNoName(byte: number | undefined, at: number): number {
    if (byte === carriageReturn) {
      this.#phase = phaseSectionEnd;
      return at + 1;
    }
    if (byte === lineFeed) return this.#refuse(this.#problems.lineEnd);
    return this.#refuse(byte === blank || byte === horizontalTab ? this.#problems.folded : this.#problems.name);
  }

  #scanValue(bytes: Uint8Array, base: number, from: number, end: number): number {
    const at = endOf(bytes, from, end, inValue);
    if (at === end) return end;
    const byte = bytes[at];
    if (byte !== carriageReturn) return this.#refuse(byte === lineFeed ? this.#problems.lineEnd : this.#problems.value);
    this.#trimValue(bytes, base, base + this.#start, at);
    this.#phase = phaseLineEnd;
    return at + 1;
  }

  /** The section goes on in another call, before which others may have scanned. */
  #keep(): void {
    if (this.#own !== null) return;
    this.#own = new Int32Array(this.#fieldsMax * offsetsPerField);
    this.#own.set(shared.subarray(0, this.#own.length));
  }

  #refuse(problem: HttpProblem): number {
    this.problem = problem;
    return refused;
  }
}

/** The index of the first byte that is not of the kind. */
function endOf(bytes: Uint8Array, from: number, end: number, kind: number): number {
  let at = from;
  while (at < end && ((kinds[bytes[at] ?? 0] ?? 0) & kind) !== 0) at += 1;
  return at;
}
