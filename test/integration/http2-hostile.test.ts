/**
 * What an HTTP/2 client can do to hurt, frame by frame: each kind of flood ends the connection by GOAWAY, its reason is
 * `downstream.malformed`, and the work it causes behind the proxy is bounded. The clock stands still, so no budget refills.
 */
import { expect, test } from 'vitest';
import { tornStreams } from '../../src/io/http/http2-guard.ts';
import { streamBody } from '../../src/protocols/http/message.ts';
import {
  ack,
  block,
  data,
  endStream,
  frame,
  get,
  headers,
  type Lines,
  opening,
  padded,
  ping,
  post,
  priority,
  reset,
  settingsFrame,
  types,
  windowUpdate,
} from '../support/http2-frames.ts';
import { http2Rig, type Http2Rig, response } from '../support/http2-rig.ts';

const protocolError = 1;
const enhanceYourCalm = 11;

function many(count: number, one: (index: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => one(index)));
}

async function expectCalm(rig: Http2Rig, cause: string): Promise<void> {
  await rig.until(() => rig.goaways().length > 0 && rig.told.some(({ name }) => name === 'flushed'));
  expect(rig.goaways()).toEqual([enhanceYourCalm]);
  expect(rig.told.find(({ name }) => name === 'finished')).toEqual({
    name: 'finished',
    reason: 'downstream.malformed',
    cause,
  });
  for (const exchange of rig.exchanges) expect(exchange.isOver).toBe(true);
}

const floods: readonly (readonly [name: string, cause: string, frames: () => Buffer])[] = [
  ['PING', 'too many PING frames', () => many(1_500, () => ping())],
  ['SETTINGS', 'too many SETTINGS frames', () => many(1_500, () => settingsFrame([[4, 65_535]]))],
  ['PRIORITY', 'too many PRIORITY frames', () => many(1_500, () => priority(3, 1))],
  ['WINDOW_UPDATE', 'too many WINDOW_UPDATE frames', () => many(1_500, () => windowUpdate(0, 1))],
  ['empty DATA', 'too many empty DATA frames', () => many(1_500, () => data(1, ''))],
  ['padding', 'too many empty DATA frames', () => many(1_500, () => frame(types.data, padded, 1, Buffer.of(2, 0, 0)))],
  ['unknown frame', 'too many unknown frames', () => many(1_500, () => frame(0xbb, 0, 0))],
];

for (const [name, cause, frames] of floods) {
  test(`a flood of ${name} frames ends the connection by GOAWAY, and the exchange that was live`, async () => {
    await using rig = await http2Rig((exchange) => exchange.requester.resume());
    rig.send(opening(), headers(1, post, 0));
    await rig.until(() => rig.exchanges.length === 1);
    rig.send(frames());
    await expectCalm(rig, cause);
    expect(rig.exchanges[0]?.failure).toBe('downstream.malformed');
  });
}

test('CVE-2024-27316: a header block that goes on and on ends the connection, and is no exchange', async () => {
  await using rig = await http2Rig();
  rig.send(opening(), frame(types.headers, endStream, 1, block(get)));
  rig.send(many(20, () => frame(types.continuation, 0, 1, block([['x', 'y'.repeat(100)]]))));
  await expectCalm(rig, 'a header block goes on in too many CONTINUATION frames');
  expect(rig.exchanges).toHaveLength(0);
});

test('CVE-2023-44487: requests that are reset at once end the connection, and few of them were exchanges', async () => {
  await using rig = await http2Rig(() => undefined);
  rig.send(opening());
  for (let index = 0; index < tornStreams.burst + 100 && rig.goaways().length === 0; index += 1) {
    const id = index * 2 + 1;
    rig.send(headers(id, get));
    await rig.until(() => rig.exchanges.length > index || rig.goaways().length > 0);
    rig.send(reset(id, 8));
  }
  await expectCalm(rig, 'too many streams were reset');
  expect(rig.exchanges.length).toBeLessThanOrEqual(tornStreams.burst + 1);
  for (const exchange of rig.exchanges.slice(0, -1)) expect(exchange.failure).toBe('downstream.reset');
});

