/**
 * The line before a chunk: its size in hexadecimal digits, and chunk extensions, which are understood and dropped.
 *
 * Decides what is a size: 1 to 13 digits and nothing around them, so that no reader can see another number. Extensions
 * are `;name`, `;name=token` or `;name="text"` without blanks. The line has at most 256 bytes.
 * Must never do: skip a byte that it does not understand.
 * @see RFC 9112 §7.1.1
 */
import type { HttpProblem } from '../http/message.ts';
import {
  backslash,
  carriageReturn,
  doubleQuote,
  equalsSign,
  inToken,
  inValue,
  isHexDigit,
  kinds,
  lineFeed,
  semicolon,
} from './byte-kinds.ts';
import { ranOut, refused } from './field-scanner.ts';
import type { SharedProblems } from './problems.ts';

const lineBytesMax = 256;
const digitsMax = 13;

const phaseDigits = 0;
const phaseNameStart = 1;
const phaseName = 2;
const phaseTextStart = 3;
const phaseToken = 4;
const phaseQuoted = 5;
const phaseEscaped = 6;
const phaseQuotedEnd = 7;
const phaseLineFeed = 8;
/** Not a place in the line: the byte does not belong there. */
const phaseWrong = 9;

export class ChunkSizeLine {
  size = 0;
  problem: HttpProblem | null = null;
  readonly #problems: SharedProblems;
  #phase = phaseDigits;
  #digits = 0;
  #lineBytes = 0;

  constructor(problems: SharedProblems) {
    this.#problems = problems;
  }

  reset(): void {
    this.size = 0;
    this.#phase = phaseDigits;
    this.#digits = 0;
    this.#lineBytes = 0;
  }

  /** @returns the index after the line; `ranOut`; or `refused`. */
  scan(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (this.#phase === phaseLineFeed) return byte === lineFeed ? at + 1 : this.#refuse(this.#problems.chunkLine);
      this.#lineBytes += 1;
      const kind = kinds[byte] ?? 0;
      if (this.#phase !== phaseDigits) {
        this.#phase = nextPhase(this.#phase, byte, kind);
      } else if ((kind & isHexDigit) !== 0) {
        this.#digits += 1;
        this.size = this.size * 16 + hexValue(byte);
        if (this.#digits > digitsMax) return this.#refuse(this.#problems.chunkSize);
      } else {
        if (this.#digits === 0) return this.#refuse(this.#problems.chunkSize);
        this.#phase = behindPart(byte);
      }
      if (this.#phase === phaseWrong) return this.#refuse(this.#problems.chunkLine);
      if (this.#lineBytes > lineBytesMax && this.#phase !== phaseLineFeed)
        return this.#refuse(this.#problems.chunkLine);
    }
    return ranOut;
  }

  #refuse(problem: HttpProblem): number {
    this.problem = problem;
    return refused;
  }
}

function nextPhase(phase: number, byte: number, kind: number): number {
  switch (phase) {
    case phaseNameStart:
      return (kind & inToken) === 0 ? phaseWrong : phaseName;
    case phaseName:
      if ((kind & inToken) !== 0) return phaseName;
      return byte === equalsSign ? phaseTextStart : behindPart(byte);
    case phaseTextStart:
      if (byte === doubleQuote) return phaseQuoted;
      return (kind & inToken) === 0 ? phaseWrong : phaseToken;
    case phaseToken:
      return (kind & inToken) === 0 ? behindPart(byte) : phaseToken;
    case phaseQuoted:
      if (byte === doubleQuote) return phaseQuotedEnd;
      if (byte === backslash) return phaseEscaped;
      return (kind & inValue) === 0 ? phaseWrong : phaseQuoted;
    case phaseEscaped:
      return (kind & inValue) === 0 ? phaseWrong : phaseQuoted;
    default:
      return behindPart(byte);
  }
}

/** After the size or a complete extension: another extension, or the end of the line. */
function behindPart(byte: number): number {
  if (byte === carriageReturn) return phaseLineFeed;
  return byte === semicolon ? phaseNameStart : phaseWrong;
}

/** The value of a hexadecimal digit. */
function hexValue(byte: number): number {
  return byte < 0x3a ? byte - 0x30 : (byte | 0x20) - 0x57;
}
