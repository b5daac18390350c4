/**
 * The upstreams of the demo: an HTTP server that also speaks WebSocket, an HTTPS server with a certificate for demos only, and a TCP server that
 * answers after its client has ended. All on loopback, on free ports.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server } from 'node:net';
import { WebSocketServer } from 'ws';

export const certificateFile = 'examples/demo/demo-only-certificate.pem';
export const certificate = readFileSync(new URL('demo-only-certificate.pem', import.meta.url), 'utf8');

export interface Origins {
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly tcpPort: number;
  /** Where nobody listens. */
  readonly closedPort: number;
  close(): Promise<void>;
}

export async function startOrigins(): Promise<Origins> {
  const key = readFileSync(new URL('demo-only-key.pem', import.meta.url), 'utf8');
  const http = createHttpServer((_request, response) => {
    response.setHeader('connection', 'close').end('hello from the HTTP origin\n');
  });
  new WebSocketServer({ server: http }).on('connection', (socket) => {
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
  });
  const tls = createHttpsServer({ key, cert: certificate }, (_request, response) => {
    response.setHeader('connection', 'close').end('hello from the TLS origin, which alone holds the key\n');
  });
  const tcp = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => socket.write(bytes));
    socket.on('end', () =>
      socket.end(`the TCP origin read ${socket.bytesRead} bytes, and writes this after your FIN\n`),
    );
  });
  const nobody = createTcpServer();
  const [httpPort, tlsPort, tcpPort, closedPort] = await Promise.all([
    listening(http),
    listening(tls),
    listening(tcp),
    listening(nobody),
  ]);
  await closing(nobody);
  return {
    httpPort,
    tlsPort,
    tcpPort,
    closedPort,
    async close() {
      http.closeAllConnections();
      tls.closeAllConnections();
      await Promise.all([closing(http), closing(tls), closing(tcp)]);
    },
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

async function closing(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await closed;
}
