/**
 * The peer `httpxy`, as its manual shows it, with connections to the origin kept alive (also where the client
 * wants its own closed, a field that it would pass on) and WebSocket on.
 */
import { Agent, createServer } from 'node:http';
import { Socket } from 'node:net';
import { createProxyServer } from 'httpxy';
import { peerPorts } from './peer-ports.ts';

const { port, upstreamPort } = peerPorts();
const agent = new Agent({ keepAlive: true });
const proxy = createProxyServer({ target: `http://127.0.0.1:${upstreamPort}`, agent, ws: true });
const server = createServer((request, response) => {
  proxy.web(request, response, { headers: { connection: 'keep-alive' } }).catch(() => response.destroy());
});
server.on('upgrade', (request, socket, head) => {
  if (!(socket instanceof Socket)) throw new Error('an upgrade brings the socket itself');
  proxy.ws(request, socket, {}, head).catch(() => socket.destroy());
});
server.listen(port, '127.0.0.1');
