/**
 * What a route does, out of a configuration in which nothing is wrong.
 *
 * Decides: the defaults of every action, and which form a handler for HTTP has. Must never do: call a function
 * of the embedding program's.
 * Read first: `../routing/plan.ts`.
 */
import { resolve } from 'node:path';

import type { FetchHandler, HandlerAction, HttpHandlerPlan, NodeHandler, RespondAction } from '../routing/http-plan.ts';
import type { ForwardAction, RouteAction, TargetPlan } from '../routing/plan.ts';
import type { PoolPlan } from '../routing/pool-plan.ts';
import { fieldsOf, httpMatchPlan } from './build-http.ts';
import { dialerPlan } from './build-pool.ts';
import { bodylessStatuses, redirectStatuses } from './schema-answer.ts';
import type { ActionInput } from './schema-action.ts';
import type { ListedTargetInput } from './schema-target.ts';

/** The method and its body are kept, and caches may remember it. */
const redirectStatusDefault = 308;

/** What of the configuration around an action makes its plan. */
export interface ActionSurroundings {
  /** What the route asks for, said or implied. */
  readonly protocol: string | null;
  /** By name. */
  readonly pools: ReadonlyMap<string, PoolPlan>;
  /** What paths are relative to. */
  readonly folder: string;
}

export function actionPlan(action: ActionInput, around: ActionSurroundings): RouteAction {
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
  return forwardPlan(action, around);
}

function forwardPlan(action: ActionInput, { protocol, pools, folder }: ActionSurroundings): ForwardAction {
  const { target } = action;
  const pool = action.pool === undefined ? null : (pools.get(action.pool) ?? null);
  const targets = action.targets ?? (target === undefined || typeof target === 'function' ? [] : [target]);
  return {
    type: 'forward',
    targets: targets.map((one) => targetPlan(one, folder)),
    pool,
    targetOf: typeof target === 'function' ? target : null,
    dialer: pool?.dialer ?? dialerPlan(action.dialer, { folder }),
    proxyHeader: action.sendProxyProtocol ?? null,
    preservesSource: action.preserveSourceIP ?? false,
    upstreamProtocol: action.upstreamProtocol ?? (protocol === 'h2c' ? 'h2' : 'http1'),
    pingMs: action.websocket?.ping ?? null,
  };
}

function targetPlan({ host = '', port = 0, unix, match = {} }: ListedTargetInput, folder: string): TargetPlan {
  const place = unix === undefined ? { host, port } : { host: `unix:${resolve(folder, unix)}`, port: 0 };
  return { ...place, match: isEmpty(match) ? null : httpMatchPlan(match) };
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
