/**
 * The socket handlers that come with it, byte for byte.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { block, echo, httpRedirect, httpRespond } from '../../src/io/handlers/helpers.ts';
import { expectQuiet, opened } from '../support/handler-legs.ts';
import { bytesOf, repeated } from '../support/leg-watch.ts';
import { eventually } from '../support/sockets.ts';

afterEach(expectQuiet);

describe('K03: ready-made socket handlers', () => {
  test('echo sends everything back, FIN included', async () => {
    const { leg, watch } = opened(echo());
    const sent = repeated(1_000_000);
    leg.write(sent, 'owned');
    leg.end();
    await eventually(() => watch.isOver);
    expect(watch.bytes.equals(sent)).toBe(true);
    expect(watch.count('failed')).toBe(0);
  });

  test('block says its line and ends, whatever the client still says', async () => {
    const { leg, watch } = opened(block('go away\n'));
    await eventually(() => watch.isComplete);
    leg.write(repeated(300_000), 'owned');
    leg.end();
    await eventually(() => watch.isOver);
    expect([watch.text, watch.count('failed')]).toEqual(['go away\n', 0]);
  });

  test('httpRespond is one whole HTTP/1.1 response', async () => {
    const { leg, watch } = opened(httpRespond(403, 'nö'));
    leg.end();
    await eventually(() => watch.isOver);
    expect(Buffer.from(watch.bytes).toString()).toBe(
      'HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 3\r\nconnection: close\r\n\r\nnö',
    );
    const empty = opened(httpRespond(204));
    empty.leg.end();
    await eventually(() => empty.watch.isOver);
    expect(empty.watch.text).toBe('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
  });

  test.each([
    ['GET /a/b?c=d HTTP/1.1\r\nhost: chat.example\r\n\r\n', 'https://chat.example/a/b?c=d'],
    ['HEAD / HTTP/1.0\r\n\r\n', 'https://chat.example/'],
    ['GET http://chat.example/x HTTP/1.1\r\n', 'https://chat.example/x'],
    ['GET //evil.example/x HTTP/1.1\r\n', 'https://chat.example/evil.example/x'],
    ['GET /\x01 HTTP/1.1\r\n', null],
    ['GET /a\rlocation:/b HTTP/1.1\r\n', null],
    ['GET / HTTP/2.0\r\n', null],
    ['no request at all\n', null],
    [`GET /${'a'.repeat(9_000)}`, null],
  ])('httpRedirect answers %j', async (request, location) => {
    const { leg, watch } = opened(httpRedirect('https://{host}{path}{query}', 308));
    for (const character of request.slice(0, 5)) leg.write(bytesOf(character), 'owned');
    leg.write(bytesOf(request.slice(5)), 'owned');
    leg.end();
    await eventually(() => watch.isOver);
    expect(watch.text.split('\r\n')[0]).toBe(
      location === null ? 'HTTP/1.1 400 Bad Request' : 'HTTP/1.1 308 Permanent Redirect',
    );
    expect(/^location: (.*)\r$/m.exec(watch.text)?.[1] ?? null).toBe(location);
  });

  test('httpRedirect says nothing to a client that says nothing', async () => {
    const { leg, watch } = opened(httpRedirect('https://{host}{path}'));
    leg.end();
    await eventually(() => watch.isOver);
    expect(watch.text).toBe('');
  });
});
