/**
 * What a route does, out of a configuration in which nothing is wrong.
 *
 * Decides: the defaults of every action, and which form a handler for HTTP has. Must never do: call a handler.
 * Read first: `../routing/plan.ts`.
 */
import type { FetchHandler, HandlerAction, HttpHandlerPlan, NodeHandler, RespondAction } from '../routing/http-plan.ts';
import type { ForwardAction, RouteAction } from '../routing/plan.ts';
import { fieldsOf, httpMatchPlan } from './build-http.ts';
import { bodylessStatuses, redirectStatuses } from './schema-answer.ts';
import type { ActionInput } from './schema-action.ts';

/** The method and its body are kept, and caches may remember it. */
const redirectStatusDefault = 308;

/** @param protocol what the route asks for, said or implied. */
export function actionPlan(action: ActionInput, protocol: string | null): RouteAction {
  switch (action.type) {
    case 'block':
      return { type: 'block', how: action.how ?? 'reset' };
    case 'redirect':
      return {
        type: 'redirect',
        to: action.to ?? '/',
        status: redirectStatuses.find((status) => status === action.status) ?? redirectStatusDefault,
      };
    case 'respond':
      return respondPlan(action);
    case 'handler':
    case 'socket-handler':
      return handlerPlan(action);
    case 'forward':
      break;
  }
  return forwardPlan(action, protocol);
}

function forwardPlan(action: ActionInput, protocol: string | null): ForwardAction {
  const targets = action.targets ?? (action.target === undefined ? [] : [action.target]);
  return {
    type: 'forward',
    targets: targets.map((target) => {
      const match = 'match' in target && target.match !== undefined ? target.match : {};
      return { host: target.host, port: target.port, match: isEmpty(match) ? null : httpMatchPlan(match) };
    }),
    upstreamProtocol: action.upstreamProtocol ?? (protocol === 'h2c' ? 'h2' : 'http1'),
    pingMs: action.websocket?.ping ?? null,
  };
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function respondPlan({ status = 200, body = '', headers }: ActionInput): RespondAction {
  const fields = fieldsOf(headers);
  const hasType = fields.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type');
  return {
    type: 'respond',
    status,
    fields: hasType || bodylessStatuses.has(status) ? fields : ['content-type', 'text/plain; charset=utf-8', ...fields],
    body: new TextEncoder().encode(body),
  };
}

function handlerPlan({ socketHandler, handler, httpHandler }: ActionInput): HandlerAction {
  if (httpHandler !== undefined) return { type: 'handler', kind: 'http', http: httpPlan(httpHandler) };
  const handle = socketHandler ?? handler;
  // Cannot be: a handler without a function was refused. A client that meets it is let go.
  return { type: 'handler', kind: 'socket', handle: handle ?? ((socket) => void socket.destroy()) };
}

/**
 * Node's form takes the response as its second parameter, so a function of two or more is that; one of fewer is
 * fetch-style. `{ fetch }` says so itself, and may take the context.
 */
function httpPlan(written: NonNullable<ActionInput['httpHandler']>): HttpHandlerPlan {
  if (typeof written === 'object') return { form: 'fetch', handle: written.fetch };
  return isNodeForm(written) ? { form: 'node', handle: written } : { form: 'fetch', handle: written };
}

function isNodeForm(written: NodeHandler | FetchHandler): written is NodeHandler {
  return written.length >= 2;
}
