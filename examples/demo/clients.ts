/**
 * The clients of the demo: each behaves in one way and tells how it was treated.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { certificate } from './origins.ts';

/** What a client read until the connection was closed, and how it was closed. */
export interface Treatment {
  readonly text: string;
  readonly manner: 'saw FIN' | 'saw RST' | 'sent RST';
}

/** Writes, perhaps ends (FIN), and reads until the other side is done. */
export async function talk(port: number, bytes: string, { thenEnds }: { thenEnds: boolean }): Promise<Treatment> {
  const socket = await connected(port);
  if (bytes !== '') socket.write(bytes);
  if (thenEnds) socket.end();
  return treatmentOf(socket);
}

/** One HTTP request, in the clear. */
export function requestHttp(port: number, name: string): Promise<Treatment> {
  return talk(port, requestFor(name), { thenEnds: false });
}

/** One HTTP request over TLS; the origin's certificate is checked. */
export async function requestTls(port: number, name: string): Promise<Treatment> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: `${name}.localhost`, ca: certificate });
  await once(socket, 'secureConnect');
  socket.write(requestFor(name));
  return treatmentOf(socket);
}

/** Opens a WebSocket, has one message echoed, and closes it. */
export async function echoOverWebSocket(port: number): Promise<Treatment> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live`);
  await once(socket, 'open');
  socket.send('echo');
  const text = await new Promise<string>((resolve) => {
    socket.addEventListener('message', ({ data }) => resolve(String(data)), { once: true });
  });
  socket.close();
  await once(socket, 'close');
  return { text, manner: 'saw FIN' };
}

/** Resets as soon as the first byte has come back. */
export async function resetInMidStream(port: number): Promise<Treatment> {
  const socket = await connected(port);
  socket.write('hello\n');
  socket.once('data', () => socket.resetAndDestroy());
  const { text } = await treatmentOf(socket);
  return { text, manner: 'sent RST' };
}

function requestFor(name: string): string {
  return `GET / HTTP/1.1\r\nHost: ${name}.localhost\r\nConnection: close\r\n\r\n`;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

function treatmentOf(socket: Socket): Promise<Treatment> {
  return new Promise((resolve) => {
    let text = '';
    let manner: Treatment['manner'] = 'saw FIN';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('end', () => socket.end());
    socket.on('error', () => (manner = 'saw RST'));
    socket.on('close', () => resolve({ text, manner }));
  });
}
