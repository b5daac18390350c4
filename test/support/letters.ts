/**
 * One letter for every value that a walk meets, so that the key of a place is a short text and not a long one.
 *
 * The same value always has the same letter, and two values never share one. Must never do: be asked about objects that are
 * made anew each time; there is a letter for each of them. Used by `chart-step.ts` and `exchange-walker.ts`.
 */

const letters = new Map<unknown, string>();

/** @throws RangeError after 65,000 different values, which no walk has. */
export function letterOf(value: unknown): string {
  return letters.get(value) ?? newLetter(value);
}

function newLetter(value: unknown): string {
  if (letters.size > 65_000) throw new RangeError('there are more values than letters');
  const letter = String.fromCharCode(letters.size);
  letters.set(value, letter);
  return letter;
}
