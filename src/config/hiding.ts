/**
 * Things of a plan that hold a secret and do not show it: plans are handed out (`routes.list()`, `match()`) and get printed.
 *
 * Must never do: change what the program itself reads. Read first: `credential.ts`, the same for passwords.
 */

/** The same object, which JSON and `console.log` show with `[hidden]` in place of these entries. */
export function hiding<Value extends object>(value: Value, ...keys: readonly (keyof Value & string)[]): Value {
  const hidden: readonly string[] = keys;
  const shown = (): object =>
    Object.fromEntries(Object.entries(value).map(([key, one]) => [key, hidden.includes(key) ? '[hidden]' : one]));
  return Object.defineProperties(value, {
    toJSON: { value: shown },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: shown },
  });
}
