/**
 * HTTP/2 from a client: what becomes of requests, answers and ends, on a real leg, frame by frame.
 *
 * What clients do to hurt is in `http2-hostile.test.ts`.
 */
import { expect, test } from 'vitest';
import { streamBody } from '../../src/protocols/http/message.ts';
import {
  data,
  endStream,
  get,
  headers,
  opening,
  ping,
  post,
  reset,
  types,
  windowUpdate,
  ack,
  goaway,
} from '../support/http2-frames.ts';
import { http2Rig, response } from '../support/http2-rig.ts';

const noError = 0;

test('H04: a request is an exchange, and its answer goes out with END_STREAM', async () => {
  await using rig = await http2Rig();
  rig.send(opening(), headers(1, get));
  await rig.until(() => rig.frames(types.data).some(({ flags }) => (flags & endStream) !== 0));
  const [exchange] = rig.exchanges;
  expect(exchange?.head).toMatchObject({ method: 'GET', target: '/', authority: 'a.test', version: '2', fields: [] });
  expect(Buffer.concat(rig.frames(types.data).map(({ payload }) => payload)).toString()).toBe('ok');
  expect(rig.told).toEqual([{ name: 'opened' }, { name: 'closed' }]);
  expect(rig.resets()).toEqual([]);
});

test('H04: a body comes when the exchange asks for it, with its trailers', async () => {
  await using rig = await http2Rig(() => undefined);
  rig.send(
    opening(),
    headers(1, [...post, ['te', 'trailers'], ['content-type', 'application/grpc']], 0),
    data(1, 'abc'),
    data(1, 'def'),
    headers(1, [['grpc-status', '0']]),
  );
  await rig.until(() => rig.exchanges.length === 1);
  const [exchange] = rig.exchanges;
  await rig.pair.settle();
  expect(exchange?.head).toMatchObject({ body: { kind: 'stream' }, acceptsTrailers: true });
  expect(exchange?.body).toBe('');
  exchange?.requester.resume();
  await rig.until(() => exchange?.trailers !== null);
  expect(exchange?.body).toBe('abcdef');
  expect(exchange?.trailers).toEqual(['grpc-status', '0']);
});

test('H04: an answer has its interim heads before it and its trailers behind it', async () => {
  await using rig = await http2Rig((exchange) => {
    exchange.requester.inform(response(103, { fields: ['Link', '</a>'] }));
    exchange.requester.respond(response(200, { body: streamBody, fields: ['Content-Type', 'application/grpc'] }));
    exchange.requester.write(Buffer.from('abc'), 'owned');
    exchange.finish(['Grpc-Status', '0']);
  });
  rig.send(opening(), headers(1, get));
  await rig.until(() => rig.frames(types.headers).length === 3);
  expect(
    rig
      .frames()
      .filter(({ streamId }) => streamId === 1)
      .map(({ type }) => type),
  ).toEqual([1, 1, 0, 1]);
  expect(rig.frames(types.headers).map(({ flags }) => flags & endStream)).toEqual([0, 0, endStream]);
});

test('L39: a client that resets its stream is told to the exchange at once, and the connection goes on', async () => {
  await using rig = await http2Rig(() => undefined);
  rig.send(opening(), headers(1, get), headers(3, get));
  await rig.until(() => rig.exchanges.length === 2);
  rig.send(reset(1, 8));
  await rig.until(() => rig.exchanges[0]?.failure !== null);
  expect(rig.exchanges[0]?.failure).toBe('downstream.reset');
  expect(rig.exchanges[1]?.isOver).toBe(false);
  rig.exchanges[1]?.answer(200, 'ok');
  await rig.until(() => rig.told.at(-1)?.name === 'closed');
  expect(rig.goaways()).toEqual([]);
});

