/**
 * The shape of files: names, sizes, the comment they open with, and words that belong to one machine only.
 */
import { homedir, tmpdir } from 'node:os';
import { dirname, join, parse, posix } from 'node:path';
import { lineOf, type SourceFile } from './tidy-source.ts';

export const linesMax = 400;
const headerLinesMax = 10;

/** Files whose opening comment may be longer, and why. */
const longHeaders: Readonly<Record<string, string>> = {
  'src/io/leg.ts': 'the laws of the Leg contract are its header',
};

export function sizeProblems({ path, text }: SourceFile): readonly string[] {
  const lines = text.split('\n').length - 1;
  return lines <= linesMax
    ? []
    : [`${path}: ${lines} lines, more than ${linesMax}: two nouns live here, or an ADR says why not`];
}

export function nameProblems(path: string): readonly string[] {
  const name = path.split('/').at(-1) ?? '';
  if (/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.config)?\.ts$/.test(name)) return [];
  return [`${path}: files are named in kebab-case and end in .ts`];
}

/** A file opens with what it decides and what it must never do. */
export function headerProblems({ path, text }: SourceFile): readonly string[] {
  const opening = /^(?:#![^\n]*\n)?\/\*\*(?<comment>[\s\S]*?)\*\//.exec(text)?.groups?.['comment'];
  if (opening === undefined) return [`${path}: opens without a comment that says what it decides`];
  const lines = opening.split('\n').filter((line) => line.replace(/^\s*\*?/, '').trim() !== '');
  const words = lines.join(' ').split(/\s+/).length;
  if (lines.length > headerLinesMax && !Object.hasOwn(longHeaders, path)) {
    return [`${path}: opens with ${lines.length} lines of comment, more than ${headerLinesMax}`];
  }
  return words < 8 ? [`${path}: its opening comment says too little`] : [];
}

const root = join(import.meta.dirname, '..', '..');

/** Where this checkout lies, and the folder around it unless everybody has one of that name. */
const ownPlaces = [root, dirname(root)].filter((path) => ![tmpdir(), homedir(), parse(path).root].includes(path));

/** Whatever only makes sense on the machine it was written on: homes of people, this checkout, anything outside of it. */
export function placeProblems(path: string, text: string): readonly string[] {
  const homes = [...text.matchAll(/(?<![\w.:/-])\/(?:home|Users|root)\/\w+/g)];
  const here = ownPlaces.flatMap((place) => [...text.matchAll(new RegExp(`(?<![\\w.:/-])${place}(?![\\w-])`, 'g'))]);
  const outside = [...text.matchAll(/(?<![\w./$})])(?:\.\.\/)+[\w.-]*/g)].filter(([written]) =>
    isOutside(path, written),
  );
  const found = new Map([...homes, ...here, ...outside].map((match) => [match.index, match[0]]));
  return [...found].map(([at, place]) => `${path}:${lineOf(text, at)}: ${place} is a place of one machine`);
}

function isOutside(path: string, written: string): boolean {
  return posix.normalize(posix.join(posix.dirname(path), written)).startsWith('..');
}
