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
  return { path, text, ...scan(text) };
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

function scan(text: string): { readonly code: string; readonly literals: readonly Literal[] } {
  const code = [...text].length === text.length ? text.split('') : Array.from({ length: text.length }, (_, at) => text.charAt(at));
  const literals: Literal[] = [];
  /** Depth of braces inside each `${` that is open. */
  const templates: number[] = [];
  const blank = (from: number, to: number) => {
    for (let at = from; at < to; at += 1) if (code[at] !== '\n') code[at] = ' ';
  };
  const literal = (from: number, to: number) => {
    literals.push({ at: from, text: text.slice(from, to) });
    blank(from, to);
  };
  let at = 0;
  let significant = '';
  while (at < text.length) {
    const start = at;
    const rest = text.charAt(at);
    const two = text.slice(at, at + 2);
    if (two === '//' || two === '/*') {
      const end = two === '//' ? text.indexOf('\n', at) : text.indexOf('*/', at) + 2;
      at = end < start + 2 ? text.length : end;
      blank(start, at);
      continue;
    }
    if (rest === "'" || rest === '"') {
      at = closing(text, at, rest);
      literal(start + 1, at);
      at += 1;
    } else if (rest === '`' || (rest === '}' && templates.at(-1) === 0)) {
      if (rest === '}') templates.pop();
      at = templateEnd(text, at + 1);
      literal(start + 1, at);
      if (text.charAt(at) === '$') templates.push(0);
      at += text.charAt(at) === '$' ? 2 : 1;
    } else if (rest === '/' && startsRegExp(significant)) {
      at = regExpEnd(text, at + 1);
      blank(start + 1, at);
      at += 1;
    } else {
      const depth = templates.at(-1);
      if (depth !== undefined && rest === '{') templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && rest === '}') templates[templates.length - 1] = depth - 1;
      at += 1;
    }
    if (rest.trim() !== '') significant = (significant + rest).slice(-12);
    else if (!significant.endsWith(' ')) significant += ' ';
  }
  return { code: code.join(''), literals };
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
  return trimmed === '' || /[(,=:[!&|?{};+\-*%~^<>]$/.test(trimmed) || /\b(?:return|typeof|case|of|in|do|else)$/.test(trimmed);
}