test('H04: an answer that can not be completed is reset, never ended', async () => {
  await using rig = await http2Rig((exchange) => {
    exchange.requester.respond(response(200, { body: streamBody }));
    exchange.requester.write(Buffer.from('half'), 'owned');
  });
  rig.send(opening(), headers(1, get));
  await rig.until(() => rig.frames(types.data).length === 1);
  rig.exchanges[0]?.over('upstream.truncated');
  await rig.until(() => rig.resets().length === 1);
  expect(rig.resets()).toEqual([[1, 2]]);
  expect(rig.frames(types.data).every(({ flags }) => (flags & endStream) === 0)).toBe(true);
});

for (const body of [streamBody, { kind: 'length', bytes: 10 }] as const) {
  test(`H04: an answer (${body.kind}) that is cut within the tick of its first bytes never ends cleanly`, async () => {
    await using rig = await http2Rig((exchange) => {
      exchange.requester.respond(response(200, { body }));
      exchange.requester.write(Buffer.from('half'), 'owned');
      exchange.over('upstream.truncated');
    });
    rig.send(opening(), headers(1, get));
    await rig.until(() => rig.resets().length === 1);
    expect(rig.resets()).toEqual([[1, 2]]);
    expect(rig.frames().filter(({ streamId, flags }) => streamId === 1 && (flags & endStream) !== 0)).toEqual([]);
  });
}

test('H04: what is left of a request whose answer is complete is refused without error, behind END_STREAM', async () => {
  await using rig = await http2Rig((exchange) => exchange.answer(413, 'no'));
  rig.send(opening(), headers(1, post, 0), data(1, 'abc'));
  await rig.until(() => rig.frames(types.data).some(({ flags }) => (flags & endStream) !== 0));
  rig.exchanges[0]?.over('completed');
  await rig.until(() => rig.resets().length === 1);
  expect(rig.resets()).toEqual([[1, noError]]);
  const order = rig.frames().filter(({ streamId }) => streamId === 1);
  expect(order.at(-1)?.type).toBe(types.reset);
});

test('H04: a client may send no more than its window while the exchange takes nothing', async () => {
  await using rig = await http2Rig((exchange) => {
    exchange.hasRoom = false;
    exchange.requester.resume();
  });
  rig.send(opening(), headers(1, post, 0));
  const granted = (streamId: number): number =>
    rig
      .frames(types.windowUpdate)
      .filter((one) => one.streamId === streamId)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 65_535);
  let sent = 0;
  const sendAll = async (): Promise<void> => {
    for (let room = 1; room > 0 && sent < 1_000_000; sent += room) {
      await rig.pair.settle();
      room = Math.min(16_384, granted(0) - sent, granted(1) - sent);
      if (room > 0) rig.send(data(1, 'x'.repeat(room)));
    }
  };
  await sendAll();
  expect(sent).toBeLessThan(200_000);
  const [exchange] = rig.exchanges;
  if (exchange !== undefined) exchange.hasRoom = true;
  exchange?.requester.resume();
  await sendAll();
  await rig.until(() => exchange?.body.length === sent);
  expect(sent).toBeGreaterThanOrEqual(1_000_000);
});

test('a drain is gentle: a request that crosses GOAWAY is served, then the real GOAWAY comes', async () => {
  await using rig = await http2Rig(() => undefined);
  rig.send(opening(), headers(1, get));
  await rig.until(() => rig.exchanges.length === 1);
  rig.service.last();
  await rig.until(() => rig.frames(types.goaway).length === 1 && rig.frames(types.ping).length === 1);
  expect(rig.frames(types.goaway)[0]?.payload.readUInt32BE(0)).toBe(2 ** 31 - 1);
  rig.send(headers(3, get));
  await rig.until(() => rig.exchanges.length === 2);
  const [asked] = rig.frames(types.ping);
  rig.send(Buffer.concat([Buffer.of(0, 0, 8, types.ping, ack, 0, 0, 0, 0), asked?.payload ?? Buffer.alloc(8)]));
  await rig.until(() => rig.frames(types.goaway).length === 2);
  expect(rig.frames(types.goaway)[1]?.payload.readUInt32BE(0)).toBe(3);
  for (const exchange of rig.exchanges) exchange.answer(200, 'ok');
  await rig.until(() => rig.frames(types.data).filter(({ flags }) => (flags & endStream) !== 0).length === 2);
});

