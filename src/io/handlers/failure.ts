/**
 * How a handler's fault is named on its leg.
 *
 * Decides nothing. Read first: `in-process-pair.ts`.
 */

/** The handler threw, rejected, or destroyed its stream with an error of its own. */
export const handlerFailed = 'SALLYPORT_HANDLER_FAILED';
/** The handler destroyed its stream without an end and without an error. */
export const handlerLeft = 'SALLYPORT_HANDLER_LEFT';

/** Who hears of a handler's fault, so that it can be recorded. */
export interface HandlerOwner {
  /** Told at most once for each fault, and never after the connection or exchange was over. */
  failed(error: unknown): void;
}

/** What was thrown, whatever its own code: an ENOENT of the handler's is no failure of a peer. */
export class HandlerFailure extends Error {
  readonly code = handlerFailed;

  constructor(thrown: unknown) {
    super(thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
    this.name = 'HandlerFailure';
  }
}
