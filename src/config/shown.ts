/**
 * What a problem may show of a value: a few words, and never a secret.
 *
 * Decides: `got`. Must never do: open a list or an object, whose entries may be secrets themselves.
 */
import type { Path } from './path.ts';
import { isRecord } from './plain.ts';

const secretPart =
  /authentication|authorization|cookie|credential|pass(word|phrase|wd)?$|secret|token|keys?$|^username$|^eab$|^pfx$/i;
const charsMax = 60;

/** @param template the text as written, where it held placeholders: what came from the environment is not repeated. */
export function showValue(value: unknown, path: Path, template: string | null): string | null {
  if (value === undefined) return null;
  if (isSecretPath(path)) return '[hidden]';
  if (template !== null) return shorten(template);
  switch (typeof value) {
    case 'string':
      if (value.trimStart().startsWith('-----BEGIN')) return 'PEM text';
      return shorten(JSON.stringify(value.replaceAll(/\/\/\S*@/g, '//[hidden]@')));
    case 'function':
      return 'a function';
    case 'bigint':
    case 'symbol':
      return `a ${typeof value}`;
    case 'object':
      return showObject(value);
    case 'number':
    case 'boolean':
      return String(value);
    default:
      return null;
  }
}

/** True exactly when something on the path is named like a secret. */
export function isSecretPath(path: Path): boolean {
  return path.some((part) => typeof part === 'string' && secretPart.test(part));
}

function showObject(value: object | null): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 1 ? 'a list of 1' : `a list of ${value.length}`;
  return isRecord(value) ? 'an object' : 'an object of another kind';
}

function shorten(text: string): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
}
