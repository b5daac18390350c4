/**
 * The proxy that the HTTP races run against: one path for every way an exchange can go, with deadlines that pass quickly.
 *
 * Read first: `http-race-world.ts`.
 */
import { resolveConfig } from '../../src/config/resolve.ts';
import type { NodeHandler, SocketHandler } from '../../src/routing/http-plan.ts';
import type { Interpreter, ProxyPlan } from '../../src/routing/plan.ts';
import { patternOf } from './http-race-pattern.ts';

export const httpPort = 2001;
export const handlerPort = 2002;

/** By what becomes of a request: the first segment of its path. */
export const wayNames = [
  'one',
  'many',
  'ageing',
  'respond',
  'redirect',
  'reset',
  'fin',
  'reply',
  'answers',
  'throws',
  'throwsLate',
  'silent',
  'nowhere',
  'ws',
] as const;
export type WayName = (typeof wayNames)[number];

export const originHosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const;
export const originPort = 9000;

/** Which origins may hear of a request. */
export function originsFor(way: WayName): readonly string[] {
  if (way === 'one' || way === 'ws' || way === 'ageing') return [originHosts[0]];
  return way === 'many' ? originHosts : [];
}

export const deadlines = {
  sniff: 100,
  requestHead: 120,
  requestBody: 150,
  response: 200,
  keepAlive: 180,
  poolIdle: 90,
  queue: 60,
  dial: 50,
  dialBudget: 130,
  backoff: 10,
  idle: 400,
  halfClosed: 110,
  flush: 80,
  linger: 40,
} as const;

/** Longer than every chain of deadlines that silence can pass through. */
export const allDeadlinesMs = 70_000;

export const responded = 'as configured';

export function httpRacePlan(interpreter: Interpreter): ProxyPlan {
  const targets = originHosts.map((host) => ({ host, port: originPort }));
  const one = { type: 'forward', target: { host: originHosts[0], port: originPort } } as const;
  const route = (way: WayName) => ({ name: way, match: { ports: httpPort, path: `/${way}/*` } });
  const handled = (way: WayName, httpHandler: NodeHandler) => ({
    ...route(way),
    action: { type: 'handler', httpHandler } as const,
  });
  return resolveConfig({
    interpreter,
    timeouts: deadlines,
    limits: { maxConnections: 40 },
    routes: [
      { ...route('one'), action: one },
      { ...route('many'), action: { type: 'forward', targets } },
      { ...route('ageing'), action: one, timeouts: { lifetime: 250 } },
      { name: 'ws', match: { ports: httpPort, path: '/ws/*', protocol: 'websocket' }, action: one },
      { ...route('respond'), action: { type: 'respond', body: responded } },
      { ...route('redirect'), action: { type: 'redirect', to: 'http://elsewhere.test{path}' } },
      { ...route('reset'), action: { type: 'block', how: 'reset' } },
      { ...route('fin'), action: { type: 'block', how: 'fin' } },
      { ...route('reply'), action: { type: 'block', how: 'reply' } },
      handled('answers', answers),
      handled('throws', throws),
      handled('throwsLate', throwsLate),
      handled('silent', (request) => void request.resume()),
      { name: 'socket', match: { ports: handlerPort }, action: { type: 'handler', socketHandler } },
    ],
  });
}

const answers: NodeHandler = (request, response) => {
  const id = String(request.headers['x-id']);
  request.on('error', () => undefined);
  request.on('end', () => {
    response.writeHead(200, { 'x-answer': `h:${id}` });
    response.end(patternOf(`h:${id}`, handledBytes));
  });
  request.resume();
};

export const handledBytes = 300;

const throws: NodeHandler = () => {
  throw new Error('the handler of the race throws');
};

const throwsLate: NodeHandler = (request, response) => {
  const id = String(request.headers['x-id']);
  response.writeHead(200, { 'x-answer': `h:${id}` });
  response.write(patternOf(`h:${id}`, handledBytes).slice(0, 20));
  setImmediate(() => response.destroy(new Error('the handler of the race fails late')));
};

const socketHandler: SocketHandler = (socket) => {
  let manner = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Uint8Array) => {
    if (manner === '') manner = String.fromCharCode(chunk[0] ?? 0);
    if (manner === 't') throw new Error('the socket handler of the race throws');
    if (manner === 'd') socket.destroy();
    else if (manner !== 's') socket.write(Buffer.from(chunk));
  });
  socket.on('end', () => {
    if (manner !== 's') socket.end();
  });
};
