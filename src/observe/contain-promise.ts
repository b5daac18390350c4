/** A callback that should answer nothing may be an `async` one; its rejection would end the process. */

/** @param answer what the callback returned */
export function containPromise(answer: unknown, onFailure: (error: unknown) => void): void {
  if (answer instanceof Promise) answer.catch(onFailure);
}
