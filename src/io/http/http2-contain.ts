/**
 * A listener of node:http2's events whose errors are told to their owner: one that left it would end the process.
 *
 * Decides nothing.
 */
export function contain<Args extends readonly unknown[]>(
  owner: { broken(error: unknown): void },
  listener: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      listener(...args);
    } catch (error) {
      owner.broken(error);
    }
  };
}
