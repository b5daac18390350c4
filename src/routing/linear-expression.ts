/**
 * Regular expressions whose time grows with the length of the text and no faster, whatever the pattern and the text.
 *
 * Decides only whether the expression is found somewhere in a text, as JavaScript would: all ways through the expression
 * are followed at once, one character after the other (Thompson's construction), so that nothing is ever tried twice. The
 * language's own engine is used where it could not try anything twice either.
 * Must never do: backtrack; a client chooses the text, and an expression of an operator must not become a weapon.
 * Read first: `expression-parser.ts`.
 */
import { type Assertion, type Expression, parseExpression } from './expression-parser.ts';

/** What is wrong with an expression, as a phrase that follows it; null when it can be used. */
export function expressionProblem(source: string): string | null {
  const parsed = parseExpression(source);
  if (parsed.problem !== null) return parsed.problem;
  const program = new Program(parsed.expression, false);
  return program.isTooLarge ? `takes more than ${stepsMax} steps when its repetitions are written out` : null;
}

/** @param source that `expressionProblem` does not object to; of any other one nothing is found. */
export function compileExpression(source: string, ignoresCase: boolean): (text: string) => boolean {
  const parsed = parseExpression(source);
  if (parsed.problem !== null) return () => false;
  if (hasOneWay(parsed.expression)) {
    const native = new RegExp(source, ignoresCase ? 'i' : '');
    return (text) => native.test(text);
  }
  const program = new Program(parsed.expression, ignoresCase);
  if (program.isTooLarge) return () => false;
  const run = new Run(program);
  return (text) => run.finds(text);
}

/**
 * True exactly when the language's own engine, which is faster, cannot be slow: it has nothing to repeat, or a single
 * character to repeat behind a `^`, so that there is one place to begin at and one count to try.
 */
function hasOneWay(expression: Expression): boolean {
  const repeated = repeatsOf(expression);
  if (repeated.length === 0) return true;
  if (repeated.length > 1 || repeated[0]?.kind !== 'character' || expression.kind !== 'sequence') return false;
  const [first] = expression.parts;
  return first?.kind === 'assertion' && first.at === 'start';
}

/** What is repeated, at any depth. */
function repeatsOf(expression: Expression): readonly Expression[] {
  if (expression.kind === 'repeat') return [expression.part, ...repeatsOf(expression.part)];
  return expression.kind === 'sequence' || expression.kind === 'choice' ? expression.parts.flatMap(repeatsOf) : [];
}

/** Most steps of a program: a value of 32 KiB then takes some 10 ms at the very worst. */
const stepsMax = 1_000;

/** `next` and `other` are places in the program. */
type Step =
  | { readonly kind: 'found' }
  | { readonly kind: 'character'; readonly takes: CharacterTest; readonly next: number }
  | { readonly kind: 'assertion'; readonly at: Assertion; readonly next: number }
  | { readonly kind: 'split'; next: number; readonly other: number };

class Program {
  readonly steps: Step[] = [{ kind: 'found' }];
  readonly start: number;
  readonly #ignoresCase: boolean;
  readonly #tests = new Map<string, CharacterTest>();

  constructor(expression: Expression, ignoresCase: boolean) {
    this.#ignoresCase = ignoresCase;
    this.start = this.#write(expression, 0);
  }

  get isTooLarge(): boolean {
    return this.steps.length > stepsMax;
  }

