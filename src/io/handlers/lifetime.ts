/**
 * What a handler is told about what it serves, and the signal that it is over.
 *
 * Decides nothing. Read first: `routing/http-plan.ts` (HandlerContext).
 */
import type { HandlerContext } from '../../routing/http-plan.ts';

/** Everything but the signal, which is made here. */
export type HandlerFacts = Omit<HandlerContext, 'signal'>;

export interface HandlerLifetime {
  readonly context: HandlerContext;
  /** Aborts the signal. Idempotent. */
  end(): void;
}

export function beginLifetime(facts: HandlerFacts): HandlerLifetime {
  const controller = new AbortController();
  return {
    context: { ...facts, signal: controller.signal },
    end: () => controller.abort(),
  };
}
