/**
 * Fields that are lists of tokens: taken apart, and nothing else.
 *
 * Must never do: forgive a blank that is not one of the two that HTTP knows. @see RFC 9110 §5.6.1
 */
import { blank, horizontalTab, inToken, isAll } from './byte-kinds.ts';

/** Without blanks and tabs at both ends. */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return end - start === text.length ? text : text.slice(start, end);
}

/** True exactly when every element is a token, and there is one. */
export function isTokenList(value: string): boolean {
  return value.split(',').every((element) => isAll(trimmed(element), inToken));
}

/** True exactly when an element is this word, in any case. Parameters (`;q=1`) make it another one. */
export function listHas(value: string, lowerWord: string): boolean {
  return value.split(',').some((element) => trimmed(element).toLowerCase() === lowerWord);
}

/** The one token, in lower case; null when it is none or there are several. */
export function onlyToken(value: string): string | null {
  return isAll(value, inToken) ? value.toLowerCase() : null;
}

function isBlank(code: number): boolean {
  return code === blank || code === horizontalTab;
}