  /** Writes the steps that lead on to `next`; @returns where they begin. */
  #write(expression: Expression, next: number): number {
    if (this.isTooLarge) return next;
    if (expression.kind === 'character') {
      return this.#add({ kind: 'character', takes: this.#testOf(expression.source), next });
    }
    if (expression.kind === 'assertion') return this.#add({ kind: 'assertion', at: expression.at, next });
    if (expression.kind === 'repeat') return this.#writeRepeat(expression.part, expression.min, expression.max, next);
    if (expression.kind === 'sequence') {
      return expression.parts.reduceRight((following, part) => this.#write(part, following), next);
    }
    return expression.parts
      .map((part) => this.#write(part, next))
      .reduce((other, start) => this.#add({ kind: 'split', next: start, other }));
  }

  #writeRepeat(part: Expression, min: number, max: number | null, next: number): number {
    let start = next;
    if (max === null) {
      const loop: Step = { kind: 'split', next, other: next };
      start = this.#add(loop);
      loop.next = this.#write(part, start);
    }
    const mayFollow = max === null ? 0 : max - min;
    for (let count = 0; count < mayFollow && !this.isTooLarge; count += 1) {
      start = this.#add({ kind: 'split', next: this.#write(part, start), other: next });
    }
    for (let count = 0; count < min && !this.isTooLarge; count += 1) start = this.#write(part, start);
    return start;
  }

  #add(step: Step): number {
    this.steps.push(step);
    return this.steps.length - 1;
  }

  #testOf(source: string): CharacterTest {
    const present = this.#tests.get(source) ?? characterTest(source, this.#ignoresCase);
    this.#tests.set(source, present);
    return present;
  }
}

type CharacterTest = (code: number) => boolean;

/** What one character may be is asked of the language once for each of the first 256, which is all that headers have. */
function characterTest(source: string, ignoresCase: boolean): CharacterTest {
  const single = new RegExp(`^${source}$`, ignoresCase ? 'i' : '');
  const known: boolean[] = [];
  return (code) => {
    if (known.length === 0) {
      for (let each = 0; each < 256; each += 1) known.push(single.test(String.fromCharCode(each)));
    }
    return known[code] ?? single.test(String.fromCharCode(code));
  };
}

/** Follows all ways through a program at once. Kept and used again, because a run never waits. */
class Run {
  readonly #steps: readonly Step[];
  readonly #start: number;
  /** For each step the last position at which it was reached, so that it is followed once a position. */
  readonly #reached: number[];
  readonly #stack: number[] = [];
  #here: number[] = [];
  #ahead: number[] = [];

  constructor({ steps, start }: Program) {
    this.#steps = steps;
    this.#start = start;
    this.#reached = steps.map(() => -1);
  }

  finds(text: string): boolean {
    this.#reached.fill(-1);
    this.#here.length = 0;
    for (let at = 0; at <= text.length; at += 1) {
      if (this.#follow(this.#start, text, at, this.#here)) return true;
      if (at === text.length) break;
      const code = text.charCodeAt(at);
      this.#ahead.length = 0;
      for (const place of this.#here) {
        const step = this.#steps[place];
        if (step?.kind !== 'character' || !step.takes(code)) continue;
        if (this.#follow(step.next, text, at + 1, this.#ahead)) return true;
      }
      [this.#here, this.#ahead] = [this.#ahead, this.#here];
    }
    return false;
  }

  /** Everything that is reached without taking a character. @returns true where the end is among it. */
  #follow(from: number, text: string, at: number, waiting: number[]): boolean {
    this.#stack.push(from);
    for (let place = this.#stack.pop(); place !== undefined; place = this.#stack.pop()) {
      if (this.#reached[place] === at) continue;
      this.#reached[place] = at;
      const step = this.#steps[place];
      if (step?.kind === 'character') waiting.push(place);
      else if (step?.kind === 'split') this.#stack.push(step.other, step.next);
      else if (step?.kind === 'assertion' && holds(step.at, text, at)) this.#stack.push(step.next);
      else if (step?.kind === 'found') {
        this.#stack.length = 0;
        return true;
      }
    }
    return false;
  }
}

function holds(assertion: Assertion, text: string, at: number): boolean {
  if (assertion === 'start') return at === 0;
  if (assertion === 'end') return at === text.length;
  return (isWord(text.charCodeAt(at - 1)) !== isWord(text.charCodeAt(at))) === (assertion === 'boundary');
}

/** False for NaN, which is what stands before and behind the text. */
function isWord(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || (code >= 0x61 && code <= 0x7a)
  );
}
