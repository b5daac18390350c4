/**
 * WebSocket through the proxy, with the `ws` package at both ends: what one sends the other must read, byte for byte.
 *
 * Decides what is right: every message comes back exactly and in order, every ping is answered with its payload, a close
 * arrives with its code and reason, and an end without a close frame is code 1006. Compression is negotiated end to end.
 * Read first: `websocket-session.ts`.
 */
import { createServer } from 'node:http';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import type { Report, Soak, SoakContext } from './report.ts';
import { closed, listen, withProxy } from './stage.ts';
import { bytesOf, serverClose, serverCut, Session, type SessionCounts } from './websocket-session.ts';

const clientCount = 40;

export const webSocket: Soak = { name: 'websocket', run };

async function run(context: SoakContext): Promise<void> {
  const { report } = context;
  const origin = createServer();
  const server = new WebSocketServer({ server: origin, perMessageDeflate: { threshold: 0 } });
  server.on('connection', (socket) => echo(socket, report));
  const target = { host: '127.0.0.1', port: await listen(origin) };
  const config = {
    routes: [{ name: 'chat', match: { ports: 0, protocol: 'websocket' }, action: { type: 'forward', target } }],
  } as const;
  const counts: SessionCounts = { sessions: 0, messages: 0, bytes: 0, fragments: 0, pings: 0, compressed: 0, ends: {} };
  await withProxy(context, config, async (port) => {
    const endMs = performance.now() + context.durationMs;
    const client = async () => {
      while (performance.now() < endMs) await new Session(port, context, counts).run();
    };
    await Promise.all(Array.from({ length: clientCount }, client));
  });
  for (const socket of server.clients) report.problem('the server still has a client', String(socket.readyState));
  server.close();
  await closed(origin);
  const { sessions, messages, bytes, fragments, pings, compressed, ends } = counts;
  report.say(`${sessions} sessions (${compressed} compressed), ${messages} messages echoed`);
  report.say(`${Math.round(bytes / 1_048_576)} MiB, ${fragments} fragments, ${pings} pings`);
  report.say(
    `ended by: ${Object.entries(ends)
      .map(([how, count]) => `${how} ${count}`)
      .join(', ')}`,
  );
  if (messages === 0) report.problem('no message was echoed');
}

function echo(socket: WebSocket, report: Report): void {
  socket.on('error', (error: Error & { readonly code?: string }) => {
    // Whoever cuts a connection is heard of here, too; only broken frames are the proxy's.
    if (error.code?.startsWith('WS_ERR_') === true) report.problem('the server read a broken frame', error.message);
  });
  socket.on('message', (data: RawData, isBinary) => {
    const bytes = bytesOf(data);
    const text = isBinary ? '' : bytes.toString();
    if (text === serverClose.ask) socket.close(serverClose.code, serverClose.reason);
    else if (text === serverCut) socket.terminate();
    else socket.send(bytes, { binary: isBinary, compress: bytes.length % 2 === 0 });
  });
}
