/**
 * What can be wrong with an action as a whole: an answer that is none, options of another type.
 *
 * Read first: `schema-action.ts`; `check-upstream.ts` for where a forward goes, `check-http.ts` for what only HTTP can do.
 */
import type { DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { ownValue, valueAt } from './plain.ts';
import { bodylessStatuses, redirectStatuses } from './schema-answer.ts';

export function checkAction({ index, raw }: DraftRoute): readonly Finding[] {
  const action = ownValue(raw, 'action');
  const type = ownValue(action, 'type');
  if (!isType(type)) return [];
  const at = (...rest: Path): Path => ['routes', index, ...rest];
  const has = (key: string): boolean => ownValue(action, key) !== undefined;
  return [...checkOwn(type, { action, at, has }), ...misplaced(type, has, at), ...checkNeverReached(type, raw, at)];
}

type ActionType = 'forward' | 'redirect' | 'respond' | 'block' | 'handler';

interface Asked {
  readonly action: unknown;
  readonly at: (...rest: Path) => Path;
  readonly has: (key: string) => boolean;
}

function isType(type: unknown): type is ActionType | 'socket-handler' {
  return typeof type === 'string' && (type === 'socket-handler' || Object.hasOwn(neverReached, type));
}

function checkOwn(type: ActionType | 'socket-handler', asked: Asked): readonly Finding[] {
  switch (type) {
    case 'redirect':
      return checkRedirect(asked);
    case 'respond':
      return checkRespond(asked);
    case 'handler':
      return checkHandler(asked, ['socketHandler', 'httpHandler']);
    case 'socket-handler':
      return checkHandler(asked, ['socketHandler', 'handler']);
    case 'forward':
    case 'block':
      break;
  }
  return [];
}

function checkRedirect({ action, has, at }: Asked): readonly Finding[] {
  const findings: Finding[] = [];
  if (!has('to'))
    findings.push({
      path: at('action'),
      message: 'this redirects to nowhere: to is missing',
      expected: 'to: "https://{host}{path}"',
      part: 'key',
    });
  const status = Number(ownValue(action, 'status') ?? redirectStatuses[0]);
  if (!redirectStatuses.some((one) => one === status))
    findings.push({
      path: at('action', 'status'),
      message: 'this is not the status of a redirect',
      expected: redirectStatuses.join(', '),
    });
  return findings;
}

function checkRespond({ action, at }: Asked): readonly Finding[] {
  const status = Number(ownValue(action, 'status') ?? 200);
  const body = ownValue(action, 'body');
  if (!bodylessStatuses.has(status) || body === undefined || body === '') return [];
  return [
    {
      path: at('action', 'body'),
      message: `body cannot be sent with status ${status}: such a response has none`,
      part: 'key',
    },
  ];
}

function checkHandler({ action, has, at }: Asked, keys: readonly string[]): readonly Finding[] {
  const given = keys.filter(has);
  if (given.length === 1) return [];
  const [first = '', second = ''] = keys;
  if (given.length > 1)
    return [
      {
        path: at('action', second),
        message: `${first} and ${second} stand side by side; keep one of them`,
        part: 'key',
      },
    ];
  return [
    {
      path: at('action'),
      message: 'this is handled by nobody: the handler is missing',
      expected:
        ownValue(action, 'type') === 'handler'
          ? 'socketHandler: (socket, context) => …, or httpHandler: (request, response) => …; in TypeScript or JavaScript'
          : 'socketHandler: (socket, context) => …; in TypeScript or JavaScript',
      part: 'key',
    },
  ];
}

/** Key to the types it belongs to; what is not here belongs to every type. */
const belongsTo: Readonly<Record<string, readonly ActionType[]>> = {
  target: ['forward'],
  targets: ['forward'],
  pool: ['forward'],
  dialer: ['forward'],
  engine: ['forward'],
  forwardingEngine: ['forward'],
  upstreamProtocol: ['forward'],
  sendProxyProtocol: ['forward'],
  preserveSourceIP: ['forward'],
  rewrite: ['forward', 'handler'],
  to: ['redirect'],
  status: ['redirect', 'respond'],
  body: ['respond'],
  headers: ['respond'],
  how: ['block'],
  httpHandler: ['handler'],
  socketHandler: ['handler'],
  websocket: ['forward'],
};

function misplaced(type: ActionType | 'socket-handler', has: Asked['has'], at: Asked['at']): readonly Finding[] {
  const isHandler = type === 'socket-handler';
  const wrong = Object.entries(belongsTo).filter(
    ([key, types]) =>
      has(key) && !types.some((one) => one === (isHandler ? 'handler' : type)) && !(isHandler && key === 'httpHandler'),
  );
  const findings = wrong.map(([key, types]): Finding => ({
    path: at('action', key),
    message: `${key} belongs to type ${types.join(' and ')} and cannot be enforced here`,
    part: 'key',
  }));
  if (has('handler') && !isHandler)
    findings.push({
      path: at('action', 'handler'),
      message: 'handler belongs to the older type socket-handler',
      suggestion: 'socketHandler or httpHandler',
      part: 'key',
    });
  if (has('httpHandler') && isHandler)
    findings.push({
      path: at('action', 'httpHandler'),
      message: 'httpHandler belongs to type handler and cannot be enforced here',
      part: 'key',
    });
  return findings;
}

interface NeverReached {
  readonly why: string;
  readonly deadlines: readonly string[];
  readonly more: readonly Path[];
}

const dialling = ['dial', 'dialBudget', 'backoff', 'poolIdle'];
const carrying = ['idle', 'halfClosed', 'halfClosedMax', 'requestBody', 'response'];
const answered: NeverReached = {
  why: 'the answer is ready at once',
  deadlines: ['queue', ...dialling, ...carrying],
  more: [['keepHalfOpen']],
};

/** Deadlines of states that a connection or exchange of such a route never enters, and options of what it never does. */
const neverReached: Readonly<Record<ActionType, NeverReached>> = {
  forward: { why: '', deadlines: [], more: [] },
  redirect: answered,
  respond: answered,
  handler: { why: 'nothing is dialled', deadlines: dialling, more: [['keepHalfOpen']] },
  block: {
    why: 'a blocked connection ends before it could matter',
    deadlines: ['queue', ...dialling, ...carrying, 'lifetime'],
    more: [['keepHalfOpen'], ['security', 'authentication'], ['action', 'security', 'authentication']],
  },
};

function checkNeverReached(type: ActionType | 'socket-handler', raw: unknown, at: Asked['at']): readonly Finding[] {
  const { why, deadlines, more } = neverReached[type === 'socket-handler' ? 'handler' : type];
  // Requests may wait for their place on a route with a queue; for anything else of a handler nobody waits.
  const waiting = type.endsWith('handler') && valueAt(raw, ['queue']) === undefined ? ['queue'] : [];
  return [...more, ...[...waiting, ...deadlines].map((name): Path => ['timeouts', name])]
    .filter((path) => valueAt(raw, path) !== undefined)
    .map((path) => ({
      path: at(...path),
      message: `${path.at(-1)} cannot be enforced here: ${why}`,
      part: 'key',
    }));
}
