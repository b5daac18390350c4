/**
 * The source as the tidy rules see it: files of the repository, code apart from comments and texts, imports.
 *
 * Must never do: judge. The scanner knows comments, strings, templates and regular expressions, and nothing of grammar.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceFile {
  /** From the root, with forward slashes: `src/io/leg.ts`. */
  readonly path: string;
  readonly text: string;
  /** As long as the text: comments and the insides of literals are blanks, so that positions agree. */
  readonly code: string;
  /** What stands between quotes, in order. */
  readonly literals: readonly Literal[];
}

export interface Literal {
  readonly at: number;
  readonly text: string;
}

export interface Import {
  readonly specifier: string;
  /** True exactly when nothing of it is left at run time. */
  readonly isType: boolean;
  readonly names: readonly string[];
  readonly line: number;
}

const root = join(import.meta.dirname, '..', '..');

/** Every file below these folders or with these names, sorted. */
export function listFiles(places: readonly string[]): readonly string[] {
  return places.flatMap((place) => filesBelow(place)).toSorted();
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export function readSource(path: string): SourceFile {
  return sourceOf(path, readText(path));
}

export function sourceOf(path: string, text: string): SourceFile {
  const scanner = new Scanner(text);
  return { path, text, code: scanner.scan(), literals: scanner.literals };
}

/** 1 for the first line. */
export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

/** Static imports, re-exports and `import()` of a literal. */
export function importsOf({ text, code }: SourceFile): readonly Import[] {
  const found: Import[] = [];
  for (const match of code.matchAll(importPattern)) {
    const { type = '', clause = '' } = match.groups ?? {};
    const quoteAt = match.index + match[0].length - 1;
    const names = namesIn(clause);
    const isType = type !== '' || (names.length > 0 && names.every((name) => name.startsWith('type ')));
    found.push({
      specifier: text.slice(quoteAt + 1, code.indexOf(code[quoteAt] ?? '', quoteAt + 1)),
      isType,
      names: names.map((name) => (name.replace(/^type /, '').split(' as ')[0] ?? '').trim()),
      line: lineOf(text, match.index),
    });
  }
  return found;
}

const importPattern =
  /\b(?:(?:import|export)\s+(?<type>type\s+(?!from\b))?(?<clause>[\w*{}\s,$]*?)\s*\bfrom\s*|import\s*\(\s*|import\s*)(?:'|"|`)/g;

/** What is between the braces; one name where there are none. */
function namesIn(clause: string): readonly string[] {
  const inner = /\{(?<inner>[^}]*)\}/.exec(clause)?.groups?.['inner'] ?? clause;
  return inner
    .split(',')
    .map((name) => name.trim().replaceAll(/\s+/g, ' '))
    .filter((name) => name !== '');
}

function filesBelow(place: string): readonly string[] {
  const found = statSync(join(root, place), { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [place];
  return readdirSync(join(root, place)).flatMap((name) => filesBelow(`${place}/${name}`));
}

/** Walks over the text once; what is not code becomes blanks. */
class Scanner {
  readonly literals: Literal[] = [];
  readonly #text: string;
  readonly #code: string[];
  /** For each `${` that is open: how many braces are open in it. */
  readonly #templates: number[] = [];
  #at = 0;
  /** The last characters of code, to tell a division from a regular expression. */
  #before = '';

  constructor(text: string) {
    this.#text = text;
    this.#code = Array.from({ length: text.length }, (_, at) => text.charAt(at));
  }

  scan(): string {
    while (this.#at < this.#text.length) {
      const one = this.#text.charAt(this.#at);
      if (this.#comment()) continue;
      if (one === "'" || one === '"') this.#literal(closing(this.#text, this.#at, one));
      else if (one === '`' || (one === '}' && this.#templates.at(-1) === 0)) this.#template(one);
      else if (one === '/' && startsRegExp(this.#before)) this.#regExp();
      else this.#plain(one);
      this.#before = `${this.#before}${one}`.slice(-12);
    }
    return this.#code.join('');
  }

  #comment(): boolean {
    const opening = this.#text.slice(this.#at, this.#at + 2);
    if (opening !== '//' && opening !== '/*') return false;
    const end = opening === '//' ? this.#text.indexOf('\n', this.#at) : this.#text.indexOf('*/', this.#at + 2) + 2;
    this.#blankTo(end <= 1 ? this.#text.length : end);
    return true;
  }

  /** From a quote to the position of its counterpart. */
  #literal(end: number): void {
    this.#at += 1;
    this.literals.push({ at: this.#at, text: this.#text.slice(this.#at, end) });
    this.#blankTo(end);
    this.#at += 1;
  }

  #template(one: string): void {
    if (one === '}') this.#templates.pop();
    this.#literal(templateEnd(this.#text, this.#at + 1));
    if (this.#text.charAt(this.#at - 1) !== '$') return;
    this.#templates.push(0);
    this.#at += 1;
  }

  #regExp(): void {
    const end = regExpEnd(this.#text, this.#at + 1);
    this.#at += 1;
    this.#blankTo(end);
    this.#at = end + 1;
  }

  #plain(one: string): void {
    const depth = this.#templates.length - 1;
    const open = this.#templates[depth];
    if (open !== undefined && one === '{') this.#templates[depth] = open + 1;
    if (open !== undefined && one === '}') this.#templates[depth] = open - 1;
    this.#at += 1;
  }

  #blankTo(end: number): void {
    for (; this.#at < end; this.#at += 1) if (this.#code[this.#at] !== '\n') this.#code[this.#at] = ' ';
  }
}

function closing(text: string, from: number, quote: string): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text.charAt(at) === '\\') at += 1;
    else if (text.charAt(at) === quote) return at;
  }
  return text.length;
}

/** Of the text part that starts here: the position of its backtick or of the `${` that interrupts it. */
function templateEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text.charAt(at) === '\\') at += 1;
    else if (text.charAt(at) === '`' || text.slice(at, at + 2) === '${') return at;
  }
  return text.length;
}

function regExpEnd(text: string, from: number): number {
  let isInClass = false;
  for (let at = from; at < text.length && text.charAt(at) !== '\n'; at += 1) {
    const one = text.charAt(at);
    if (one === '\\') at += 1;
    else if (one === '[') isInClass = true;
    else if (one === ']') isInClass = false;
    else if (one === '/' && !isInClass) return at;
  }
  return from;
}

/** A slash after a value divides; after anything else it opens a regular expression. */
function startsRegExp(before: string): boolean {
  const trimmed = before.trimEnd();
  return (
    trimmed === '' ||
    /[(,=:[!&|?{};+\-*%~^<>]$/.test(trimmed) ||
    /\b(?:return|typeof|case|of|in|do|else)$/.test(trimmed)
  );
}
