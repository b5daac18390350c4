/**
 * HTTP/2 to an upstream: one session, many requests, frame by frame against an upstream that the test plays.
 */
import { expect, test } from 'vitest';
import type { CarrierOwner } from '../../src/io/http/carrier.ts';
import { Http2Upstream } from '../../src/io/http/http2-upstream.ts';
import type { Upstream, UpstreamOwner } from '../../src/io/http/ports.ts';
import {
  type Fields,
  noBody,
  type RequestHead,
  type ResponseHead,
  streamBody,
} from '../../src/protocols/http/message.ts';
import {
  ack,
  data,
  endStream,
  type Frame,
  frame,
  goaway,
  headers,
  ping,
  readFrames,
  reset,
  settingsFrame,
  types,
} from '../support/http2-frames.ts';
import { publicPair } from '../support/sockets.ts';

const prefaceBytes = 24;
const ok = [[':status', '200']] as const;
const maxStreams = 3;

function request(parts: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    target: '/a?b',
    version: '1.1',
    authority: 'a.test',
    fields: ['User-Agent', 'x', 'Accept', 'text/html', 'Accept', '*/*'],
    body: noBody,
    expectsContinue: false,
    upgrade: null,
    acceptsTrailers: false,
    isPersistent: true,
    ...parts,
  };
}

class Asker implements UpstreamOwner {
  upstream: Upstream | null = null;
  readonly interim: number[] = [];
  head: ResponseHead | null = null;
  body = '';
  trailers: Fields | null = null;
  failure: { readonly reason: string; readonly detail: string; readonly wasSilent: boolean } | null = null;

  responseInformed(head: ResponseHead): void {
    this.interim.push(head.status);
  }

  responseHead(head: ResponseHead): void {
    this.head = head;
  }

  responseBody(bytes: Uint8Array): boolean {
    this.body += Buffer.from(bytes).toString('latin1');
    return true;
  }

  responseEnded(trailers: Fields): void {
    this.trailers = trailers;
    this.upstream?.release();
  }

  responseSettled(): void {
    return undefined;
  }

  upstreamFailed(reason: string, detail: string, wasSilent: boolean): void {
    this.failure = { reason, detail, wasSilent };
  }

  requestWritable(): void {
    return undefined;
  }
}

async function upstreamRig() {
  const pair = await publicPair();
  const told: string[] = [];
  const owner: CarrierOwner = {
    idle: () => void told.push('idle'),
    lendable: () => void told.push('lendable'),
    leaving: () => void told.push('leaving'),
    spoilt: () => void told.push('spoilt'),
    ended: () => void told.push('ended'),
    detached: () => void told.push('detached'),
    broken: (error) => {
      throw error;
    },
  };
  const carrier = new Http2Upstream(pair.near, owner, pair.clock);
  pair.near.facts$.subscribe((fact) => {
    if (fact.type === 'failed') carrier.failed('upstream.reset', fact.code);
    else if (fact.type !== 'released') carrier.told(fact);
  });
  const chunks: Buffer[] = [];
  pair.far.facts$.subscribe(() => undefined);
  pair.far.bytes$.subscribe((chunk) => void chunks.push(Buffer.from(chunk)));
  carrier.start();
  pair.far.write(Buffer.concat([settingsFrame(), frame(types.settings, ack, 0)]), 'owned');
  const frames = (type?: number): readonly Frame[] =>
    readFrames(Buffer.concat(chunks).subarray(prefaceBytes)).filter((one) => type === undefined || one.type === type);
  return {
    pair,
    carrier,
    told,
    frames,
    until: (holds: () => boolean): Promise<void> => pair.until(holds),
    send: (...bytes: readonly Uint8Array[]) => void pair.far.write(Buffer.concat(bytes), 'owned'),
    ask: (head: RequestHead = request()): Asker => {
      const asker = new Asker();
      asker.upstream = carrier.request(asker);
      asker.upstream.send(head);
      return asker;
    },
    [Symbol.asyncDispose]: async () => {
      carrier.abort();
      await pair[Symbol.asyncDispose]();
    },
  };
}

