/**
 * YAML and JSON text as a source: the value, every syntax error, and the place of every path.
 *
 * Must never do: quote the text in a message (it may be a secret), or follow aliases without a bound.
 */
import { type Document, isAlias, isMap, isPair, isScalar, isSeq, type Node, parseDocument, type Scalar } from 'yaml';

import type { ConfigProblem } from './problems.ts';
import { type ConfigSource, type Part, positionsIn, type Position, textProblem } from './source.ts';
import { yamlSentence } from './yaml-sentences.ts';

/** @param file as it shall appear in problems. */
export function readYaml(file: string, text: string): ConfigSource {
  const parsed = parseText(text);
  if (parsed === null)
    return unsound(file, text, textProblem(file, { line: 1, col: 1 }, 'this is nested too deeply to be read'));
  const problems = syntaxProblems(file, parsed);
  const broken = [...parsed.document.errors, ...parsed.document.warnings].some(
    (error) => error.code !== 'DUPLICATE_KEY',
  );
  const value = broken ? { ok: true, value: undefined } : valueOf(parsed.document);
  if (!value.ok) {
    problems.push(
      textProblem(
        file,
        { line: 1, col: 1 },
        'aliases repeat too much: this would grow without bound',
        'write the repeated part out',
      ),
    );
  }
  return { file, text, value: value.value, problems, sound: !broken && value.ok, locate: locator(parsed) };
}

interface Parsed {
  readonly document: Document.Parsed;
  readonly positionAt: (offset: number) => Position;
}

function parseText(text: string): Parsed | null {
  try {
    const document = parseDocument(text, { prettyErrors: false, merge: true, uniqueKeys: sameKey });
    return { document, positionAt: positionsIn(text) };
  } catch (error) {
    // The parser recurses: a few thousand opening brackets exhaust the stack.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** `443` and `"443"` are one key once the map is an object. */
function sameKey(left: unknown, right: unknown): boolean {
  return (
    left === right ||
    (isScalar(left) && isScalar(right) && left.value !== '<<' && String(left.value) === String(right.value))
  );
}

function syntaxProblems(file: string, { document, positionAt }: Parsed): ConfigProblem[] {
  const errors = [...document.errors, ...document.warnings];
  const deepest = errors.find((error) => error.code === 'RESOURCE_EXHAUSTION');
  const seen = new Set<number>();
  // One mistake often upsets the parser several times at one place; and past the depth it reads, everything does.
  return (deepest === undefined ? errors : [deepest]).flatMap(({ pos: [offset], code }) => {
    if (seen.has(offset)) return [];
    seen.add(offset);
    return [textProblem(file, positionAt(offset), yamlSentence(code))];
  });
}

function valueOf(document: Document.Parsed): { readonly ok: boolean; readonly value: unknown } {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return { ok: true, value };
  } catch (error) {
    if (error instanceof ReferenceError || error instanceof RangeError) return { ok: false, value: undefined };
    throw error;
  }
}

function locator({ document, positionAt }: Parsed): ConfigSource['locate'] {
  const position = (node: unknown): Position | null => {
    const offset = startOf(node);
    return offset === null ? null : positionAt(offset);
  };
  return (path, part) => {
    let found: Located = { key: null, value: document.contents };
    for (const name of path) found = step(document, found.value, name);
    return position(pick(found, part));
  };
}

/** A node and, where it stands in a map, its key. */
interface Located {
  readonly key: unknown;
  readonly value: unknown;
}

const nowhere: Located = { key: null, value: null };

function step(document: Document, from: unknown, name: string | number): Located {
  const node: unknown = isAlias(from) ? from.resolve(document) : from;
  if (isSeq(node)) return { key: null, value: node.items[Number(name)] ?? null };
  if (!isMap(node)) return nowhere;
  const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(name));
  return pair === undefined ? nowhere : { key: pair.key, value: pair.value };
}

/** A scalar is pointed at itself; a section by its name, which is where a reader looks for it. */
function pick({ key, value }: Located, part: Part): unknown {
  if (key === null) return value;
  return part === 'value' && isScalar(value) && hasText(value) ? value : key;
}

function hasText(value: Scalar): boolean {
  return value.range !== undefined && value.range !== null && value.range[1] > value.range[0];
}

function startOf(node: unknown): number | null {
  return isNode(node) ? (node.range?.[0] ?? null) : null;
}

function isNode(node: unknown): node is Node {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node);
}

/** A source with nothing but the reason why it could not be read. */
export function unsound(file: string, text: string, problem: ConfigProblem): ConfigSource {
  return { file, text, value: undefined, problems: [problem], sound: false, locate: () => null };
}
