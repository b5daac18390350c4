/**
 * The first line of a request, byte by byte: method, one blank, target, one blank, version, CR LF.
 *
 * Decides which bytes may be where, and that the version is 1.0 or 1.1; what the target means is `request-target.ts`'s.
 * Judges in order and looks at a byte again only within the ten of the version. Must never do: make a string.
 * @see RFC 9112 §3
 */
import type { HttpProblem } from '../http/message.ts';
import { blank, carriageReturn, inTarget, inToken, isDigit, kindAt, kinds, lineFeed } from './byte-kinds.ts';
import { ranOut, refused } from './field-scanner.ts';
import { requestProblems } from './problems.ts';

/** Longer than any registered method. */
export const methodBytesMax = 32;

const wrongMethod: HttpProblem = { status: 400, detail: 'the request does not begin with a method and a blank' };
const longMethod: HttpProblem = { status: 400, detail: `the method is longer than ${methodBytesMax} bytes` };
const wrongTarget: HttpProblem = { status: 400, detail: 'the request target has a byte that may not be in one' };
const noVersion: HttpProblem = { status: 400, detail: 'the request line does not end with an HTTP version' };
const otherVersion: HttpProblem = { status: 505, detail: 'the request is neither HTTP/1.0 nor HTTP/1.1' };

const phaseMethod = 0;
const phaseTarget = 1;
const phaseVersion = 2;

/** `HTTP/d.d` CR LF */
const tailBytes = 10;
const versionStart = 'HTTP/';

export class RequestLine {
  /** From the line's first byte on. Valid when `scan` has answered an index. */
  methodEnd = 0;
  targetEnd = 0;
  isMinorOne = false;
  /** Set exactly when `scan` answered `refused`. */
  problem: HttpProblem | null = null;
  #phase = phaseMethod;
  #at = 0;

  reset(): void {
    this.#phase = phaseMethod;
    this.#at = 0;
  }

  /** @returns the index after the line; `ranOut`; or `refused`. */
  scan(bytes: Uint8Array, base: number, end: number): number {
    let at = base + this.#at;
    if (this.#phase === phaseMethod) at = this.#scanMethod(bytes, base, at, end);
    if (this.#phase === phaseTarget) at = this.#scanTarget(bytes, base, at, end);
    if (this.#phase === phaseVersion) return this.#scanTail(bytes, base, end);
    if (at === refused) return refused;
    this.#at = at - base;
    return ranOut;
  }

  #scanMethod(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from;
    while (at < end && ((kinds[bytes[at] ?? 0] ?? 0) & inToken) !== 0) at += 1;
    if (at - base > methodBytesMax) return this.#refuse(longMethod);
    if (at === end) return end;
    if (at === base || bytes[at] !== blank) return this.#refuse(wrongMethod);
    this.methodEnd = at - base;
    this.#phase = phaseTarget;
    return at + 1;
  }

  #scanTarget(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from;
    while (at < end && ((kinds[bytes[at] ?? 0] ?? 0) & inTarget) !== 0) at += 1;
    if (at >= end) return at;
    const byte = bytes[at];
    // HTTP/0.9 has nothing behind the target.
    if (byte === carriageReturn || byte === lineFeed) return this.#refuse(noVersion);
    if (byte !== blank) return this.#refuse(wrongTarget);
    this.targetEnd = at - base;
    this.#phase = phaseVersion;
    return at + 1;
  }

  #scanTail(bytes: Uint8Array, base: number, end: number): number {
    const start = base + this.targetEnd + 1;
    if (start + tailBytes <= end && isModernTail(bytes, start)) {
      this.isMinorOne = true;
      return start + tailBytes;
    }
    const last = Math.min(end, start + tailBytes);
    for (let at = start; at < last; at += 1) {
      const problem = this.#problemAt(bytes, start, at);
      if (problem !== null) return this.#refuse(problem);
    }
    if (last - start < tailBytes) return ranOut;
    this.isMinorOne = bytes[start + 7] === 0x31;
    return last;
  }

  #problemAt(bytes: Uint8Array, start: number, at: number): HttpProblem | null {
    const position = at - start;
    const byte = bytes[at];
    if (position < 5) return byte === versionStart.charCodeAt(position) ? null : noVersion;
    if (position === 6) return byte === 0x2e ? null : noVersion;
    if (position === 8) return byte === carriageReturn ? null : requestProblems.lineEnd;
    if (position === 9) return byte === lineFeed ? null : requestProblems.lineEnd;
    if ((kindAt(bytes, at) & isDigit) === 0) return noVersion;
    if (position === 5) return null;
    return bytes[start + 5] === 0x31 && (byte === 0x30 || byte === 0x31) ? null : otherVersion;
  }

  #refuse(problem: HttpProblem): number {
    this.problem = problem;
    this.#phase = phaseMethod;
    return refused;
  }
}

/** True exactly when `HTTP/1.1` CR LF is there. */
function isModernTail(bytes: Uint8Array, start: number): boolean {
  return (
    bytes[start] === 0x48 &&
    bytes[start + 1] === 0x54 &&
    bytes[start + 2] === 0x54 &&
    bytes[start + 3] === 0x50 &&
    bytes[start + 4] === 0x2f &&
    bytes[start + 5] === 0x31 &&
    bytes[start + 6] === 0x2e &&
    bytes[start + 7] === 0x31 &&
    bytes[start + 8] === carriageReturn &&
    bytes[start + 9] === lineFeed
  );
}
