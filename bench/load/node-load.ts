/**
 * The load generator and the backend in plain Node, for machines without a C compiler: the commands of load.c, obeyed
 * with net sockets. It is slower than the fastest subjects, so throughput measured with it is a lower bound; the CPU per
 * unit of work stays meaningful.
 *
 * Read first: load.c.
 */
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { cpuMicroseconds } from '../processes.ts';

type Mode = 'ping' | 'connect' | 'download' | 'duplex' | 'idle';

interface Window {
  readonly connections: number;
  readonly warmMs: number;
  readonly windowMs: number;
  readonly pids: readonly number[];
}

const chunk = Buffer.alloc(256 * 1024, 'x');
const clients = new Set<Socket>();
const backends = new Set<Socket>();
let mode: Mode = 'idle';
let target = 0;
let message = Buffer.from('x');
let isStopping = false;
const counted = { units: 0, bytes: 0, errors: 0, touched: 0 };
let samplesNs: number[] = [];

function listenOn(port: number): Promise<string> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    backends.add(socket);
    socket.once('close', () => backends.delete(socket));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('data', (data) => answer(socket, data));
  });
  return new Promise((resolve) => {
    server.once('error', () => resolve('failed the port is taken'));
    server.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => resolve('ok'));
  });
}

function answer(socket: Socket, data: Buffer): void {
  if (mode === 'duplex') counted.bytes += data.length;
  if (mode !== 'duplex' && mode !== 'download') socket.write(Buffer.from(data));
  else if (socket.listenerCount('drain') === 0) flood(socket);
}

/** Writes for as long as the socket lives and takes it. */
function flood(socket: Socket): void {
  const more = (): void => {
    while (!socket.destroyed && socket.writable && socket.write(chunk)) {
      // The kernel takes all of it: go on.
    }
  };
  socket.on('drain', more);
  more();
}

function openClient(): void {
  const socket = connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let sinceNs = process.hrtime.bigint();
  let got = 0;
  clients.add(socket);
  socket.once('close', () => {
    clients.delete(socket);
    if (mode === 'connect' && !isStopping) openClient();
  });
  socket.on('error', () => {
    if (!isStopping) counted.errors++;
  });
  socket.on('end', () => {
    if (mode === 'connect') counted.units++;
    socket.end();
  });
  socket.on('data', (data) => {
    if (mode === 'download' || mode === 'duplex') {
      counted.bytes += data.length;
      return;
    }
    got += data.length;
    if (got < message.length) return;
    got = 0;
    const nowNs = process.hrtime.bigint();
    samplesNs.push(Number(nowNs - sinceNs));
    sinceNs = nowNs;
    next(socket);
  });
  if (mode === 'duplex') flood(socket);
  else if (mode !== 'idle') socket.write(message);
}

function next(socket: Socket): void {
  if (mode === 'connect') socket.end();
  if (mode === 'idle') counted.touched++;
  if (mode !== 'ping') return;
  counted.units++;
  socket.write(message);
}

function begin(nextMode: Mode, port: number, size: number): void {
  mode = nextMode;
  target = port;
  message = Buffer.alloc(Math.max(1, size), 'x');
  isStopping = false;
  samplesNs = [];
  counted.units = counted.bytes = counted.errors = counted.touched = 0;
}

async function measure({ connections, warmMs, windowMs, pids }: Window): Promise<string> {
  for (let index = 0; index < connections; index++) openClient();
  await pause(warmMs);
  counted.units = counted.bytes = 0;
  samplesNs = [];
  const [cpu, own, startNs] = [cpuMicroseconds(pids), process.cpuUsage(), process.hrtime.bigint()];
  await pause(windowMs);
  const ns = Number(process.hrtime.bigint() - startNs);
  const cpuNs = (cpuMicroseconds(pids) - cpu) * 1000;
  const ownUsage = process.cpuUsage(own);
  const { units, bytes, errors } = counted;
  const sorted = Float64Array.from(samplesNs).toSorted();
  await finish();
  const ownNs = (ownUsage.user + ownUsage.system) * 1000;
  const [p50Ns, p99Ns] = [percentile(sorted, 0.5), percentile(sorted, 0.99)];
  return `ok units=${units} bytes=${bytes} ns=${ns} cpuNs=${cpuNs} ownNs=${ownNs} p50Ns=${p50Ns} p99Ns=${p99Ns} errors=${errors}`;
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
}

async function finish(): Promise<void> {
  isStopping = true;
  if (mode === 'connect') await until(() => clients.size === 0, 1_000);
  for (const socket of clients) socket.destroy();
  await until(() => backends.size === 0, 1_000);
  for (const socket of backends) socket.destroy();
}

async function openIdle(count: number): Promise<string> {
  for (let opened = 0; opened < count && counted.errors === 0;) {
    for (let wave = 0; wave < 64 && opened < count; wave++, opened++) openClient();
    const expected = opened;
    if (!(await until(() => backends.size >= expected || counted.errors > 0, 5_000))) break;
  }
  return `ok clients=${clients.size} backends=${backends.size} errors=${counted.errors}`;
}

async function touchAll(): Promise<string> {
  for (const socket of clients) socket.write(message);
  await until(() => counted.touched >= clients.size, 15_000);
  return `ok touched=${counted.touched} errors=${counted.errors}`;
}

async function until(isTrue: () => boolean, limitMs: number): Promise<boolean> {
  const endMs = Date.now() + limitMs;
  while (!isTrue() && Date.now() < endMs) await pause(5);
  return isTrue();
}

async function obey(line: string): Promise<string> {
  const [name, ...words] = line.split(' ');
  const [port = 0, connections = 0, size = 1, warmMs = 0, windowMs = 0] = words.map(Number);
  if (name === 'listen') return listenOn(port);
  if (name === 'touch') return touchAll();
  if (name === 'open') {
    begin('idle', port, 1);
    return openIdle(connections);
  }
  if (name === 'close') {
    await finish();
    return 'ok';
  }
  if (name === 'ping' || name === 'connect' || name === 'download' || name === 'duplex') {
    begin(name, port, size);
    return measure({ connections, warmMs, windowMs, pids: (words[5] ?? '').split(',').map(Number) });
  }
  return 'failed unknown command';
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${await obey(line)}\n`);
process.exit(0);
