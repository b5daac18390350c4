/**
 * Reads the regular expressions that routes may use: JavaScript's syntax, without what cannot be matched in linear time.
 *
 * Decides: alternatives, groups, the quantifiers (lazy ones find the same), classes, `.`, `^`, `$`, `\b`, `\B` and the usual
 * escapes are read; look-around, back-references, `\p`, `\c` and loose `{` `}` `]` are not. What one character may be is left
 * to the engine of the language, as the text of that one atom.
 * Must never do: accept something and read it in another way than JavaScript does.
 */

export type Expression =
  /** One character; `source` as it is written: `a`, `.`, `[^a-z]`, `\d`. */
  | { readonly kind: 'character'; readonly source: string }
  | { readonly kind: 'assertion'; readonly at: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly parts: readonly Expression[] }
  /** `max` null: without end. */
  | { readonly kind: 'repeat'; readonly part: Expression; readonly min: number; readonly max: number | null };

export type Assertion = 'start' | 'end' | 'boundary' | 'inside';

export type ParsedExpression =
  | { readonly problem: null; readonly expression: Expression }
  /** A phrase that follows the expression. */
  | { readonly problem: string };

export function parseExpression(source: string): ParsedExpression {
  if (source.length > sourceMax) return { problem: `is longer than ${sourceMax} characters` };
  const parser = new ExpressionParser(source);
  const expression = parser.choice();
  const problem = parser.problem ?? (parser.isAtEnd ? null : 'closes a group that is not open');
  return problem === null ? { problem: null, expression } : { problem };
}

const sourceMax = 1_000;

const assertions: Readonly<Record<string, Assertion>> = {
  '^': 'start',
  $: 'end',
  [String.raw`\b`]: 'boundary',
  [String.raw`\B`]: 'inside',
};

class ExpressionParser {
  /** The first thing that is wrong; once there is one, the rest is read no further. */
  problem: string | null = null;
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  choice(): Expression {
    const parts = [this.#sequence()];
    while (this.#take(/\|/y) !== null) parts.push(this.#sequence());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'choice', parts };
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    while (this.problem === null && !this.isAtEnd && !/[|)]/.test(this.#next)) parts.push(this.#quantified());
    return { kind: 'sequence', parts };
  }

  #quantified(): Expression {
    const part = this.#atom();
    const written = this.#take(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/y);
    if (written === null) return part;
    if (part.kind === 'assertion') return this.#refuse('repeats what takes no character');
    const { min, max } = countsOf(written);
    if (max !== null && max < min) return this.#refuse('repeats at least more often than at most');
    return { kind: 'repeat', part, min, max };
  }

  #atom(): Expression {
    const asserted = this.#take(/[\^$]|\\[bB]/y);
    if (asserted !== null) return { kind: 'assertion', at: assertions[asserted] ?? 'start' };
    if (this.#next === '(') return this.#group();
    const source = this.#take(characterAtom);
    if (source === null) return this.#refuse(problemAt(this.#source.slice(this.#at)));
    return isRegular(source) ? { kind: 'character', source } : this.#refuse('has a class that is out of order');
  }

  #group(): Expression {
    if (this.#take(/\((?:\?:|\?<[A-Za-z_$][\w$]*>|(?!\?))/y) === null) {
      return this.#refuse('looks ahead or behind, which cannot be done in linear time');
    }
    const inner = this.choice();
    if (this.problem === null && this.#take(/\)/y) === null) return this.#refuse('leaves a group open');
    return inner;
  }

  get #next(): string {
    return this.#source.charAt(this.#at);
  }

  #take(pattern: RegExp): string | null {
    if (this.problem !== null) return null;
    const sticky = new RegExp(pattern);
    sticky.lastIndex = this.#at;
    const found = sticky.exec(this.#source)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #refuse(problem: string): Expression {
    this.problem ??= problem;
    return { kind: 'sequence', parts: [] };
  }
}

/** A plain character, the dot, an escape that stands for one character or a class of them, or a class in brackets. */
const characterAtom =
  /[^\\^$.*+?()[\]{}|]|\.|\\(?:[dDwWsSnrtfv]|0(?!\d)|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^A-Za-z0-9])|\[(?:[^\\\]]|\\(?:[dDwWsSnrtfvb]|0(?!\d)|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^A-Za-z0-9]))*\]/y;

function problemAt(rest: string): string {
  if (/^\\[1-9k]/.test(rest)) return 'refers back to a group, which cannot be done in linear time';
  if (rest.startsWith('\\')) return `has an escape that is not read here: ${JSON.stringify(rest.slice(0, 2))}`;
  if (rest.startsWith('[')) return 'has a class that is not closed, or an escape in it that is not read here';
  if (/^[*+?]/.test(rest)) return 'has nothing to repeat';
  return `has a loose ${JSON.stringify(rest.slice(0, 1))}; put a backslash before it`;
}

/** Whether the language takes it: `[z-a]` it does not. */
function isRegular(source: string): boolean {
  try {
    return new RegExp(source).source !== '';
  } catch {
    return false;
  }
}

function countsOf(written: string): { readonly min: number; readonly max: number | null } {
  if (written.startsWith('*')) return { min: 0, max: null };
  if (written.startsWith('+')) return { min: 1, max: null };
  if (written.startsWith('?')) return { min: 0, max: 1 };
  const [, min = '0', comma = '', max = ''] = /^\{(\d+)(,?)(\d*)\}/.exec(written) ?? [];
  if (comma === '') return { min: Number(min), max: Number(min) };
  return { min: Number(min), max: max === '' ? null : Number(max) };
}
