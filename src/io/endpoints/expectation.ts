/**
 * What the answer to a check must hold.
 *
 * Decides: `/…/` is a regular expression, run in time that grows with the answer and no faster; everything else is text that
 * must be found. Both are compared with one character a byte. Pure.
 */
import { compileExpression } from '../../routing/linear-expression.ts';

/** True exactly when what has come is enough. */
export type Expectation = (text: string) => boolean;

/** @param expected null: any byte will do. */
export function expectationOf(expected: string | null): Expectation {
  if (expected === null) return (text) => text !== '';
  const [, source] = /^\/(.+)\/$/s.exec(expected) ?? [];
  return source === undefined ? (text) => text.includes(expected) : compileExpression(source, false);
}
