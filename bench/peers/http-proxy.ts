/**
 * The peer `http-proxy`, as its manual shows it, with connections to the origin kept alive (also where the client
 * wants its own closed, a field that it would pass on) and WebSocket on.
 * The package has no types; what is used of it is written down here.
 */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import { peerPorts } from './peer-ports.ts';

interface HttpProxy {
  web(request: IncomingMessage, response: ServerResponse, options: { headers: Record<string, string> }): void;
  ws(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  on(event: 'error', listener: (error: Error, request: IncomingMessage, to: ServerResponse | Duplex) => void): void;
}

interface Library {
  createProxyServer(options: { target: string; agent: Agent; ws: boolean }): HttpProxy;
}

const require = createRequire(import.meta.url);
const library: unknown = require('http-proxy');
const isLibrary = (value: unknown): value is Library =>
  typeof value === 'function' && 'createProxyServer' in value && typeof value.createProxyServer === 'function';
if (!isLibrary(library)) throw new Error('http-proxy is not what it was');

const { port, upstreamPort } = peerPorts();
const agent = new Agent({ keepAlive: true });
const proxy = library.createProxyServer({ target: `http://127.0.0.1:${upstreamPort}`, agent, ws: true });
proxy.on('error', (_error, _request, to) => to.destroy());
const server = createServer((request, response) =>
  proxy.web(request, response, { headers: { connection: 'keep-alive' } }),
);
server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head));
server.listen(port, '127.0.0.1');
