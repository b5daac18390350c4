/**
 * Reads a head: its first line, its fields, the empty line, within the limits.
 *
 * Decides when the head is complete, and which limit it has broken. What it means is for the caller, who finds the text
 * and the sorted fields here. Must never do: keep a chunk.
 */
import type { HttpProblem } from '../http/message.ts';
import { FieldScanner, ranOut, refused } from './field-scanner.ts';
import { HeadParts } from './head-parts.ts';
import type { SharedProblems } from './problems.ts';
import type { HttpLimits } from './reader.ts';
import { Section } from './section.ts';

/** The scanner of a first line; see `request-line.ts` and `status-line.ts`. */
export interface FirstLine {
  readonly problem: HttpProblem | null;
  reset(): void;
  scan(bytes: Uint8Array, base: number, end: number): number;
}

export class HeadReader {
  readonly parts = new HeadParts();
  /** The whole head, one character a byte. Valid right after `read` has answered an index. */
  text = '';
  /** Why `read` answered `refused`. */
  problem: HttpProblem;
  readonly #line: FirstLine;
  readonly #problems: SharedProblems;
  readonly #section: Section;
  readonly #fields: FieldScanner;
  #isInFields = false;

  constructor(line: FirstLine, problems: SharedProblems, limits: HttpLimits) {
    this.#line = line;
    this.#problems = problems;
    this.problem = problems.lineEnd;
    this.#section = new Section(limits.headBytesMax);
    this.#fields = new FieldScanner(problems, problems.tooManyFields, limits.fieldsMax);
  }

  /** True exactly when a field name of the head has an underscore. */
  get hasUnderscore(): boolean {
    return this.#fields.hasUnderscore;
  }

  /** A new head begins with the next byte. */
  begin(): void {
    this.#line.reset();
    this.#isInFields = false;
  }

  /** @returns the index in `chunk` after the head; `ranOut`: all of the chunk was taken; `refused`. */
  read(chunk: Buffer, at: number): number {
    const section = this.#section;
    section.open(chunk, at);
    const next = this.#scan(section);
    if (next === ranOut && !section.isFull) {
      section.keep();
      return ranOut;
    }
    if (next < 0) {
      this.problem = next === ranOut ? this.#limitBroken() : this.#problemFound();
      section.close();
      return refused;
    }
    const { bytes, base } = section;
    this.text = bytes.toString('latin1', base, next);
    this.parts.fill(this.text, this.#fields);
    const index = section.indexInChunk(at, next);
    section.close();
    return index;
  }

  #scan(section: Section): number {
    const { bytes, base, end } = section;
    if (!this.#isInFields) {
      const next = this.#line.scan(bytes, base, end);
      if (next < 0) return next;
      this.#fields.reset(next - base);
      this.#isInFields = true;
    }
    return this.#fields.scan(bytes, base, end);
  }

  #limitBroken(): HttpProblem {
    return this.#isInFields ? this.#problems.headTooLong : this.#problems.lineTooLong;
  }

  #problemFound(): HttpProblem {
    const { problem } = this.#isInFields ? this.#fields : this.#line;
    return problem ?? this.#problems.lineEnd;
  }
}