test('the end of a service says GOAWAY before FIN', async () => {
  await using rig = await http2Rig();
  rig.send(opening(), headers(1, get));
  await rig.until(() => rig.told.length === 2);
  rig.service.end();
  await rig.until(() => rig.told.at(-1)?.name === 'flushed');
  await rig.until(() => rig.goaways().length === 1);
  expect(rig.goaways()).toEqual([noError]);
});

test('L39: FIN from a client does not take the answers of its requests away', async () => {
  await using rig = await http2Rig(() => undefined);
  rig.send(opening(), headers(1, get));
  rig.pair.far.end();
  await rig.until(() => rig.told.some(({ name }) => name === 'clientEnded'));
  expect(rig.told.map(({ name }) => name)).toEqual(['opened', 'clientEnded']);
  rig.service.last();
  rig.exchanges[0]?.answer(200, 'late');
  await rig.until(() => rig.frames(types.data).some(({ flags }) => (flags & endStream) !== 0));
  expect(rig.exchanges[0]?.failure).toBe(null);
});

test('L39: FIN that has come before the service starts is told behind the request it follows', async () => {
  const early = Buffer.concat([opening(), headers(1, get)]);
  await using rig = await http2Rig(() => undefined, undefined, early);
  await rig.until(() => rig.told.length === 2);
  expect(rig.told.map(({ name }) => name)).toEqual(['opened', 'clientEnded']);
});

test('a client that resets what is left of an answered request has got its answer', async () => {
  await using rig = await http2Rig((exchange) => exchange.answer(413, 'no'));
  rig.send(opening(), headers(1, post, 0));
  await rig.until(() => rig.frames(types.data).some(({ flags }) => (flags & endStream) !== 0));
  rig.send(reset(1, 8));
  await rig.until(() => rig.exchanges[0]?.isOver === true);
  expect(rig.exchanges[0]).toMatchObject({ failure: null, trailers: [] });
});

test('a client that reads nothing is not read either', async () => {
  const large = 30_000_000;
  await using rig = await http2Rig((exchange) => {
    exchange.requester.respond(response(200, { body: streamBody }));
    exchange.requester.write(Buffer.alloc(large), 'owned');
  });
  rig.pair.far.pause();
  rig.send(opening([[4, 2 ** 31 - 1]]), windowUpdate(0, 2 ** 31 - 65_536), headers(1, post, 0));
  await rig.until(() => rig.exchanges.length === 1);
  await rig.pair.settle();
  for (let count = 0; count < 1_000; count += 1) rig.send(data(1, 'x'.repeat(16_384)));
  await rig.pair.settle();
  await rig.pair.settle();
  expect(rig.pair.near.receivedBytes).toBeLessThan(1_000_000);
});

test('a client that says GOAWAY and has nothing under way is finished with', async () => {
  await using rig = await http2Rig();
  rig.send(opening(), headers(1, get));
  await rig.until(() => rig.told.length === 2);
  rig.send(goaway(0, noError));
  await rig.until(() => rig.told.some(({ name }) => name === 'finished'));
  expect(rig.told.at(2)).toMatchObject({ name: 'finished', reason: 'completed' });
});

test('a stopped service has lost every client of its exchanges', async () => {
  await using rig = await http2Rig(() => undefined);
  rig.send(opening(), headers(1, get), ping());
  await rig.until(() => rig.exchanges.length === 1);
  rig.service.stop('operator.killed');
  expect(rig.exchanges[0]?.failure).toBe('operator.killed');
  expect(rig.told.map(({ name }) => name)).toEqual(['opened']);
});
