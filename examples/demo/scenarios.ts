/**
 * What the demo does to each proxy, and how each connection must end.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SallyportConfig } from '../../src/index.ts';
import { echoOverWebSocket, requestHttp, requestTls, resetInMidStream, talk, type Treatment } from './clients.ts';
import type { Origins } from './origins.ts';

export type Interpreter = 'compiled' | 'xstate';

/** One port for everything: TLS by its server name, HTTP request by request, and whatever else as raw TCP. */
export function demoConfig(ports: number, interpreter: Interpreter, origins: Origins): SallyportConfig {
  const to = (port: number) => ({ type: 'forward', target: { host: '127.0.0.1', port } }) as const;
  const asks = (protocol: string, name: string) => ({ ports, protocol, domains: `${name}.localhost` });
  return {
    interpreter,
    listeners: { [ports]: { host: '127.0.0.1' } },
    timeouts: { sniff: '1s' },
    routes: [
      { name: 'secure', match: asks('tls', 'secure'), action: to(origins.tlsPort) },
      { name: 'web', match: asks('http', 'web'), action: to(origins.httpPort) },
      { name: 'socket', match: { ports, path: '/live' }, action: to(origins.httpPort) },
      { name: 'greet', match: asks('http', 'handler'), action: { type: 'handler', httpHandler: greet } },
      { name: 'offline', match: asks('http', 'offline'), action: to(origins.closedPort) },
      { name: 'closed', match: asks('http', 'closed'), action: { type: 'block', how: 'reply' } },
      { name: 'raw', match: { ports, protocol: 'tcp' }, action: to(origins.tcpPort) },
    ],
  };
}

/** A handler of the embedding program: it gets what a server of Node's would. */
function greet(request: IncomingMessage, response: ServerResponse): void {
  response.end(`hello from a function in this process, to ${request.method} ${request.url}\n`);
}

export interface Scenario {
  readonly title: string;
  /** The close reason that the connection must end with, or, of HTTP, its exchange. */
  readonly reason: string;
  /** What the client must have read. */
  readonly reads: RegExp;
  readonly run: (port: number) => Promise<Treatment>;
}

function scenario(title: string, reason: string, reads: RegExp, run: Scenario['run']): Scenario {
  return { title, reason, reads, run };
}

export const scenarios: readonly Scenario[] = [
  scenario('HTTP, routed by its Host', 'completed', /200 OK[^]*HTTP origin/, (port) => requestHttp(port, 'web')),
  scenario('a WebSocket on the same port', 'completed', /^echo$/, (port) => echoOverWebSocket(port)),
  scenario('a handler of this program instead of an upstream', 'completed', /200 OK[^]*in this process/, (port) =>
    requestHttp(port, 'handler'),
  ),
  scenario('TLS, routed by its server name and passed through unopened', 'completed', /200 OK[^]*TLS origin/, (port) =>
    requestTls(port, 'secure'),
  ),
  scenario(
    'raw TCP: the client ends first, and still gets what the origin says afterwards',
    'completed',
    /^hello\nthe TCP origin read 6 bytes/,
    (port) => talk(port, 'hello\n', { thenEnds: true }),
  ),
  scenario('an upstream where nobody listens', 'upstream.refused', /^HTTP\/1\.1 50[23] /, (port) =>
    requestHttp(port, 'offline'),
  ),
  scenario('a host that is blocked, and told so', 'route.blocked', /^HTTP\/1\.1 403 /, (port) =>
    requestHttp(port, 'closed'),
  ),
  scenario('a client that connects and says nothing', 'timeout.sniff', /^$/, (port) =>
    talk(port, '', { thenEnds: false }),
  ),
  scenario('a client that resets in mid-stream', 'downstream.reset', /^hello\n$/, resetInMidStream),
];
