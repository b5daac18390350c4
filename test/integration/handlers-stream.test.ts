/**
 * Socket handlers as upstream legs: what they are given, what they can do, and what their faults become. Without a proxy;
 * the wire tests are in `handlers.test.ts`.
 */
import { on } from 'node:events';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { openHandler } from '../../src/io/handlers/socket-handler.ts';
import type { HandlerContext, SocketHandler } from '../../src/routing/http-plan.ts';
import { expectQuiet, facts, opened, quietWorld } from '../support/handler-legs.ts';
import { bytesOf, repeated } from '../support/leg-watch.ts';
import { eventually, turns } from '../support/sockets.ts';

afterEach(expectQuiet);

describe('a socket handler', () => {
  test('K01: it has the whole stream, both ways, by listeners', async () => {
    const { leg, watch } = opened((socket) => {
      socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
      socket.on('end', () => socket.end('BYE'));
    });
    leg.write(bytesOf('hello '), 'shared');
    leg.end();
    await eventually(() => watch.isOver);
    expect(watch.text).toBe('HELLO BYE');
    expect(watch.log).toEqual(['flushed', 'complete', 'ended 0', 'released']);
  });

  test('K02, socket-handler-race: a sync handler is called at once and gets data in a later tick', async () => {
    const order: string[] = [];
    const { leg, watch } = opened((socket) => {
      order.push('called');
      socket.on('data', (chunk: Buffer) => order.push(chunk.toString()));
    });
    leg.write(bytesOf('first'), 'owned');
    order.push('written');
    await turns();
    expect(order).toEqual(['called', 'written', 'first']);
    expect(watch.log).toEqual([]);
  });

  test('K02, M09, socket-handler-race: an async handler that listens late loses no byte and no FIN', async () => {
    const gate = Promise.withResolvers<null>();
    const seen: Buffer[] = [];
    let hasEnded = false;
    const { leg } = opened(async (socket) => {
      await gate.promise;
      socket.on('data', (chunk: Buffer) => seen.push(chunk));
      socket.on('end', () => (hasEnded = true));
    });
    const sent = repeated(300_000);
    leg.write(sent, 'owned');
    leg.end();
    await turns();
    expect(seen).toEqual([]);
    expect(leg.sentBytes).toBeLessThan(sent.length);
    gate.resolve(null);
    await eventually(() => hasEnded);
    expect(Buffer.concat(seen).equals(sent)).toBe(true);
  });

  test('K02: a promise that resolves ends nothing; the handler goes on by events', async () => {
    const { leg, watch } = opened(async (socket) => {
      await Promise.resolve();
      socket.on('data', (chunk: Buffer) => socket.write(chunk));
    });
    await turns();
    leg.write(bytesOf('still here'), 'owned');
    await eventually(() => watch.text === 'still here');
    expect(watch.log).toEqual([]);
  });

  test.each<[string, SocketHandler]>([
    [
      'throws',
      () => {
        throw new Error('out of cheese');
      },
    ],
    ['is rejected', () => Promise.reject(new Error('out of cheese'))],
    [
      'is rejected after an await',
      async () => {
        await turns();
        throw new Error('out of cheese');
      },
    ],
    ['destroys its stream with an error', (socket) => void socket.destroy(new Error('out of cheese'))],
    [
      'has a listener that throws',
      (socket) => {
        socket.write('x');
        socket.on('data', () => {
          throw new Error('out of cheese');
        });
      },
    ],
    [
      'has an async listener that is rejected',
      (socket) => {
        const read = async (): Promise<void> => {
          await Promise.resolve();
          throw new Error('out of cheese');
        };
        const listen: (name: string, listener: () => unknown) => unknown = socket.on.bind(socket);
        listen('data', read);
      },
    ],
    [
      'fails with a code of the system',
      () => Promise.reject(Object.assign(new Error('out of cheese'), { code: 'ENOENT' })),
    ],
  ])('K02: a handler that %s fails its leg, says why, and harms nobody else', async (_how, handle) => {
    const { leg, watch, failures } = opened(handle);
    leg.write(bytesOf('x'), 'owned');
    await eventually(() => watch.isOver);
    expect(watch.facts).toContainEqual({
      type: 'failed',
      code: 'SALLYPORT_HANDLER_FAILED',
      cause: 'out of cheese',
    });
    expect(watch.log.at(-1)).toBe('released');
    expect(failures).toEqual(['out of cheese']);
  });

  test('a handler whose own connection was reset says so with the system’s code, which is no fault of its', async () => {
    const { watch, failures } = opened((socket) => {
      socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    });
    await eventually(() => watch.isOver);
    expect([watch.log, failures]).toEqual([['failed ECONNRESET', 'released'], []]);
  });

  test('a handler that destroys its stream without an end has left', async () => {
    const { watch, failures } = opened((socket) => {
      socket.write('half an ans');
      socket.destroy();
    });
    await eventually(() => watch.isOver);
    expect(watch.facts).toContainEqual({
      type: 'failed',
      code: 'SALLYPORT_HANDLER_LEFT',
      cause: 'the handler left without an end',
    });
    expect(failures).toEqual([]);
  });

  test('a loop over the stream reads to the end of it, and may answer then', async () => {
    const { leg, watch } = opened(async (socket) => {
      const seen: string[] = [];
      for await (const chunk of socket) seen.push(String(chunk));
      socket.end(`read ${seen.join('')}`);
    });
    leg.write(bytesOf('all of it'), 'owned');
    leg.end();
    await eventually(() => watch.isOver);
    expect([watch.text, watch.count('failed')]).toEqual(['read all of it', 0]);
  });

  test('a handler whose own signal ends its work has left, and has not failed', async () => {
    const { watch, failures } = opened(async (socket) => {
      const own = new AbortController();
      const working = pipeline(socket, socket, { signal: own.signal });
      own.abort();
      await working.catch(() => undefined);
    });
    await eventually(() => watch.isOver);
    expect([watch.log, failures]).toEqual([['failed SALLYPORT_HANDLER_LEFT', 'released'], []]);
  });

  test('K03: it is told whom it serves, and the socket says the same', async () => {
    const told: unknown[] = [];
    opened((socket, context) => {
      told.push(context.connectionId, context.route, context.serverName, context.signal.aborted);
      if ('remoteAddress' in socket && 'remotePort' in socket) told.push(socket.remoteAddress, socket.remotePort);
    });
    await turns();
    expect(told).toEqual(['k3f9-12', 'chat', 'chat.example', false, '203.0.113.9', 4711]);
  });

  test.each(['reset', 'release'] as const)(
    'K04: a connection that ends (%s) closes the handler’s stream and aborts its signal',
    async (manner) => {
      const given = Promise.withResolvers<[Duplex, HandlerContext]>();
      const { leg, failures } = opened((socket, context) => given.resolve([socket, context]));
      const [socket, { signal }] = await given.promise;
      leg.write(bytesOf('unread'), 'owned');
      leg[manner]();
      await eventually(() => socket.closed && signal.aborted);
      expect(socket.errored === null).toBe(manner === 'release');
      expect(failures).toEqual([]);
    },
  );

  test('a handler that ended before the connection may still read what it was sent', async () => {
    const given = Promise.withResolvers<Duplex>();
    const { leg, watch } = opened((socket) => given.resolve(socket));
    const socket = await given.promise;
    leg.write(bytesOf('late reader'), 'owned');
    leg.end();
    socket.end();
    await eventually(() => watch.isOver);
    await turns();
    const read: string[] = [];
    socket.on('data', (chunk: Buffer) => read.push(chunk.toString()));
    await eventually(() => socket.closed);
    expect(read.join('')).toBe('late reader');
  });

  test('a rejection that only follows the end of the connection is handled, and is no failure', async () => {
    const { leg, failures } = opened(async (socket) => {
      for await (const [chunk] of on(socket, 'data', { close: ['close'] })) socket.write(String(chunk));
      throw new Error('the client is gone');
    });
    await turns();
    leg.reset();
    await turns();
    expect(failures).toEqual([]);
  });

  test('a handler may use its buffer again once its write is answered', async () => {
    const { leg, watch } = opened(async (socket) => {
      const buffer = Buffer.alloc(10_000);
      for (let count = 0; count < 40; count += 1) {
        buffer.fill(count);
        await new Promise<void>((resolve) => socket.write(buffer, () => resolve()));
      }
      buffer.fill(0xff);
      socket.end();
    });
    leg.pause();
    await turns();
    leg.resume();
    leg.end();
    await eventually(() => watch.isComplete);
    const expected = Buffer.concat(Array.from({ length: 40 }, (_none, count) => Buffer.alloc(10_000, count)));
    expect(watch.bytes.equals(expected)).toBe(true);
  });

  test('a handler may use its buffer again also while nobody takes from its leg', async () => {
    const made = quietWorld();
    const handle: SocketHandler = async (socket) => {
      const buffer = Buffer.alloc(1_000);
      for (let count = 0; count < 10; count += 1) {
        buffer.fill(count);
        await new Promise<void>((resolve) => socket.write(buffer, () => resolve()));
      }
      buffer.fill(0xff);
    };
    const { leg } = openHandler({ type: 'handler', kind: 'socket', handle }, facts, made.ports, made.owner);
    made.legs.push(leg);
    await eventually(() => leg.heldBytes === 10_000);
    await turns();
    const expected = Buffer.concat(Array.from({ length: 10 }, (_none, count) => Buffer.alloc(1_000, count)));
    expect(Buffer.concat(leg.held).equals(expected)).toBe(true);
  });

  test('a handler that writes on after the connection is told that nobody takes it', async () => {
    const given = Promise.withResolvers<Duplex>();
    const { leg } = opened((socket) => given.resolve(socket));
    const socket = await given.promise;
    leg.release();
    const refusal = new Promise<unknown>((resolve) => socket.write('late', resolve));
    expect(await refusal).toMatchObject({ code: 'EPIPE' });
  });
});