test('CVE-2023-44487: requests that are reset in the same read are no exchanges at all', async () => {
  await using rig = await http2Rig(() => undefined);
  const pairs = (from: number, count: number): Buffer =>
    many(count, (index) => {
      const id = (from + index) * 2 + 1;
      return Buffer.concat([headers(id, get), reset(id, 8)]);
    });
  rig.send(opening(), pairs(0, 100), ping());
  await rig.until(() => rig.frames(types.ping).length === 1);
  await rig.pair.settle();
  expect(rig.exchanges).toHaveLength(0);
  expect(rig.goaways()).toEqual([]);
  rig.send(pairs(100, 900));
  await expectCalm(rig, 'too many streams were reset');
  expect(rig.exchanges).toHaveLength(0);
});

test('CVE-2025-8671: streams that the client makes us reset count as much as those it resets', async () => {
  await using rig = await http2Rig(() => undefined);
  rig.send(opening());
  for (let index = 0; index < tornStreams.burst + 100 && rig.goaways().length === 0; index += 1) {
    const id = index * 2 + 1;
    rig.send(headers(id, post, 0));
    await rig.until(() => rig.exchanges.length > index || rig.goaways().length > 0);
    rig.send(
      headers(
        id,
        Array.from({ length: 300 }, () => ['x', 'y']),
      ),
    );
    await rig.until(() => rig.exchanges.every(({ isOver }) => isOver) || rig.goaways().length > 0);
  }
  await expectCalm(rig, 'too many streams had to be reset');
  expect(rig.exchanges.length).toBeLessThanOrEqual(tornStreams.burst + 1);
});

test('a header list that unfolds to megabytes is reset, and so is the connection when it goes on', async () => {
  await using rig = await http2Rig();
  const long: Lines = [['x-bomb', 'y'.repeat(3_900)]];
  // Indexed into the dynamic table once, named by one byte 2,000 times.
  const stored = Buffer.concat([Buffer.of(0x40), block(long).subarray(1)]);
  const bomb = (id: number, first: Uint8Array): Buffer =>
    frame(types.headers, 0x5, id, Buffer.concat([block(get), first, Buffer.alloc(2_000, 0xbe)]));
  rig.send(opening());
  for (let index = 0; index < tornStreams.burst + 100 && rig.goaways().length === 0; index += 1) {
    rig.send(bomb(index * 2 + 1, index === 0 ? stored : Buffer.alloc(0)));
    await rig.until(() => rig.resets().length > index || rig.goaways().length > 0);
  }
  await expectCalm(rig, 'too many streams had to be reset');
  expect(rig.exchanges).toHaveLength(0);
});

test('a head with more than 100 fields or 32 KiB is answered 431; cookies in pieces are one field', async () => {
  await using rig = await http2Rig();
  const fields = (count: number): Lines => Array.from({ length: count }, (_, index) => [`x-${index}`, 'y']);
  rig.send(opening(), headers(1, [...get, ...fields(101)]), headers(3, [...get, ...fields(100)]));
  const crumbs: Lines = Array.from({ length: 120 }, (_, index) => ['cookie', `c${index}=1`]);
  rig.send(headers(5, [...get, ...crumbs]));
  const first = block([...get, ['x-1', 'y'.repeat(12_000)]]);
  const more = block([['x-2', 'y'.repeat(12_000)]]);
  const rest = block([['x-3', 'y'.repeat(12_000)]]);
  rig.send(
    frame(types.headers, endStream, 7, first),
    frame(types.continuation, 0, 7, more),
    frame(types.continuation, 0x4, 7, rest),
  );
  await rig.until(() => rig.exchanges.length === 4);
  await rig.until(() => rig.exchanges.every(({ isOver }) => isOver));
  expect(rig.exchanges.map(({ problem }) => problem?.status ?? null)).toEqual([431, null, null, 431]);
  expect(rig.exchanges[2]?.head?.fields[1]).toMatch(/^c0=1; c1=1; .*; c119=1$/);
});

