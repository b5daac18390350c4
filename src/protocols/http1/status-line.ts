/**
 * The first line of a response, byte by byte: version, one blank, three digits, and a reason that may be missing.
 *
 * Decides which bytes may be where, that the version is 1.0 or 1.1, and that the status is 100 to 599.
 * Judges in order; looks at a byte again only within the first twelve. Must never do: make a string.
 * @see RFC 9112 §4
 */
import type { HttpProblem } from '../http/message.ts';
import { blank, carriageReturn, inValue, isDigit, kindAt, kinds, lineFeed } from './byte-kinds.ts';
import { ranOut, refused } from './field-scanner.ts';
import { responseProblems } from './problems.ts';

const noVersion: HttpProblem = { status: 502, detail: 'the response is neither HTTP/1.0 nor HTTP/1.1' };
const wrongStatus: HttpProblem = { status: 502, detail: 'the status is not a number from 100 to 599' };
const wrongReason: HttpProblem = { status: 502, detail: 'the reason phrase has a control character' };

/** `HTTP/1.d ddd` */
const startBytes = 12;
const versionStart = 'HTTP/1.';

const phaseStart = 0;
const phaseReason = 1;
const phaseLineEnd = 2;

export class StatusLine {
  isMinorOne = false;
  status = 0;
  /** From the line's first byte on; both the same when there is no reason. Valid when `scan` has answered an index. */
  reasonStart = 0;
  reasonEnd = 0;
  /** Set exactly when `scan` answered `refused`. */
  problem: HttpProblem | null = null;
  #phase = phaseStart;
  #at = 0;

  reset(): void {
    this.#phase = phaseStart;
    this.#at = 0;
  }

  /** @returns the index after the line; `ranOut`; or `refused`. */
  scan(bytes: Uint8Array, base: number, end: number): number {
    let at = base + this.#at;
    if (this.#phase === phaseStart) {
      at = this.#scanStart(bytes, base, end);
      if (at < 0) return at;
    }
    if (this.#phase === phaseReason) {
      at = this.#scanReason(bytes, base, at, end);
      if (at === refused) return refused;
    }
    if (this.#phase === phaseLineEnd && at < end) {
      return bytes[at] === lineFeed ? at + 1 : this.#refuse(responseProblems.lineEnd);
    }
    this.#at = at - base;
    return ranOut;
  }

  /** Version, status and the byte behind them. */
  #scanStart(bytes: Uint8Array, base: number, end: number): number {
    const last = Math.min(end, base + startBytes);
    for (let at = base; at < last; at += 1) {
      const problem = problemAt(bytes, base, at);
      if (problem !== null) return this.#refuse(problem);
    }
    const behind = base + startBytes;
    if (behind >= end) return ranOut;
    this.isMinorOne = bytes[base + 7] === 0x31;
    this.status = digitAt(bytes, base + 9) * 100 + digitAt(bytes, base + 10) * 10 + digitAt(bytes, base + 11);
    this.#phase = phaseReason;
    this.reasonStart = startBytes;
    if (bytes[behind] === carriageReturn) return behind;
    if (bytes[behind] !== blank) return this.#refuse(wrongStatus);
    this.reasonStart = startBytes + 1;
    return behind + 1;
  }

  #scanReason(bytes: Uint8Array, base: number, from: number, end: number): number {
    let at = from;
    while (at < end && ((kinds[bytes[at] ?? 0] ?? 0) & inValue) !== 0) at += 1;
    if (at === end) return end;
    if (bytes[at] !== carriageReturn)
      return this.#refuse(bytes[at] === lineFeed ? responseProblems.lineEnd : wrongReason);
    this.reasonEnd = at - base;
    this.#phase = phaseLineEnd;
    return at + 1;
  }

  #refuse(problem: HttpProblem): number {
    this.problem = problem;
    return refused;
  }
}

function problemAt(bytes: Uint8Array, base: number, at: number): HttpProblem | null {
  const position = at - base;
  const byte = bytes[at] ?? 0;
  if (position < 7) return byte === versionStart.charCodeAt(position) ? null : noVersion;
  if (position === 7) return byte === 0x30 || byte === 0x31 ? null : noVersion;
  if (position === 8) return byte === blank ? null : noVersion;
  if (position === 9) return byte >= 0x31 && byte <= 0x35 ? null : wrongStatus;
  return (kindAt(bytes, at) & isDigit) === 0 ? wrongStatus : null;
}

function digitAt(bytes: Uint8Array, index: number): number {
  return (bytes[index] ?? 0) - 0x30;
}
