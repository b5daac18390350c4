/**
 * Who gets in where HTTP is served: caps, rates and queues of a route count exchanges, by whoever the client really is.
 */
import { describe, expect, test } from 'vitest';
import type { RouteConfig } from '../../src/index.ts';
import type { RatePlan } from '../../src/routing/rate.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { admissionPlan, type AdmissionChange } from '../support/admission-plans.ts';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { dialPeer, eventually, ProxyUnderTest, type Peer } from '../support/world.ts';

const other = { localAddress: '127.0.0.2' };

function start(port: number, change: AdmissionChange, more: object = {}, clock?: StepClock): Promise<ProxyUnderTest> {
  const route: RouteConfig = {
    name: 'api',
    match: { ports: 0, protocol: 'http' },
    action: { type: 'forward', target: { host: '127.0.0.1', port } },
  };
  const config = { routes: [route], timeouts: { poolIdle: '50ms' }, ...more };
  return ProxyUnderTest.planned(admissionPlan(config, change), clock === undefined ? {} : { clock });
}

const rate = (unit: RatePlan['unit'], amount: number, perMs = 1000): RatePlan => ({
  unit,
  by: 'ip',
  amount,
  perMs,
  burst: amount,
});

/** Answers nothing until it is told to, request by request. */
async function slowOrigin(): Promise<{ readonly origin: ScriptedOrigin; readonly waiting: Peer[] }> {
  const waiting: Peer[] = [];
  const origin = await ScriptedOrigin.start((_, __, peer) => {
    waiting.push(peer);
    return null;
  });
  return { origin, waiting };
}

async function asks(port: number, path: string, options = {}, more = ''): Promise<Peer> {
  return (await dialPeer(port, options)).send(get(path, more));
}

const queued = (world: ProxyUnderTest) =>
  world.proxy.connections().flatMap(({ exchanges }) => exchanges.filter(({ leaf }) => leaf === 'DIALING.QUEUED'))
    .length;

describe('the rates of a route that serves HTTP', () => {
  test('X09: more requests than its rate are answered 429, when to come again, and why; the connection goes on', async () => {
    const clock = new StepClock();
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    await using world = await start(origin.port, { route: { rates: [rate('requests', 2, 60_000)] } }, {}, clock);
    const client = await dialPeer(world.port);
    let read = 0;
    const next = async () => {
      client.send(get('/'));
      const reply = await readReply(client, read);
      read += reply.bytes;
      return reply;
    };
    expect([(await next()).status, (await next()).status]).toEqual([200, 200]);
    const refused = await next();
    expect(refused).toMatchObject({
      status: 429,
      fields: { 'retry-after': '30', 'proxy-status': 'sallyport; error=http_request_denied' },
    });
    expect(origin.seen).toHaveLength(2);
    expect(world.proxy.counters().exchanges.closedByReason).toMatchObject({ completed: 2, 'refused.rate': 1 });
    const elsewhere = await asks(world.port, '/', other);
    expect((await readReply(elsewhere)).status).toBe(200);
    for (const one of [client, elsewhere]) one.reset();
    await world.closed(2);
    clock.advance(30_000);
    const again = await asks(world.port, '/');
    expect((await readReply(again)).status).toBe(200);
    again.reset();
    await world.closed(3);
    clock.advance(1000);
  });

  test('X09: a rate of connections counts a connection once, however many requests it makes', async () => {
    const clock = new StepClock();
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    await using world = await start(origin.port, { route: { rates: [rate('connections', 1)] } }, {}, clock);
    const client = await asks(world.port, '/');
    const first = await readReply(client);
    client.send(get('/again'));
    expect([first.status, (await readReply(client, first.bytes)).status]).toEqual([200, 200]);
    const second = await asks(world.port, '/');
    expect(await readReply(second)).toMatchObject({ status: 429, fields: { 'retry-after': '1' } });
    for (const one of [client, second]) one.reset();
    await world.closed(2);
    clock.advance(1000);
  });
});

describe('the caps and the queue of a route that serves HTTP', () => {
  test('C04, P07: the cap of each address counts whom a trusted proxy names, and a connection of the proxy is nobody’s', async () => {
    const { origin, waiting } = await slowOrigin();
    await using _ = origin;
    const change = { route: { maxConnectionsPerIp: 1 } };
    await using world = await start(origin.port, change, { trustedProxies: ['127.0.0.1'] });
    const of = (ip: string) => asks(world.port, '/', {}, `X-Forwarded-For: ${ip}\r\n`);
    const [first, second] = [await of('203.0.113.1'), await of('203.0.113.2')];
    await eventually(() => waiting.length === 2);
    const again = await readReply(await of('203.0.113.1'));
    expect(again).toMatchObject({
      status: 503,
      fields: { 'proxy-status': 'sallyport; error=connection_limit_reached' },
    });
    for (const peer of waiting.splice(0)) peer.send(ok('done'));
    expect([(await readReply(first)).body, (await readReply(second)).body]).toEqual(['done', 'done']);
    await of('203.0.113.1');
    await eventually(() => waiting.length === 1);
  });

  test('C04: a request waits for its place and is served in its turn; who leaves or waits too long gives its place in the queue up', async () => {
    const clock = new StepClock();
    const { origin, waiting } = await slowOrigin();
    await using _ = origin;
    await using world = await start(origin.port, { route: { maxConnections: 1, waitersMax: 2 } }, {}, clock);
    const first = await asks(world.port, '/first');
    await eventually(() => waiting.length === 1);
    const gone = await asks(world.port, '/gone');
    await eventually(() => queued(world) === 1);
    const late = await asks(world.port, '/late');
    await eventually(() => queued(world) === 2);
    const full = await asks(world.port, '/full');
    expect((await readReply(full)).status).toBe(503);
    gone.reset();
    await eventually(() => queued(world) === 1);
    clock.advance(5000);
    expect((await readReply(late)).status).toBe(503);
    const patient = await asks(world.port, '/patient');
    await eventually(() => queued(world) === 1);
    waiting.shift()?.send(ok('first'));
    expect((await readReply(first)).body).toBe('first');
    await eventually(() => waiting.length === 1);
    waiting.shift()?.send(ok('patient'));
    expect((await readReply(patient)).body).toBe('patient');
    expect(origin.seen.map(({ head }) => head.split(' ')[1])).toEqual(['/first', '/patient']);
    for (const one of [first, late, full, patient]) one.reset();
    await world.closed(5);
    clock.advance(1000);
  });

  test('C05: who has most places in a full queue gives one up for another address, and is answered', async () => {
    const { origin, waiting } = await slowOrigin();
    await using _ = origin;
    await using world = await start(origin.port, { route: { maxConnections: 1, waitersMax: 3 } });
    await asks(world.port, '/held');
    await eventually(() => waiting.length === 1);
    const many: Peer[] = [];
    for (let at = 0; at < 3; at += 1) {
      many.push(await asks(world.port, `/${at}`));
      await eventually(() => queued(world) === at + 1);
    }
    const elsewhere = await asks(world.port, '/elsewhere', other);
    const [, , last] = many;
    if (last === undefined) throw new Error('three were asked for');
    expect((await readReply(last)).status).toBe(503);
    expect(queued(world)).toBe(3);
    for (const expected of ['/0', '/elsewhere', '/1']) {
      waiting.shift()?.send(ok('done'));
      await eventually(() => waiting.length === 1);
      expect(origin.seen.at(-1)?.head.split(' ')[1]).toBe(expected);
    }
    elsewhere.socket.destroy();
  });
});