const badIds: readonly (readonly [name: string, frames: Buffer])[] = [
  ['an even stream id', headers(2, get)],
  ['DATA on a stream that was never opened', data(7, 'x')],
  ['RST_STREAM on stream 0', frame(types.reset, 0, 0, Buffer.alloc(4))],
  ['SETTINGS on a stream', frame(types.settings, 0, 1)],
  ['a frame that is too long', frame(types.data, 0, 1, Buffer.alloc(20_000))],
  ['CONTINUATION of nothing', frame(types.continuation, 0x4, 1, block(get))],
];

for (const [name, frames] of badIds) {
  test(`${name} ends the connection by GOAWAY`, async () => {
    await using rig = await http2Rig();
    rig.send(opening(), frames);
    await rig.until(() => rig.goaways().length > 0 && rig.told.some((one) => one.name === 'flushed'));
    expect(rig.goaways()).toHaveLength(1);
    expect(rig.goaways()[0]).toBeGreaterThanOrEqual(protocolError);
    expect(rig.told.find((one) => one.name === 'finished')?.reason).toBe('downstream.malformed');
  });
}

test('a breach after the proxy has said GOAWAY ends the connection and what is live on it', async () => {
  await using rig = await http2Rig(() => undefined);
  rig.send(opening(), headers(1, get));
  await rig.until(() => rig.exchanges.length === 1);
  rig.service.last();
  await rig.until(() => rig.frames(types.ping).length === 1);
  rig.send(frame(types.ping, ack, 0, rig.frames(types.ping)[0]?.payload));
  await rig.until(() => rig.goaways().length === 2);
  expect(rig.goaways()).toEqual([0, 0]);
  rig.send(data(7, 'x'));
  await rig.until(() => rig.told.some((one) => one.name === 'flushed'));
  expect(rig.goaways()).toEqual([0, 0, protocolError]);
  expect(rig.exchanges[0]?.failure).toBe('downstream.malformed');
});

test('a window that stays shut holds the writer, not memory, and one that opens lets it go on', async () => {
  const fits: boolean[] = [];
  await using rig = await http2Rig((exchange) => {
    exchange.requester.respond(response(200, { body: streamBody }));
    for (let count = 0; count < 3; count += 1) {
      fits.push(exchange.requester.write(Buffer.alloc(65_536), 'owned'));
    }
  });
  rig.send(opening([[4, 0]]), headers(1, get));
  await rig.until(() => rig.frames(types.headers).length === 1);
  await rig.pair.settle();
  expect(fits).toContain(false);
  expect(rig.frames(types.data)).toHaveLength(0);
  rig.send(windowUpdate(1, 1_000_000), windowUpdate(0, 1_000_000));
  await rig.until(() => (rig.exchanges[0]?.writableTold ?? 0) > 0);
  expect(rig.frames(types.data).length).toBeGreaterThan(0);
  expect(rig.goaways()).toEqual([]);
});

test('an answer that a client does not take is reset when its exchange would have been', async () => {
  await using rig = await http2Rig((exchange) => exchange.answer(200, 'x'.repeat(1_000)));
  rig.send(opening([[4, 0]]), headers(1, get));
  await rig.until(() => rig.told.at(-1)?.name === 'closed');
  rig.pair.clock.advance(300_001);
  rig.send(headers(3, get));
  await rig.until(() => rig.resets().length === 1);
  expect(rig.resets()).toEqual([[1, 8]]);
});

test('a client that acknowledges what it downloads, update by update, is no flood', async () => {
  const size = 800_000;
  await using rig = await http2Rig((exchange) => exchange.answer(200, 'x'.repeat(size)));
  rig.send(opening([[4, 16_384]]), headers(1, get));
  let acknowledged = 0;
  await rig.until(() => {
    const received = rig.frames(types.data).reduce((sum, { payload }) => sum + payload.length, 0);
    const updates = Math.floor((received - acknowledged) / 600);
    if (updates > 0) {
      rig.send(many(updates, () => Buffer.concat([windowUpdate(0, 600), windowUpdate(1, 600)])));
      acknowledged += updates * 600;
    }
    return received === size || rig.goaways().length > 0;
  });
  expect(rig.goaways()).toEqual([]);
});

