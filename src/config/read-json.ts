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
  } catch (error) {
    const at = positionsIn(text)(jsonErrorOffset(text, error));
    return unsound(file, text, textProblem(file, at, 'this is not valid JSON here', jsonHint(text)));
  }
}

/** V8 often says the offset in its message; the rest of the message quotes the text and is not used. */
function jsonErrorOffset(text: string, error: unknown): number {
  const said = saidOffset(error);
  if (said !== null) return said;
  // Otherwise: a beginning of the text that only lacks its end is fine so far, so the longest such beginning is sought.
  let good = 0;
  let bad = text.length;
  while (good < bad) {
    const middle = Math.ceil((good + bad) / 2);
    if (onlyLacksItsEnd(text.slice(0, middle))) good = middle;
    else bad = middle - 1;
  }
  return good;
}

function saidOffset(error: unknown): number | null {
  const offset = error instanceof SyntaxError ? / at position (\d+)/.exec(error.message)?.[1] : undefined;
  return offset === undefined ? null : Number(offset);
}

function onlyLacksItsEnd(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const offset = saidOffset(error);
    if (offset !== null)
      return (
        offset >= beginning.length || (error instanceof SyntaxError && error.message.startsWith('Unterminated string'))
      );
    return error instanceof SyntaxError && error.message.startsWith('Unexpected end');
  }
}

function jsonHint(text: string): string | null {
  return /^\s*[{[]/.test(text) ? null : 'a file that ends in .yaml, if this is YAML';
}
