/**
 * What the demo does to each proxy, and how each connection must end.
 */
import type { SallyportConfig } from '../../src/index.ts';
import { requestHttp, requestTls, resetInMidStream, talk, type Treatment } from './clients.ts';
import type { Origins } from './origins.ts';

export interface Scenario {
  readonly title: string;
  /** The close reason it must end with. */
  readonly reason: string;
  /** What the client must have read. */
  readonly reads: RegExp;
  run(port: number): Promise<Treatment>;
}

/** One port for everything: TLS by its server name, HTTP by its host, and whatever else as raw TCP. */
export function demoConfig(port: number, interpreter: 'compiled' | 'xstate', origins: Origins): SallyportConfig {
  const forward = (to: number) => ({ type: 'forward', target: { host: '127.0.0.1', port: to } }) as const;
  return {
    interpreter,
    listeners: { [port]: { host: '127.0.0.1' } },
    timeouts: { sniff: '1s' },
    routes: [
      {
        name: 'secure',
        match: { ports: port, protocol: 'tls', domains: 'secure.localhost' },
        action: forward(origins.tlsPort),
      },
      {
        name: 'web',
        match: { ports: port, protocol: 'http', domains: 'web.localhost' },
        action: forward(origins.httpPort),
      },
      { name: 'offline', match: { ports: port, domains: 'offline.localhost' }, action: forward(origins.closedPort) },
      { name: 'closed', match: { ports: port, domains: 'closed.localhost' }, action: { type: 'block', how: 'reply' } },
      { name: 'raw', match: { ports: port, protocol: 'tcp' }, action: forward(origins.tcpPort) },
    ],
  };
}

export const scenarios: readonly Scenario[] = [
  {
    title: 'HTTP, routed by its Host',
    reason: 'completed',
    reads: /200 OK[^]*hello from the HTTP origin/,
    run: (port) => requestHttp(port, 'web.localhost'),
  },
  {
    title: 'TLS, routed by its server name and passed through unopened',
    reason: 'completed',
    reads: /200 OK[^]*hello from the TLS origin/,
    run: (port) => requestTls(port, 'secure.localhost'),
  },
  {
    title: 'raw TCP: the client ends first, and still gets what the origin says afterwards',
    reason: 'completed',
    reads: /^hello\nthe TCP origin read 6 bytes/,
    run: (port) => talk(port, 'hello\n', { thenEnds: true }),
  },
  {
    title: 'an upstream where nobody listens',
    reason: 'upstream.refused',
    reads: /^HTTP\/1\.1 50[23] /,
    run: (port) => requestHttp(port, 'offline.localhost'),
  },
  {
    title: 'a host that is blocked, and told so',
    reason: 'route.blocked',
    reads: /^HTTP\/1\.1 403 /,
    run: (port) => requestHttp(port, 'closed.localhost'),
  },
  {
    title: 'a client that connects and says nothing',
    reason: 'timeout.sniff',
    reads: /^$/,
    run: (port) => talk(port, '', { thenEnds: false }),
  },
  {
    title: 'a client that resets in mid-stream',
    reason: 'downstream.reset',
    reads: /^hello\n$/,
    run: (port) => resetInMidStream(port),
  },
];