test('a stream id that goes back is no exchange', async () => {
  await using rig = await http2Rig();
  rig.send(opening(), headers(5, get), headers(3, get), headers(7, get));
  await rig.until(() => rig.exchanges.length === 2);
  await rig.pair.settle();
  expect(rig.exchanges).toHaveLength(2);
});

test('downgrade: a field with a line end or NUL, which nghttp2 leaves out, reaches no exchange', async () => {
  await using rig = await http2Rig();
  rig.send(opening(), headers(1, [...get, ['x', 'a\r\nhost: b'], ['y', 'a\0b'], ['x\r\ny', 'a'], ['z', 'clean']]));
  await rig.until(() => rig.exchanges.length === 1);
  expect(rig.exchanges[0]?.head?.fields).toEqual(['z', 'clean']);
});

test('a client that pings before every request is no flood', async () => {
  await using rig = await http2Rig();
  rig.send(opening());
  for (let count = 0; count < 600; count += 1) {
    rig.send(ping(), ping(), headers(count * 2 + 1, get));
    await rig.until(() => rig.exchanges[count]?.isOver === true || rig.goaways().length > 0);
  }
  expect(rig.goaways()).toEqual([]);
});

const unclean: readonly (readonly [name: string, lines: Lines])[] = [
  ['a capital in a name', [...get, ['X-Y', 'a']]],
  ['Connection', [...get, ['connection', 'close']]],
  ['Transfer-Encoding', [...post, ['transfer-encoding', 'chunked']]],
  ['TE other than trailers', [...get, ['te', 'gzip']]],
  ['a blank in the path', [...get.slice(0, 2), [':path', '/ HTTP/1.1'], [':authority', 'a.test']]],
  ['two paths', [...get, [':path', '/b']]],
  ['no path', get.filter(([name]) => name !== ':path')],
  ['an unknown pseudo-header', [...get, [':x', 'y']]],
  ['a pseudo-header behind a field', [['x', 'y'], ...get]],
  ['Host that is not :authority', [...get, ['host', 'b.test']]],
  ['a user in :authority', [...get.slice(0, 3), [':authority', 'a@b.test']]],
  ['two lengths', [...post, ['content-length', '1'], ['content-length', '2']]],
  ['a length and no body', [...post, ['content-length', '5']]],
  [
    'CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'a.test:80'],
    ],
  ],
  ['CONNECT for another protocol', [[':method', 'CONNECT'], [':protocol', 'x'], ...get.slice(1)]],
];

for (const [name, lines] of unclean) {
  test(`downgrade: a request with ${name} reaches no exchange as a request`, async () => {
    await using rig = await http2Rig();
    rig.send(opening(), headers(1, lines));
    await rig.until(
      () => rig.resets().length + rig.goaways().length > 0 || rig.exchanges.some(({ problem }) => problem !== null),
    );
    for (const exchange of rig.exchanges) {
      expect(exchange.head).toBe(null);
      expect(exchange.problem?.status).toBeGreaterThanOrEqual(400);
    }
  });
}

for (const [name, body] of [
  ['shorter', data(1, 'abc', endStream)],
  ['longer', data(1, 'abcdef')],
] as const) {
  test(`downgrade: a body that is ${name} than its Content-Length is no request`, async () => {
    await using rig = await http2Rig((exchange) => exchange.requester.resume());
    rig.send(opening(), headers(1, [...post, ['content-length', '5']], 0));
    await rig.until(() => rig.exchanges.length === 1);
    rig.send(body);
    await rig.until(() => rig.goaways().length + rig.resets().length > 0);
    await rig.until(() => rig.exchanges.every(({ isOver }) => isOver));
    expect(rig.exchanges[0]).toMatchObject({ failure: 'downstream.malformed', trailers: null });
  });
}
