/**
 * A route whose action is a socket handler: the handler is the upstream, and its leg is spliced like any other.
 *
 * Decides nothing but that a throw is a failure. The handler is called at once; what the client has sent waits in the leg
 * until the handler listens, be that now or after an await, so no byte is lost. A promise that resolves ends nothing.
 * Must never do: read, write or end the stream itself. Read first: `in-process-pair.ts`.
 */
import type { HandlerAction } from '../../routing/http-plan.ts';
import type { Leg } from '../leg.ts';
import type { LegPorts } from '../leg-base.ts';
import { HandlerFailure, type HandlerOwner } from './failure.ts';
import { inProcessPair } from './in-process-pair.ts';
import { beginLifetime, type HandlerFacts } from './lifetime.ts';

type SocketHandlerAction = Extract<HandlerAction, { readonly kind: 'socket' }>;

export interface OpenedHandler {
  /** The upstream leg, in the ledger. What the handler did in the call is kept for whoever subscribes. */
  readonly leg: Leg;
}

/**
 * Calls the handler. It never throws: a handler that does, or whose promise is rejected, fails its leg with
 * `SALLYPORT_HANDLER_FAILED`, and one that destroys its stream without an end fails it with `SALLYPORT_HANDLER_LEFT`.
 */
export function openHandler(
  action: SocketHandlerAction,
  facts: HandlerFacts,
  ports: LegPorts,
  owner: HandlerOwner,
): OpenedHandler {
  const lifetime = beginLifetime(facts);
  const options = { name: `handler of ${facts.route}`, socket: { remote: facts.client, local: nowhere } };
  const { leg, socket } = inProcessPair(options, ports, {
    failed: (error) => owner.failed(error),
    over: () => {
      // A handler that has not ended hears of the end by `close`; one that has may read what is left.
      if (!socket.writableEnded) socket.destroy();
      lifetime.end();
    },
  });
  const fail = (error: unknown): void => {
    if (socket.destroyed) return;
    owner.failed(error);
    socket.destroy(new HandlerFailure(error));
  };
  contain(() => action.handle(socket, lifetime.context), fail);
  return { leg };
}

/** Runs what may throw now or be rejected later. */
export function contain(run: () => unknown, fail: (error: unknown) => void): void {
  try {
    const result = run();
    if (isThenable(result)) result.then(undefined, fail);
  } catch (error) {
    fail(error);
  }
}

interface Thenable {
  then(resolved: undefined, rejected: (error: unknown) => void): unknown;
}

function isThenable(value: unknown): value is Thenable {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

const nowhere = { host: '', port: 0 };