test('several requests share a connection, and their answers come in any order', async () => {
  await using rig = await upstreamRig();
  const first = rig.ask();
  const second = rig.ask();
  await rig.until(() => rig.frames(types.headers).length === 2);
  rig.send(headers(3, [...ok, ['content-length', '3']], 0), data(3, 'two', endStream));
  await rig.until(() => second.trailers !== null);
  expect(second).toMatchObject({ body: 'two', head: { status: 200, body: { kind: 'length', bytes: 3 } } });
  expect(first.head).toBe(null);
  expect(first.upstream?.isReused).toBe(false);
  expect(second.upstream?.isReused).toBe(true);
  rig.send(headers(1, ok, 0), data(1, 'one', endStream));
  await rig.until(() => rig.told.includes('idle'));
  expect(first.body).toBe('one');
  expect(rig.told).toEqual(['lendable', 'idle']);
});

test('a gRPC exchange has a body and trailers both ways', async () => {
  await using rig = await upstreamRig();
  const asker = rig.ask(request({ method: 'POST', body: streamBody, acceptsTrailers: true }));
  asker.upstream?.write(Buffer.from('ask'), 'owned');
  await rig.until(() => rig.frames(types.data).length === 1);
  rig.send(headers(1, ok, 0), data(1, 'answer'));
  await rig.until(() => asker.body === 'answer');
  asker.upstream?.end(['X-Checksum', 'abc']);
  await rig.until(() => rig.frames(types.headers).length === 2);
  expect(rig.frames(types.headers)[1]?.flags).toBe(0x5);
  rig.send(headers(1, [['grpc-status', '0']]));
  await rig.until(() => asker.trailers !== null);
  expect(asker.trailers).toEqual(['grpc-status', '0']);
  await rig.until(() => rig.told.includes('idle'));
  expect(rig.frames(types.reset)).toEqual([]);
});

test('interim responses come before the final one', async () => {
  await using rig = await upstreamRig();
  const asker = rig.ask();
  await rig.until(() => rig.frames(types.headers).length === 1);
  rig.send(
    headers(
      1,
      [
        [':status', '103'],
        ['link', '</a>'],
      ],
      0,
    ),
    headers(1, [[':status', '204']]),
  );
  await rig.until(() => asker.trailers !== null);
  expect(asker.interim).toEqual([103]);
  expect(asker.head?.status).toBe(204);
});

test('L39: what runs at GOAWAY runs on, what the upstream never looked at fails silently, and nobody new is let in', async () => {
  await using rig = await upstreamRig();
  const first = rig.ask();
  const second = rig.ask();
  await rig.until(() => rig.frames(types.headers).length === 2);
  rig.send(goaway(1, 0));
  await rig.until(() => second.failure !== null);
  expect(second.failure).toMatchObject({ reason: 'upstream.reset', wasSilent: true });
  expect(rig.carrier.canLend).toBe(false);
  expect(rig.told).toContain('leaving');
  rig.send(headers(1, ok, 0), data(1, 'one', endStream));
  await rig.until(() => first.trailers !== null);
  expect(first).toMatchObject({ body: 'one', failure: null });
});

test('a request that comes after GOAWAY fails silently', async () => {
  await using rig = await upstreamRig();
  const first = rig.ask();
  await rig.until(() => rig.frames(types.headers).length === 1);
  rig.send(goaway(1, 0));
  await rig.until(() => rig.told.includes('leaving'));
  const late = rig.ask();
  await rig.until(() => late.failure !== null);
  expect(late.failure?.wasSilent).toBe(true);
  expect(first.failure).toBe(null);
});

const failures: readonly (readonly [name: string, frames: Buffer, failure: Partial<NonNullable<Asker['failure']>>])[] =
  [
    ['REFUSED_STREAM', reset(1, 7), { reason: 'upstream.reset', wasSilent: true }],
    ['RST_STREAM before an answer', reset(1, 8), { reason: 'upstream.reset', wasSilent: true }],
    [
      'RST_STREAM in a body',
      Buffer.concat([headers(1, ok, 0), data(1, 'x'), reset(1, 2)]),
      { reason: 'upstream.reset', wasSilent: false },
    ],
    [
      'RST_STREAM without error in a body',
      Buffer.concat([headers(1, ok, 0), data(1, 'x'), reset(1, 0)]),
      { reason: 'upstream.reset', wasSilent: false },
    ],
    ['GOAWAY with an error', goaway(1, 2), { reason: 'upstream.reset', wasSilent: true }],
    ['no status', headers(1, [['a', 'b']]), { reason: 'upstream.malformed' }],
    ['a status that is no number', headers(1, [[':status', '2x0']]), { reason: 'upstream.malformed' }],
    ['a field of HTTP/1.1', headers(1, [...ok, ['connection', 'close']]), { reason: 'upstream.malformed' }],
    [
      'a body that is too short',
      Buffer.concat([headers(1, [...ok, ['content-length', '5']], 0), data(1, 'x', endStream)]),
      { wasSilent: false },
    ],
    [
      'a body that is too long',
      Buffer.concat([headers(1, [...ok, ['content-length', '1']], 0), data(1, 'xyz', endStream)]),
      {},
    ],
    [
      'bytes that are no frames',
      Buffer.from('HTTP/1.1 200 OK\r\n\r\nxxxxxxxxxxxxxxxx'),
      { reason: 'upstream.malformed', wasSilent: true },
    ],
  ];

