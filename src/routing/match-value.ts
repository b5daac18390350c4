/**
 * What one header or query value must be: exact text, a glob, or a regular expression.
 *
 * Decides: `/…/` and `/…/i` are regular expressions, found anywhere in the value unless anchored; text with a `*` is a glob
 * over the whole value, where `*` is any run of characters; anything else is the whole value, case and all.
 * Must never do: take more than linear time of the value's length, whatever the pattern (`linear-expression.ts`).
 */
import { compileExpression, expressionProblem } from './linear-expression.ts';

export type ValueTest = (value: string) => boolean;

/** @param pattern that `parseValuePattern` does not object to. */
export function compileValuePattern(pattern: string): ValueTest {
  const expression = expressionOf(pattern);
  if (expression !== null) return compileExpression(expression.source, expression.flags === 'i');
  if (!pattern.includes('*')) return (value) => value === pattern;
  return globTest(pattern.split('*'));
}

/** What is wrong with a pattern, as a phrase that follows it; null when it can be used. */
export function parseValuePattern(pattern: string): string | null {
  const expression = expressionOf(pattern);
  if (expression === null) return null;
  if (expression.flags !== '' && expression.flags !== 'i') {
    return `reads as a regular expression with the flags ${expression.flags}; the only flag is i`;
  }
  return expressionProblem(expression.source);
}

/** What is wrong with a header's name in a criterion, as a phrase that follows it; null when it can be asked for. */
export function headerNameProblem(name: string): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return 'is not the name of a header';
  const instead = notAmongFields[name.toLowerCase()];
  return instead === undefined ? null : `cannot be matched on${instead === '' ? '' : `; use ${instead}`}`;
}

/** Fields that are not end-to-end, or belong to the head itself: no route ever sees them (`protocols/http/message.ts`). */
const notAmongFields: Readonly<Record<string, string>> = {
  host: 'match.domains',
  upgrade: 'match.protocol: websocket',
  connection: '',
  'content-length': '',
  expect: '',
  'http2-settings': '',
  'keep-alive': '',
  'proxy-connection': '',
  te: '',
  'transfer-encoding': '',
};

function expressionOf(pattern: string): { readonly source: string; readonly flags: string } | null {
  const found = /^\/(.+)\/([a-z]*)$/s.exec(pattern);
  return found === null ? null : { source: found[1] ?? '', flags: found[2] ?? '' };
}

/** The first piece begins the value, the last one ends it, and those between are found from left to right. */
function globTest(pieces: readonly string[]): ValueTest {
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  const between = pieces.slice(1, -1).filter((piece) => piece !== '');
  return (value) => {
    if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
    const end = value.length - last.length;
    let at = first.length;
    for (const piece of between) {
      const found = value.indexOf(piece, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}
