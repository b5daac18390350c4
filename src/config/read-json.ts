/**
 * JSON text as a source.
 *
 * Must never do: quote the text in a message; V8's own messages do, so only their offsets are used.
 * Read first: `read-yaml.ts`, which finds the places.
 */
import { readYaml, unsound } from './read-yaml.ts';
import { type ConfigSource, positionsIn, textProblem } from './source.ts';
import { yamlSentence } from './yaml-sentences.ts';

/** JSON is read by JSON's own rules; the YAML parser, whose language contains it, only finds the places. */
export function readJson(file: string, text: string): ConfigSource {
  const yaml = readYaml(file, text);
  try {
    const value: unknown = JSON.parse(text);
    const duplicates = yaml.problems.filter((problem) => problem.message === yamlSentence('DUPLICATE_KEY'));
    return { ...yaml, value, problems: duplicates, sound: true };
  } catch {
    const at = positionsIn(text)(errorOffset(text));
    return unsound(file, text, textProblem(file, at, 'this is not valid JSON here', jsonHint(text)));
  }
}

/**
 * Where the text stops being JSON: behind its longest beginning that only lacks its end.
 *
 * Not every message of V8 says an offset, but every one tells a text that ends too early from one that is wrong.
 */
function errorOffset(text: string): number {
  let good = 0;
  let bad = text.length;
  while (good < bad) {
    const middle = Math.ceil((good + bad) / 2);
    if (onlyLacksItsEnd(text.slice(0, middle))) good = middle;
    else bad = middle - 1;
  }
  return good;
}

function onlyLacksItsEnd(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const message = error instanceof SyntaxError ? error.message : '';
    const offset = / at position (\d+)/.exec(message)?.[1];
    return message.startsWith('Unexpected end') || Number(offset) >= beginning.length;
  }
}

function jsonHint(text: string): string | null {
  return /^\s*[{[]/.test(text) ? null : 'a file that ends in .yaml, if this is YAML';
}
