/**
 * Much data through readers that stall: every byte arrives, in order, and the proxy holds only what its marks allow.
 */
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connect } from 'node:net';
import { Origin, ProxyUnderTest } from '../support/world.ts';
import { seed } from '../support/fuzz.ts';

const mebibyte = 1024 * 1024;
const size = 64 * mebibyte;
/** Per direction: one held read, what the writing socket queues up to its mark, and one chunk beyond it. */
const bufferedMax = 2 * 4 * 65_536;

/** A small, repeatable source of numbers (xorshift32). */
function numbers(start: number): () => number {
  let state = start | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Sends `size` bytes made from the seed, in odd pieces, as fast as they are taken; then FIN. Answers with their digest. */
async function pour(socket: Socket, next: () => number): Promise<string> {
  const hash = createHash('sha256');
  const pattern = Buffer.alloc(mebibyte);
  for (let at = 0; at < pattern.length; at += 4) pattern.writeUInt32LE(next(), at);
  for (let sent = 0; sent < size;) {
    const from = next() % (pattern.length - 200_000);
    const chunk = pattern.subarray(from, from + Math.min(size - sent, 1 + (next() % 200_000)));
    hash.update(chunk);
    sent += chunk.length;
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.end();
  return hash.digest('hex');
}

/** Reads to FIN, stalling now and then for a few turns of the loop. Answers with the digest of what came. */
async function drink(
  socket: Socket,
  next: () => number,
): Promise<{ readonly digest: string; readonly length: number }> {
  const hash: Hash = createHash('sha256');
  let length = 0;
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
    if (next() % 16 !== 0) return;
    socket.pause();
    let turns = next() % 8;
    const turn = (): void => {
      turns -= 1;
      if (turns > 0) setImmediate(turn);
      else socket.resume();
    };
    setImmediate(turn);
  });
  await once(socket, 'end');
  return { digest: hash.digest('hex'), length };
}

describe.each(['compiled', 'xstate'] as const)('bulk under the %s interpreter', (interpreter) => {
  test('I5, I8: 64 MiB each way through readers that stall at random arrive intact, with bounded buffers', async () => {
    const sockets: Socket[] = [];
    await using origin = await Origin.start(undefined, { onSocket: (socket) => sockets.push(socket) });
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = connect({ host: '127.0.0.1', port: world.port, allowHalfOpen: true });
    await once(client, 'connect');
    await world.inState('ESTABLISHED');
    while (sockets[0] === undefined) await new Promise((resolve) => setImmediate(resolve));
    const [server] = sockets;
    let worst = 0;
    let isOver = false;
    const watch = (): void => {
      for (const { bufferedBytes } of world.proxy.connections()) worst = Math.max(worst, bufferedBytes);
      if (!isOver) setImmediate(watch);
    };
    watch();
    const next = numbers(seed());
    const [up, down, atServer, atClient] = await Promise.all([
      pour(client, next),
      pour(server, next),
      drink(server, next),
      drink(client, next),
    ]);
    isOver = true;
    expect(atServer).toEqual({ digest: up, length: size });
    expect(atClient).toEqual({ digest: down, length: size });
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThanOrEqual(bufferedMax);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'completed', bytesIn: size, bytesOut: size });
  });
});