for (const [name, frames, failure] of failures) {
  test(`${name} from an upstream is a failure, and never the end of an answer`, async () => {
    await using rig = await upstreamRig();
    const asker = rig.ask();
    await rig.until(() => rig.frames(types.headers).length === 1);
    rig.send(frames);
    await rig.until(() => asker.failure !== null);
    expect(asker.failure).toMatchObject(failure);
    expect(asker.trailers).toBe(null);
  });
}

test('FIN from an upstream fails what runs, in the middle of a body as truncated', async () => {
  await using rig = await upstreamRig();
  const begun = rig.ask();
  const silent = rig.ask();
  await rig.until(() => rig.frames(types.headers).length === 2);
  rig.send(headers(1, ok, 0), data(1, 'x'));
  rig.pair.far.end();
  await rig.until(() => rig.told.includes('ended'));
  expect(begun.failure).toMatchObject({ reason: 'upstream.truncated', wasSilent: false });
  expect(silent.failure).toMatchObject({ reason: 'upstream.reset', wasSilent: true });
});

test('L39: a request that its exchange lets go of is reset with CANCEL, and the connection serves on', async () => {
  await using rig = await upstreamRig();
  const first = rig.ask();
  await rig.until(() => rig.frames(types.headers).length === 1);
  first.upstream?.release();
  await rig.until(() => rig.frames(types.reset).length === 1);
  expect(rig.frames(types.reset)[0]?.payload.readUInt32BE(0)).toBe(8);
  await rig.until(() => rig.told.includes('idle'));
  expect(rig.carrier.canLend).toBe(true);
});

test('a request that is left in the middle never ends, whether its length was said or not', async () => {
  await using rig = await upstreamRig();
  for (const body of [streamBody, { kind: 'length', bytes: 10 }] as const) {
    const asker = rig.ask(request({ method: 'POST', body }));
    asker.upstream?.write(Buffer.from('half'), 'owned');
    asker.upstream?.release();
  }
  await rig.until(() => rig.frames(types.reset).length === 2);
  expect(rig.frames().filter(({ streamId, flags }) => streamId > 0 && (flags & endStream) !== 0)).toEqual([]);
});

test('no more requests are lent than the upstream takes', async () => {
  await using rig = await upstreamRig();
  rig.send(settingsFrame([[3, maxStreams]]));
  await rig.until(() => rig.frames(types.settings).length === 3);
  for (let count = 0; count < maxStreams; count += 1) {
    expect(rig.carrier.canLend).toBe(true);
    rig.ask();
  }
  expect(rig.carrier.canLend).toBe(false);
  rig.send(settingsFrame([[3, maxStreams + 1]]));
  await rig.until(() => rig.told.includes('lendable'));
  expect(rig.carrier.canLend).toBe(true);
});

test('an upstream that floods is let go of, and its requests fail', async () => {
  await using rig = await upstreamRig();
  const asker = rig.ask();
  await rig.until(() => rig.frames(types.headers).length === 1);
  rig.send(Buffer.concat(Array.from({ length: 1_500 }, () => ping())));
  await rig.until(() => rig.told.includes('spoilt'));
  expect(asker.failure?.reason).toBe('upstream.malformed');
});

test('a connection that nobody uses is closed with GOAWAY', async () => {
  await using rig = await upstreamRig();
  const asker = rig.ask();
  await rig.until(() => rig.frames(types.headers).length === 1);
  rig.send(headers(1, ok));
  await rig.until(() => rig.told.includes('idle'));
  expect(asker.head?.body).toEqual(noBody);
  rig.carrier.close();
  rig.pair.near.release();
  await rig.until(() => rig.frames(types.goaway).length > 0);
  expect(rig.frames(types.goaway).map(({ payload }) => payload.readUInt32BE(4))).toEqual([0]);
});
