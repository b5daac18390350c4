/**
 * HTTP handlers in Node's form, as upstreams of one exchange each: requests, answers, faults. Without a proxy.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { NodeHandler } from '../../src/routing/http-plan.ts';
import { asked, expectQuiet, get } from '../support/handler-legs.ts';
import { bytesOf, repeated, Watch } from '../support/leg-watch.ts';
import { eventually, turns } from '../support/sockets.ts';

afterEach(expectQuiet);

describe('an HTTP handler in Node’s form', () => {
  test('gets a real request and answers with a real response', async () => {
    const { watch } = asked(
      {
        form: 'node',
        handle: (request: IncomingMessage, response: ServerResponse, context) => {
          response.setHeader('set-cookie', ['a=1', 'b=2']);
          response.end(
            [request.method, request.url, request.socket.remoteAddress, context.exchangeId, context.route].join(' '),
          );
        },
      },
      get,
    );
    await eventually(() => watch.text.includes('chat\r\n') || watch.text.endsWith('chat'));
    expect(watch.text).toContain('HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n');
    expect(watch.text).toContain('GET /a?b=c 203.0.113.9 k3f9-12.3 chat');
  });

  test('exchanges at once each have their own context', async () => {
    const { connect, watch } = asked(
      { form: 'node', handle: (_request, response, context) => void response.end(`<${String(context.exchangeId)}>`) },
      get,
    );
    const others = ['x.1', 'x.2'].map((exchangeId) => {
      const leg = connect({ exchangeId });
      leg.write(bytesOf(get), 'owned');
      return new Watch(leg).take();
    });
    await eventually(() => [watch, ...others].every(({ text }) => text.includes('>')));
    expect([watch, ...others].map(({ text }) => /<.*>/.exec(text)?.[0])).toEqual(['<k3f9-12.3>', '<x.1>', '<x.2>']);
  });

  test('a large body there and back is streamed, with the pace of the slower side', async () => {
    const { leg, watch } = asked(
      { form: 'node', handle: async (request, response) => pipeline(request, response) },
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3000000\r\n\r\n',
    );
    leg.pause();
    const sent = repeated(3_000_000);
    expect(leg.write(sent, 'owned')).toBe(false);
    await turns();
    expect(leg.sentBytes).toBeLessThan(1_000_000);
    leg.resume();
    await eventually(() => watch.text.endsWith('0\r\n\r\n'));
    expect(leg.sentBytes).toBeGreaterThan(3_000_000);
    expect(watch.bytes.length).toBeGreaterThan(3_000_000);
  });

  test.each<[string, NodeHandler]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['is rejected', () => Promise.reject(new Error('no'))],
    [
      'throws in a listener of the request',
      (request) => {
        request.on('data', () => {
          throw new Error('no');
        });
      },
    ],
    ['destroys the response', (_request, response) => void response.destroy(new Error('no'))],
  ])('a handler that %s before it answered fails the leg, and nothing was sent', async (_how, handle) => {
    const { watch, failures } = asked(
      { form: 'node', handle },
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi',
    );
    await eventually(() => watch.isOver);
    expect(watch.text).toBe('');
    expect(watch.facts[0]).toEqual({ type: 'failed', code: 'SALLYPORT_HANDLER_FAILED', cause: 'no' });
    expect(failures).toEqual(['no']);
  });

  test('a handler that fails in the middle of its answer cuts it', async () => {
    const { watch, failures } = asked(
      {
        form: 'node',
        handle: async (_request, response) => {
          response.write('the first half');
          await turns();
          throw new Error('no');
        },
      },
      get,
    );
    await eventually(() => watch.isOver);
    expect(watch.text).toContain('the first half');
    expect(watch.text.endsWith('0\r\n\r\n')).toBe(false);
    expect([watch.count('failed'), failures]).toEqual([1, ['no']]);
  });

  test('a handler that fails after its whole answer is reported, and its answer stands', async () => {
    const { watch, failures } = asked(
      {
        form: 'node',
        handle: (_request, response) => {
          response.end('whole');
          throw new Error('too late');
        },
      },
      get,
    );
    await eventually(() => watch.text.endsWith('whole'));
    await turns();
    expect([watch.log, failures]).toEqual([[], ['too late']]);
  });

  test('writing after the end is a fault that is reported, and ends nothing', async () => {
    const { watch, failures } = asked(
      {
        form: 'node',
        handle: (_request, response) => {
          response.end('whole');
          response.write('more');
        },
      },
      get,
    );
    await eventually(() => watch.text.endsWith('whole') && failures.length > 0);
    expect([watch.log, failures]).toEqual([[], ['write after end']]);
  });

  test('a client that leaves aborts the signal and closes request and response', async () => {
    const events: string[] = [];
    const { leg } = asked(
      {
        form: 'node',
        handle: (request, response, { signal }) => {
          signal.addEventListener('abort', () => events.push('aborted'));
          request.on('close', () => events.push('request'));
          response.on('close', () => events.push('response'));
        },
      },
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf',
    );
    await turns();
    leg.reset();
    await eventually(() => events.length === 3);
    expect(events.toSorted()).toEqual(['aborted', 'request', 'response']);
  });

  test('a leg that goes with the last byte of the answer still lets the response finish', async () => {
    const events: string[] = [];
    const made = asked(
      {
        form: 'node',
        handle: (_request, response) => {
          response.on('finish', () => events.push('finish'));
          response.on('close', () => events.push('close'));
          response.end('answer');
        },
      },
      null,
    );
    const leg = made.connect();
    leg.bytes$.subscribe((chunk) => {
      if (Buffer.from(chunk).includes('answer')) leg.release();
    });
    leg.write(bytesOf(get), 'owned');
    await eventually(() => events.includes('close'));
    expect(events).toEqual(['finish', 'close']);
  });

  test('a request to upgrade is a request like any other', async () => {
    const { watch } = asked(
      { form: 'node', handle: (request, response) => void response.writeHead(426).end(request.headers.upgrade) },
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    );
    await eventually(() => watch.text.includes('websocket'));
    expect(watch.text).toContain('HTTP/1.1 426 Upgrade Required\r\n');
  });

  test('it has no timer, armed or hidden, and holds no handle', async () => {
    const before = process.getActiveResourcesInfo().length;
    const { watch, ports } = asked({ form: 'node', handle: (_request, response) => void response.write('x') }, get);
    await eventually(() => watch.text.includes('x'));
    await turns();
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
    expect(ports.clock.armedCount).toBe(0);
  });
});
