/**
 * Handlers on legs, without a proxy: what a test is given of one, and what must be left when it is over.
 */
import { expect } from 'vitest';
import { createHttpHandler } from '../../src/io/handlers/http-handler.ts';
import type { HandlerFacts } from '../../src/io/handlers/lifetime.ts';
import { openHandler } from '../../src/io/handlers/socket-handler.ts';
import type { FetchHandler, NodeHandler, SocketHandler } from '../../src/routing/http-plan.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bytesOf, Watch } from './leg-watch.ts';
import { eventually, expectNothingLeft, legPorts } from './sockets.ts';

export const facts: HandlerFacts = {
  connectionId: 'k3f9-12',
  exchangeId: null,
  route: 'chat',
  listener: '[::]:8080',
  client: { host: '203.0.113.9', port: 4711 },
  protocol: null,
  serverName: 'chat.example',
  path: null,
  tls: null,
  proxied: null,
};

const rejections: unknown[] = [];
const noteRejection = (reason: unknown): void => void rejections.push(reason);
process.on('unhandledRejection', noteRejection);

const worlds: ReturnType<typeof worldOf>[] = [];

/** After each test: every leg gone, nothing armed, nothing reported, no promise left to itself. */
export async function expectQuiet(): Promise<void> {
  for (const { ports, legs } of worlds.splice(0)) {
    for (const leg of legs) leg.reset();
    await ports.ledger.quiescent();
    expectNothingLeft(ports);
    expect(ports.troubles).toEqual([]);
  }
  expect(rejections).toEqual([]);
}

/** Looked at by `expectQuiet`; `legs`: what is to be let go then. */
export function quietWorld() {
  const made = worldOf();
  worlds.push(made);
  return made;
}

function worldOf() {
  const ports = legPorts(new StepClock());
  const failures: string[] = [];
  const owner = { failed: (error: unknown) => void failures.push(error instanceof Error ? error.message : 'odd') };
  return { ports, owner, failures, legs: new Array<{ reset(): void }>() };
}

/** A socket handler, opened, with its leg watched. */
export function opened(handle: SocketHandler) {
  const made = quietWorld();
  const { leg } = openHandler({ type: 'handler', kind: 'socket', handle }, facts, made.ports, made.owner);
  made.legs.push(leg);
  return { ...made, leg, watch: new Watch(leg).take() };
}

/** An HTTP handler of its own, asked once. */
export function asked(
  plan: { form: 'node'; handle: NodeHandler } | { form: 'fetch'; handle: FetchHandler },
  request: string | null,
) {
  const made = quietWorld();
  const handler = createHttpHandler(plan, made.ports);
  const connect = (more: Partial<HandlerFacts> = {}) => {
    const leg = handler.connect({ ...facts, exchangeId: 'k3f9-12.3', ...more }, made.owner);
    made.legs.push(leg);
    return leg;
  };
  const leg = connect();
  if (request !== null) leg.write(bytesOf(request), 'owned');
  return { ...made, connect, leg, watch: new Watch(leg).take() };
}

export const get = 'GET /a?b=c HTTP/1.1\r\nhost: chat.example\r\n\r\n';

/** Of a chunked response, once that is whole. */
export async function wholeBody(watch: Watch): Promise<string> {
  await eventually(() => watch.text.endsWith('0\r\n\r\n') || watch.isOver);
  const [, ...rest] = watch.text.split('\r\n\r\n');
  return rest.join('\r\n\r\n');
}
