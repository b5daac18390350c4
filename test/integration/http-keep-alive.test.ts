/**
 * Connections that serve many exchanges, on both sides of the proxy: who gets which upstream connection, what an origin
 * that closes at a bad moment does to a request, and that every answer belongs to the request it is given for.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/index.ts';
import { expectBaseline } from '../support/census.ts';
import { runs, seed } from '../support/fuzz.ts';
import { inParallel } from '../support/http-clients.ts';
import { StrictOrigin, type StrictRequest } from '../support/http-strict.ts';
import { ask, get, ok, readReply, repliesIn, ScriptedOrigin, type Reply } from '../support/http-world.ts';
import { dialPeer, eventually, ProxyUnderTest, type Peer } from '../support/world.ts';

const route = { match: { ports: 0, protocol: 'http' } } as const;

function exchangesOf(world: ProxyUnderTest): ExchangeRecord[] {
  const records: ExchangeRecord[] = [];
  world.proxy.on('exchange.closed', (record) => void records.push(record));
  return records;
}

/** Numbers from 0 to 1 that a seed brings back. */
function chanceFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** @param body null: none at all, so that nothing but the method forbids to send it twice. */
function post(path: string, body: string | null): string {
  const head = `POST ${path} HTTP/1.1\r\nHost: a.example\r\n`;
  return body === null ? `${head}\r\n` : `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/**
 * An origin at its worst: it closes connections that it has answered on, at once, some turns later, or when the next
 * request is already there. A connection that serves its first request always answers it.
 */
async function fickleOrigin(chance: () => number): Promise<StrictOrigin> {
  const close = (peer: Peer): void => void (chance() < 0.5 ? peer.end() : peer.reset());
  return StrictOrigin.start(({ target }, { peer, requests }) => {
    if (requests.length > 1 && chance() < 0.4) {
      close(peer);
      return null;
    }
    if (chance() < 0.4) {
      const turns = Math.trunc(chance() * 4);
      setImmediate(() => later(turns, () => close(peer)));
    }
    return ok(target);
  });
}

function later(turns: number, act: () => void): void {
  if (turns === 0) act();
  else setImmediate(() => later(turns - 1, act));
}

/** Asks once, on a connection of its own or the one it has; a connection that was closed is replaced. */
class Caller {
  readonly #port: number;
  #peer: Peer | null = null;
  #read = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async ask(text: string): Promise<Reply> {
    this.#peer ??= await dialPeer(this.#port);
    const reply = await readReply(this.#peer.send(text), this.#read);
    this.#read += reply.bytes;
    if (reply.fields['connection'] === 'close') this.leave();
    return reply;
  }

  leave(): void {
    this.#peer?.socket.destroy();
    this.#peer = null;
    this.#read = 0;
  }
}

describe.each(['compiled', 'xstate'] as const)('kept-alive connections under the %s interpreter', (interpreter) => {
  test('L39: an origin that closes its connections at any moment fails no idempotent request, and gets no other twice', async () => {
    await using origin = await fickleOrigin(chanceFrom(seed()));
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      route,
      timeouts: { poolIdle: '50ms' },
    });
    const records = exchangesOf(world);
    const callers = Array.from({ length: 8 }, () => new Caller(world.port));
    const statuses: string[] = [];
    await inParallel(callers.length, callers.length, async (index) => {
      const caller = callers[index] ?? new Caller(world.port);
      for (let round = 0; round < 60; round += 1) {
        const isPost = round % 3 === 2;
        const path = `/${index}-${round}`;
        const body = round % 2 === 0 ? 'once' : null;
        const reply = await caller.ask(isPost ? post(path, body) : get(path));
        statuses.push(`${isPost ? 'POST' : 'GET'} ${reply.status}`);
        if (reply.status === 200) expect(reply.body).toBe(path);
      }
      caller.leave();
    });
    expect(statuses.filter((status) => status === 'GET 200')).toHaveLength(320);
    expect(statuses.filter((status) => !/^(?:GET 200|POST 200|POST 502)$/.test(status))).toEqual([]);
    const posts = origin.requests.filter(({ method }) => method === 'POST').map(({ target }) => target);
    expect(new Set(posts).size).toBe(posts.length);
    expect(origin.problems).toEqual([]);
    // The race was really run: requests were sent again, and requests that may not be were lost to it.
    const retried = records.filter(({ path }) => path.filter(([state]) => state === 'DIALING').length > 1);
    expect(retried.length).toBeGreaterThan(5);
    expect(retried.every(({ method }) => method === 'GET')).toBe(true);
    expect(statuses).toContain('POST 502');
    await expectBaseline(world.proxy, null);
  });

  test('L39: a request is sent again once, not twice: an origin that never answers it ends it with 502', async () => {
    await using origin = await ScriptedOrigin.start(({ head }, _count, peer) => {
      if (head.startsWith('GET /warm')) return ok('warm');
      peer.reset();
      return null;
    });
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    expect((await ask(world.port, get('/warm'))).status).toBe(200);
    expect((await ask(world.port, get('/never'))).status).toBe(502);
    expect(origin.seen.filter(({ head }) => head.startsWith('GET /never'))).toHaveLength(2);
    expect((await ask(world.port, get('/never'))).status).toBe(502);
    // Nothing was pooled this time, so the connection was fresh, and a fresh one that fails is no race.
    expect(origin.seen.filter(({ head }) => head.startsWith('GET /never'))).toHaveLength(3);
  });

  test('H05: the connection used last is lent first, and at most 256 unused ones are kept', async () => {
    const held: (() => void)[] = [];
    await using origin = await ScriptedOrigin.start(({ head }, _count, peer) => {
      if (head.startsWith('GET /held')) held.push(() => void peer.send(ok('held')));
      return head.startsWith('GET /held') ? null : ok(String(peer.socket.remotePort));
    });
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    const clients = await Promise.all(Array.from({ length: 260 }, () => dialPeer(world.port)));
    for (const client of clients) client.send(get('/held'));
    await eventually(() => held.length === 260);
    expect(world.proxy.census().upstreams).toBe(260);
    for (const [index, client] of clients.entries()) {
      held[index]?.();
      if (index < 256) await client.atLeast(1);
    }
    await Promise.all(clients.map((client) => client.atLeast(1)));
    await eventually(() => world.proxy.census().upstreams <= 256);
    const last = await ask(world.port, get('/who'));
    const again = await ask(world.port, get('/who'));
    expect(again.body).toBe(last.body);
    expect(origin.connections).toHaveLength(260);
    for (const client of clients) client.socket.destroy();
  });

  test('H05, L40: a pooled connection outlives its client, ends at poolIdle or by FIN, and is accounted for until then', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('fine'));
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      route: { ...route, timeouts: { poolIdle: '1h' } },
    });
    await ask(world.port, get('/'));
    await eventually(() => world.proxy.census().transports === 1);
    expect(world.proxy.census()).toMatchObject({ connections: 0, upstreams: 1 });
    origin.connections[0]?.end();
    await eventually(() => world.proxy.census().upstreams === 0);
    await ask(world.port, get('/'));
    expect(origin.connections).toHaveLength(2);
    origin.connections[1]?.reset();
    await eventually(() => world.proxy.census().upstreams === 0);
    expect((await ask(world.port, get('/'))).status).toBe(200);
    expect(world.proxy.census().upstreams).toBe(1);
    await world.proxy.stop();
    expect(world.proxy.census()).toMatchObject({ upstreams: 0, transports: 0, timers: 0 });
    expect(await origin.connections[2]?.closed).toBe('clean');
  });

  test('H05: drain ends unused upstream connections at once, and those in use with their exchange', async () => {
    const held: (() => void)[] = [];
    await using origin = await ScriptedOrigin.start(({ head }, _count, peer) => {
      if (!head.startsWith('GET /held')) return ok('fine');
      held.push(() => void peer.send(ok('held')));
      return null;
    });
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      route: { ...route, timeouts: { poolIdle: '1h' } },
    });
    const client = await dialPeer(world.port);
    client.send(get('/held'));
    await eventually(() => held.length === 1);
    await ask(world.port, get('/'));
    expect(world.proxy.census().upstreams).toBe(2);
    const drained = world.proxy.drain({ timeout: '1h' });
    expect(await origin.connections[1]?.closed).toBe('clean');
    expect(world.proxy.census().upstreams).toBe(1);
    held[0]?.();
    const reply = await readReply(client);
    expect(reply).toMatchObject({ status: 200, body: 'held', fields: { connection: 'close' } });
    client.end();
    await drained;
    expect(await origin.connections[0]?.closed).toBe('clean');
    expect(world.proxy.census().upstreams).toBe(0);
  });

  test("I10: a connection that a client has authenticated (NTLM, Negotiate) is that client's alone, and ends with it", async () => {
    await using origin = await ScriptedOrigin.start(({ head }, _count, peer) => {
      const port = String(peer.socket.remotePort);
      if (head.startsWith('GET /challenge'))
        return `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: ${port.length}\r\n\r\n${port}`;
      return ok(port);
    });
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    const alice = new Caller(world.port);
    const bob = new Caller(world.port);
    const ntlm = get('/', 'Authorization: NTLM TlRMTVNTUAAB\r\n');
    const hers = (await alice.ask(ntlm)).body;
    const his = (await bob.ask(get('/challenge'))).body;
    expect(his).not.toBe(hers);
    for (let round = 0; round < 3; round += 1) {
      expect((await alice.ask(get('/'))).body).toBe(hers);
      expect((await bob.ask(get('/'))).body).toBe(his);
      expect([hers, his]).not.toContain((await ask(world.port, get('/'))).body);
    }
    alice.leave();
    await eventually(() =>
      origin.connections.some(({ socket }) => String(socket.remotePort) === hers || socket.destroyed),
    );
    await eventually(() => world.proxy.census().upstreams === 2);
    for (let round = 0; round < 3; round += 1) expect((await ask(world.port, get('/'))).body).not.toBe(hers);
    bob.leave();
  });
});

interface Plan {
  readonly kind: 'GET' | 'HEAD' | 'length' | 'chunked';
  readonly size: number;
  readonly answer: 'length' | 'chunked' | 'none' | 'last' | 'slow';
}

const plan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom('GET', 'GET', 'HEAD', 'length', 'chunked'),
  size: fc.nat({ max: 3000 }),
  answer: fc.constantFrom('length', 'chunked', 'none', 'last', 'slow'),
});

/** One request; its number, its size and the way to answer it are in the target. */
function requestOf({ kind, size, answer }: Plan, name: string): string {
  const body = 'b'.repeat(size);
  const method = kind === 'GET' || kind === 'HEAD' ? kind : 'PUT';
  const head = `${method} /${name}/${answer}/${size} HTTP/1.1\r\nHost: a.example\r\n`;
  if (method !== 'PUT') return `${head}\r\n`;
  if (kind === 'length') return `${head}Content-Length: ${size}\r\n\r\n${body}`;
  return `${head}Transfer-Encoding: chunked\r\n\r\n${size === 0 ? '' : `${size.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`;
}

function answerTo({ method, target, body }: StrictRequest, peer: Peer): string | null {
  const [, , answer = ''] = target.split('/');
  const text = method === 'HEAD' ? '' : `${target} ${body.length}`;
  const own = `X-Target: ${target}\r\n`;
  if (answer === 'none') return `HTTP/1.1 204 No Content\r\n${own}\r\n`;
  const length = `${own}Content-Length: ${text.length}\r\n`;
  if (answer === 'last') {
    setImmediate(() => peer.end());
    return `HTTP/1.1 200 OK\r\n${length}Connection: close\r\n\r\n${text}`;
  }
  if (answer === 'slow') {
    peer.send('HTTP/1.1 103 Early Hints\r\n\r\n');
    later(3, () => peer.send(`HTTP/1.1 200 OK\r\n${length}\r\n${text}`));
    return null;
  }
  if (answer === 'length' || method === 'HEAD') return `HTTP/1.1 200 OK\r\n${length}\r\n${text}`;
  const chunks = text
    .split('')
    .map((character) => `1\r\n${character}\r\n`)
    .join('');
  return `HTTP/1.1 200 OK\r\n${own}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
}

describe.each(['compiled', 'xstate'] as const)('one to one, under the %s interpreter', (interpreter) => {
  test('I10: whatever several clients pipeline, each gets the answers to its own requests, in order, and each is asked once', async () => {
    await using origin = await StrictOrigin.start((request, { peer }) => answerTo(request, peer));
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    let run = 0;
    const clients = fc.array(fc.array(plan, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });
    const property = fc.asyncProperty(clients, fc.nat({ max: 400 }), async (plans, cut) => {
      run += 1;
      const names = plans.map((own, client) => own.map((_, index) => `${run}.${client}.${index}`));
      const from = origin.requests.length;
      await Promise.all(
        plans.map(async (own, client) => {
          const peer = await dialPeer(world.port);
          const text = own.map((each, index) => requestOf(each, names[client]?.[index] ?? '')).join('');
          peer.send(text.slice(0, cut));
          await new Promise((resolve) => setImmediate(resolve));
          peer.send(text.slice(cut)).end();
          expect(await peer.closed).toBe('clean');
          expect(targetsAnswered(peer, own)).toEqual(
            own.map((each, index) => `/${names[client]?.[index]}/${each.answer}/${each.size}`),
          );
        }),
      );
      const asked = origin.requests.slice(from).map(({ target }) => target.split('/')[1] ?? '');
      expect(asked.toSorted()).toEqual(names.flat().toSorted());
      for (const { target, body, method } of origin.requests.slice(from))
        if (method === 'PUT') expect(body.length).toBe(Number(target.split('/')[3]));
    });
    await fc.assert(property, { seed: seed(), numRuns: runs(30) });
    expect(origin.problems).toEqual([]);
  });
});

/** The targets that the answers name, read with the methods they answer. */
function targetsAnswered(peer: Peer, own: readonly Plan[]): readonly (string | undefined)[] {
  const replies = repliesIn(
    peer,
    own.map(({ kind }) => (kind === 'HEAD' ? 'HEAD' : 'GET')),
  );
  return replies.map(({ fields }) => fields['x-target']);
}
