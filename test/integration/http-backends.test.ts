/**
 * Backends that fail or lie: what the client is told, and that nothing of one exchange ever reaches another.
 *
 * Before the first byte of a response the client gets a status; after it the connection is cut, never ended cleanly. An
 * upstream connection that was not clean is not used again.
 */
import { describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/index.ts';
import { blackHole } from '../support/black-hole.ts';
import { SteppedProxy } from '../support/http-stepped.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { closedPort, dialPeer, eventually, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const route = { match: { ports: 0, protocol: 'http' } } as const;

function exchangesOf(world: ProxyUnderTest): ExchangeRecord[] {
  const records: ExchangeRecord[] = [];
  world.proxy.on('exchange.closed', (record) => void records.push(record));
  return records;
}

interface Lie {
  /** What the origin writes. */
  readonly says: string;
  /** What it does then. */
  readonly next: 'nothing' | 'end' | 'reset';
  readonly reason: string;
}

const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Nothing of the answer is clean enough to be begun: the client is told 502. */
const beforeTheHead: Readonly<Record<string, Lie>> = {
  'no bytes and FIN': { says: '', next: 'end', reason: 'upstream.reset' },
  'no bytes and RST': { says: '', next: 'reset', reason: 'upstream.reset' },
  'another protocol': { says: '220 mail.example ESMTP\r\n', next: 'nothing', reason: 'upstream.malformed' },
  'bytes at random': { says: '\x00\xff\x01\x7f', next: 'nothing', reason: 'upstream.malformed' },
  'HTTP/0.9': { says: '<html>hello</html>', next: 'end', reason: 'upstream.malformed' },
  'HTTP/2.0': { says: 'HTTP/2.0 200 OK\r\n\r\n', next: 'nothing', reason: 'upstream.malformed' },
  'a status of 99': { says: 'HTTP/1.1 099 No\r\n\r\n', next: 'nothing', reason: 'upstream.malformed' },
  'half a head and FIN': { says: 'HTTP/1.1 200 OK\r\nContent-Le', next: 'end', reason: 'upstream.truncated' },
  'half a head and RST': { says: 'HTTP/1.1 200 OK\r\nContent-Le', next: 'reset', reason: 'upstream.reset' },
  'a length and a coding': {
    says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'two lengths': {
    says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a length that is none': {
    says: 'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello',
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a coding that is none': {
    says: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a folded field': {
    says: 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n',
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a field with NUL': {
    says: 'HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n',
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a head of 40 KB': {
    says: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\nContent-Length: 0\r\n\r\n`,
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a head without an end': {
    says: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`,
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  '200 fields': {
    says: `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(200)}Content-Length: 0\r\n\r\n`,
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a flood of 103': {
    says: 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000),
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a flood of 100': {
    says: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000),
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  '101 that nobody asked for': {
    says: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
    next: 'nothing',
    reason: 'upstream.malformed',
  },
};

/** The client has seen the head of an answer that can not be completed: it is cut. */
const behindTheHead: Readonly<Record<string, Lie>> = {
  'a body that is too short, and FIN': {
    says: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello',
    next: 'end',
    reason: 'upstream.truncated',
  },
  'a body that is too short, and RST': {
    says: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello',
    next: 'reset',
    reason: 'upstream.reset',
  },
  'chunks without the last one': { says: `${chunkedHead}5\r\nhello\r\n`, next: 'end', reason: 'upstream.truncated' },
  'half a chunk': { says: `${chunkedHead}5\r\nhel`, next: 'end', reason: 'upstream.truncated' },
  'a chunk size that is none': {
    says: `${chunkedHead}5\r\nhello\r\n0x5\r\nhello\r\n0\r\n\r\n`,
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a chunk longer than its size': {
    says: `${chunkedHead}5\r\nhello there\r\n0\r\n\r\n`,
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'a huge chunk extension': {
    says: `${chunkedHead}5\r\nhello\r\n5;${'x'.repeat(10_000)}\r\nhello\r\n0\r\n\r\n`,
    next: 'nothing',
    reason: 'upstream.malformed',
  },
  'endless trailers': {
    says: `${chunkedHead}5\r\nhello\r\n0\r\nX: ${'x'.repeat(50_000)}`,
    next: 'nothing',
    reason: 'upstream.malformed',
  },
};

/** An origin that lies where the target says so, and answers everybody else. */
function lyingOrigin(lies: Readonly<Record<string, Lie>>): Promise<ScriptedOrigin> {
  return ScriptedOrigin.start(({ head }, _count, peer) => {
    const name = decodeURIComponent(head.split(' ')[1]?.slice(1) ?? '');
    const lie = lies[name];
    if (lie === undefined) return ok(`fine ${name}`);
    peer.send(lie.says);
    if (lie.next === 'end') peer.end();
    else if (lie.next === 'reset') setImmediate(() => peer.reset());
    return null;
  });
}

function peerOf(origin: ScriptedOrigin, path: string): Peer | undefined {
  return origin.connections.find(({ text }) => text.includes(`GET ${path} `));
}

describe.each(['compiled', 'xstate'] as const)('backends that lie, under the %s interpreter', (interpreter) => {
  test('L24: what is no clean head is 502 for its own client alone, and its connection is never used again', async () => {
    await using origin = await lyingOrigin(beforeTheHead);
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    const records = exchangesOf(world);
    const client = await dialPeer(world.port);
    let read = 0;
    for (const [name, { reason }] of Object.entries(beforeTheHead)) {
      const path = `/${encodeURIComponent(name)}`;
      const said = await readFinal(client.send(get(path)), read);
      expect({ name, status: said.status }).toEqual({ name, status: 502 });
      expect(said.fields['proxy-status']).toMatch(/^sallyport; error=/);
      expect({ name, reason: records.at(-1)?.reason }).toEqual({ name, reason });
      const next = await readFinal(client.send(get('/next')), said.end);
      expect({ name, body: next.body }).toEqual({ name, body: 'fine next' });
      read = next.end;
      expect(peerOf(origin, path)?.text).not.toContain(`${path} HTTP/1.1\r\nHost: a.example\r\n\r\nGET`);
      await eventually(
        () => peerOf(origin, path)?.socket.destroyed === true || peerOf(origin, path)?.socket.readableEnded === true,
      );
    }
    client.end();
    await client.closed;
    // Every lie has cost its own connection, and none of them was lent again.
    expect(world.proxy.census().upstreams).toBe(1);
    expect(world.proxy.counters().invariantViolations).toBe(0);
  });

  test('L24: what goes wrong behind a head is cut: no client ever takes it for a whole answer', async () => {
    await using origin = await lyingOrigin(behindTheHead);
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    const records = exchangesOf(world);
    for (const [name, { reason }] of Object.entries(behindTheHead)) {
      const client = await dialPeer(world.port);
      client.send(get(`/${encodeURIComponent(name)}`) + get('/next'));
      expect({ name, how: await client.closed }).toEqual({ name, how: 'reset' });
      expect({ name, isWhole: /(?:^|\r\n)0\r\n\r\n$/.test(client.text) }).toEqual({ name, isWhole: false });
      expect(client.text).not.toContain('fine');
      expect({ name, reason: records.at(-1)?.reason, status: records.at(-1)?.status }).toEqual({
        name,
        reason,
        status: 200,
      });
    }
    expect((await ask(world.port, get('/after'))).body).toBe('fine after');
    await eventually(() => world.proxy.census().upstreams === 1);
  });

  test("I10: bytes behind an answer are nobody's: the next exchange gets its own, on another connection", async () => {
    await using origin = await ScriptedOrigin.start(({ head }) => {
      const own = ok(head.split(' ')[1] ?? '');
      return head.startsWith('GET /poison') ? own + ok('poison') : own;
    });
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    for (let round = 0; round < 5; round += 1) {
      expect((await ask(world.port, get(`/poison-${round}`))).body).toBe(`/poison-${round}`);
      expect((await ask(world.port, get('/next'))).body).toBe('/next');
      expect((await ask(world.port, `HEAD /poison-head HTTP/1.1\r\nHost: a.example\r\n\r\n`, 'HEAD')).status).toBe(200);
      expect((await ask(world.port, get('/next'))).body).toBe('/next');
    }
    for (const { text, closed } of origin.connections) {
      if (!text.includes('/poison')) continue;
      expect(await closed).toMatch(/reset|clean/);
      expect(text.split('/poison')[1]).not.toContain('GET /next');
    }
  });

  test('I10: bytes that come while nobody asks end the connection before anybody can be given them', async () => {
    await using origin = await ScriptedOrigin.start(({ head }) => ok(head.split(' ')[1] ?? ''));
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    expect((await ask(world.port, get('/one'))).body).toBe('/one');
    origin.connections[0]?.send(ok('poison'));
    await eventually(() => world.proxy.census().upstreams === 0);
    expect((await ask(world.port, get('/two'))).body).toBe('/two');
    expect(origin.connections).toHaveLength(2);
  });

  test('L11, H07: refused, unknown and empty names are 502 at once, and the next target is tried within the budget', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('second'));
    const dead = await closedPort();
    const target = (host: string, port: number) => ({ host, port });
    const names: Readonly<Record<string, readonly string[]>> = { 'empty.example': [] };
    const resolver = (name: string): Promise<readonly string[]> => {
      const found = names[name];
      return found === undefined
        ? Promise.reject(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }))
        : Promise.resolve(found);
    };
    for (const host of ['nowhere.example', 'empty.example', '127.0.0.1']) {
      const alone = { type: 'forward', target: target(host, dead) };
      await using world = await SteppedProxy.forward(0, { interpreter, resolver, route: { action: alone } });
      expect({ host, status: (await ask(world.port, get('/'))).status }).toEqual({ host, status: 502 });
      expect(world.exchanges[0]?.reason).toMatch(/^upstream\.(?:refused|unreachable)$/);
      const both = { type: 'forward', targets: [target(host, dead), target('127.0.0.1', origin.port)] };
      await using other = await SteppedProxy.forward(0, { interpreter, resolver, route: { action: both } });
      const client = await dialPeer(other.port);
      client.send(get('/'));
      await other.exchangeInLeaf('DIALING.BACKING_OFF');
      other.clock.advance(100);
      expect((await readReply(client)).body).toBe('second');
      client.socket.destroy();
    }
  });

  test('L11: silent addresses are 504 within one dial budget for all attempts together', async () => {
    await using hole = await blackHole();
    const targets = [
      { host: '127.0.0.1', port: hole.port },
      { host: '127.0.0.2', port: hole.port },
      { host: '127.0.0.3', port: hole.port },
    ];
    await using world = await SteppedProxy.forward(0, {
      interpreter,
      route: { action: { type: 'forward', targets } },
      timeouts: { dial: 1000, dialBudget: 2500 },
    });
    const client = await dialPeer(world.port);
    client.send(get('/'));
    await world.exchangeInLeaf('DIALING.ATTEMPTING');
    world.clock.advance(2499);
    expect(world.exchangeLeaves()).toEqual(['DIALING.ATTEMPTING']);
    world.clock.advance(1);
    const reply = await readReply(client);
    expect(reply.status).toBe(504);
    expect(world.exchanges).toMatchObject([{ reason: 'timeout.dialBudget', limitMs: 2500, status: 504 }]);
    await eventually(() => world.proxy.census().transports === 1);
    client.end();
    await client.closed;
  });

  test('L13: a client that leaves in any phase takes its upstream with it at once', async () => {
    await using hole = await blackHole();
    await using silent = await Origin.start();
    await using talking = await Origin.start(
      (peer) => void peer.socket.once('data', () => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun')),
    );
    const upload = 'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nbegun';
    const phases = [
      [silent, 'ACCEPTED', 'GET / HTTP/1.1\r\nHost: a.e'],
      [hole, 'DIALING.ATTEMPTING', get('/')],
      [silent, 'ESTABLISHED.SENDING', upload],
      [silent, 'HALF_CLOSED.AWAITING', get('/')],
      [talking, 'HALF_CLOSED.RECEIVING', get('/')],
      [talking, 'ESTABLISHED.EXCHANGING', upload],
    ] as const;
    for (const [origin, leaf, text] of phases) {
      await using world = await SteppedProxy.forward(origin.port, { interpreter });
      const client = await dialPeer(world.port);
      client.send(text);
      await world.exchangeInLeaf(leaf);
      client.reset();
      await world.closed(1);
      expect({ leaf, reason: world.exchanges[0]?.reason }).toEqual({ leaf, reason: 'downstream.reset' });
      await eventually(() => world.proxy.census().transports === 0);
      expect(world.proxy.census()).toMatchObject({ upstreams: 0, timers: 0 });
    }
    for (const peer of [...silent.peers, ...talking.peers]) expect(await peer.closed).toBe('reset');
    expect([silent.peers.length, talking.peers.length]).toEqual([2, 2]);
  });
});

/** The next reply that is no interim one, and where it ends. */
async function readFinal(
  client: Peer,
  from: number,
): Promise<{ status: number; fields: Readonly<Record<string, string>>; body: string; end: number }> {
  for (let at = from; ;) {
    const { status, fields, body, bytes } = await readReply(client, at);
    at += bytes;
    if (status >= 200) return { status, fields, body, end: at };
  }
}
