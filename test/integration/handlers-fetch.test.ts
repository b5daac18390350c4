/**
 * HTTP handlers in the form of fetch: Requests, Responses, streams both ways, faults. Without a proxy.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { FetchHandler } from '../../src/routing/http-plan.ts';
import { asked, expectQuiet, get, wholeBody } from '../support/handler-legs.ts';
import { bytesOf, repeated } from '../support/leg-watch.ts';
import { eventually, turns } from '../support/sockets.ts';

afterEach(expectQuiet);

describe('an HTTP handler in the form of fetch', () => {
  test('gets a Request and answers with a Response', async () => {
    const { watch } = asked(
      {
        form: 'fetch',
        handle: (request, context) => {
          const headers = new Headers({ 'x-route': context.route });
          headers.append('set-cookie', 'a=1');
          headers.append('set-cookie', 'b=2');
          return new Response(
            `${request.method} ${request.url} ${String(request.headers.get('x-a'))} ${String(request.headers.get('connection'))}`,
            { headers },
          );
        },
      },
      'GET /a?b=c HTTP/1.1\r\nhost: chat.example\r\nx-a: 1\r\nX-A: 2\r\nconnection: x-b\r\n\r\n',
    );
    expect(await wholeBody(watch)).toContain('GET http://chat.example/a?b=c 1, 2 null');
    expect(watch.text).toContain('x-route: chat\r\n');
    expect(watch.text).toContain('set-cookie: a=1\r\nset-cookie: b=2\r\n');
  });

  test('bodies stream both ways, at the pace of their readers', async () => {
    const { leg, watch } = asked(
      {
        form: 'fetch',
        handle: (request) => new Response(request.body, { headers: { 'content-length': '2000000' } }),
      },
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2000000\r\n\r\n',
    );
    leg.pause();
    const sent = repeated(2_000_000);
    leg.write(sent, 'owned');
    await turns();
    expect(leg.sentBytes).toBeLessThan(1_000_000);
    leg.resume();
    await eventually(() => watch.bytes.length > 2_000_000);
    expect(watch.bytes.subarray(-2_000_000).equals(sent)).toBe(true);
  });

  test('the head goes alone where the body lets wait, and each event as it comes', async () => {
    const gate = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
    const { watch } = asked(
      {
        form: 'fetch',
        handle: () =>
          new Response(new ReadableStream<Uint8Array>({ start: (controller) => gate.resolve(controller) }), {
            headers: { 'content-type': 'text/event-stream' },
          }),
      },
      get,
    );
    await eventually(() => watch.text.includes('\r\n\r\n'));
    const events = await gate.promise;
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      events.enqueue(bytesOf(event));
      await eventually(() => watch.text.includes(event));
    }
    events.close();
    await eventually(() => watch.text.endsWith('0\r\n\r\n'));
  });

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
    ['GET', 205],
  ])('an answer without a body has none: %s, %i', async (method, status) => {
    let isCancelled = false;
    const body = new ReadableStream({ cancel: () => void (isCancelled = true) });
    const { watch } = asked(
      { form: 'fetch', handle: () => new Response(status === 200 ? body : null, { status, headers: { etag: '"1"' } }) },
      `${method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
    );
    await eventually(() => watch.isComplete);
    const [head = '', after] = watch.text.split('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(head).toContain('etag: "1"');
    expect(after === '' || after === '0').toBe(true);
    expect(isCancelled).toBe(status === 200);
  });

  test.each<[string, FetchHandler, string]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
      'no',
    ],
    ['is rejected', () => Promise.reject(new Error('no')), 'no'],
    [
      'answers with a body that was read already',
      async () => {
        const response = new Response('x');
        await response.text();
        return response;
      },
      'locked',
    ],
    ['answers an error response', () => Response.error(), 'status'],
  ])('a handler that %s fails the leg, and nothing was sent', async (_how, handle, said) => {
    const { watch, failures } = asked({ form: 'fetch', handle }, get);
    await eventually(() => watch.isOver);
    expect([watch.text, watch.count('failed')]).toEqual(['', 1]);
    expect(failures.join().toLowerCase()).toContain(said);
  });

  test('a body that fails in the middle cuts the answer', async () => {
    const { watch, failures } = asked(
      {
        form: 'fetch',
        handle: () =>
          new Response(
            new ReadableStream<Uint8Array>({
              start: (controller) => controller.enqueue(bytesOf('half')),
              pull: (controller) => controller.error(new Error('the disk is full')),
            }),
          ),
      },
      get,
    );
    await eventually(() => watch.isOver);
    expect(watch.text.endsWith('0\r\n\r\n')).toBe(false);
    expect([watch.count('failed'), failures]).toEqual([1, ['the disk is full']]);
  });

  test('a client that leaves aborts the Request and cancels the body of the Response', async () => {
    const events: string[] = [];
    const { leg, watch } = asked(
      {
        form: 'fetch',
        handle: (request) => {
          request.signal.addEventListener('abort', () => events.push('aborted'));
          const body = new ReadableStream<Uint8Array>({
            start: (controller) => controller.enqueue(bytesOf('for ever')),
            cancel: () => void events.push('cancelled'),
          });
          return new Response(body);
        },
      },
      get,
    );
    await eventually(() => watch.text.includes('for ever'));
    leg.reset();
    await eventually(() => events.length === 2);
    expect(events.toSorted()).toEqual(['aborted', 'cancelled']);
  });

  test('a request that is cut fails the body that the handler reads, and is no fault of the handler', async () => {
    const outcome = Promise.withResolvers<string>();
    const { leg, failures } = asked(
      {
        form: 'fetch',
        handle: async (request) => {
          await request.text().then(outcome.resolve, () => outcome.resolve('failed'));
          throw new Error('whatever follows from that');
        },
      },
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf',
    );
    await turns();
    leg.reset();
    expect(await outcome.promise).toBe('failed');
    await turns();
    expect(failures).toEqual([]);
  });
});
