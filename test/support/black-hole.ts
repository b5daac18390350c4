/**
 * An address on loopback that never answers: a listener that is stopped, and whose accept queue is full. Further SYNs are
 * dropped, exactly as they are on the way to a dead host. Linux only.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface BlackHole extends AsyncDisposable {
  readonly host: '127.0.0.1';
  /** On every IPv4 loopback address: 127.0.0.2 is as silent as 127.0.0.1. */
  readonly port: number;
}

const listenerSource = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '0.0.0.0', backlog: 1 }, () => process.send(server.address().port));
`;

/** A backlog of 1 has room for two connections; `listen` with 0 would mean 511. */
const queueLength = 2;

export async function blackHole(): Promise<BlackHole> {
  const child = spawn(process.execPath, ['--eval', listenerSource], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const port = await new Promise<number>((resolve) => child.once('message', (message) => resolve(Number(message))));
  child.kill('SIGSTOP');
  const fillers = await Promise.all(Array.from({ length: queueLength }, () => filler(port)));
  return { host: '127.0.0.1', port, [Symbol.asyncDispose]: () => fillIn(child, fillers) };
}

/** A connection that the kernel accepts and the stopped process never sees. */
async function filler(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  return socket;
}

async function fillIn(child: ChildProcess, fillers: readonly Socket[]): Promise<void> {
  const closed = fillers.map((socket) => (socket.closed ? undefined : once(socket, 'close')));
  for (const socket of fillers) socket.destroy();
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await Promise.all([exited, ...closed]);
}
