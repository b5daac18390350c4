/**
 * The life of the proxy on the wire: all listeners or none, drain with a bound, stop that leaves nothing, events.
 */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { Observable } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createProxy, ProxyError, type Proxy, type ProxyEvent } from '../../src/index.ts';
import { closedPort, dialPeer, knock, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const forward = (port: number) => ({ type: 'forward', target: { host: '127.0.0.1', port } }) as const;

test('a port in use: the error names address and cause, and nothing is left half-started', async () => {
  const taken = createServer();
  taken.listen(0, '::');
  await once(taken, 'listening');
  const address = taken.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const free = await closedPort();
  const proxy = createProxy({ routes: [{ name: 'both', match: { ports: [free, address.port] }, action: forward(1) }] });
  const error: unknown = await proxy.start().catch((thrown: unknown) => thrown);
  if (!(error instanceof ProxyError)) throw new Error('expected a ProxyError');
  expect(error.code).toBe('SALLYPORT_LISTEN_FAILED');
  expect(error.message).toContain(`[::]:${address.port}`);
  expect(error.message).toContain('EADDRINUSE');
  expect(await knock(free).closed).toBe('reset');
  expect(proxy.census()).toEqual({ connections: 0, slots: 0, transports: 0, upstreams: 0, timers: 0, listeners: 0 });
  await proxy.stop();
  await new Promise((resolve) => taken.close(resolve));
});

test('L42: leaving the scope of a proxy stops it and everything it holds', async () => {
  await using origin = await Origin.echo();
  let proxy: Proxy;
  let client: Peer;
  {
    await using scoped = createProxy({ routes: [{ name: 'only', match: { ports: 0 }, action: forward(origin.port) }] });
    proxy = scoped;
    await scoped.start();
    client = await dialPeer(scoped.addresses()[0]?.port ?? 0);
    client.send('x');
    await client.atLeast(1);
  }
  expect(proxy.census()).toEqual({ connections: 0, slots: 0, transports: 0, upstreams: 0, timers: 0, listeners: 0 });
  expect(await client.closed).toBe('reset');
});

test('test.smartproxy: two hundred clients at once each get their own bytes back, and nobody else’s', async () => {
  await using origin = await Origin.echo();
  await using world = await ProxyUnderTest.forward(origin.port);
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const said = `client ${index} `.repeat(1 + (index % 50));
      const client = await dialPeer(world.port);
      for (const piece of [said.slice(0, 7), said.slice(7)]) client.send(piece);
      client.end();
      await client.ended;
      expect(client.text).toBe(said);
    }),
  );
  await world.closed(200);
  expect(world.proxy.counters().closedByReason).toEqual({ completed: 200 });
});

test('R07: listeners follow from the ports and ranges of the routes', async () => {
  const [first, second] = [await closedPort(), await closedPort()];
  await using origin = await Origin.echo();
  await using world = await ProxyUnderTest.start({
    routes: [
      { name: 'range', match: { ports: { from: first, to: first } }, action: forward(origin.port) },
      { name: 'list', match: { ports: [second] }, action: forward(origin.port) },
    ],
  });
  expect(
    world.proxy
      .addresses()
      .map(({ port }) => port)
      .toSorted((left, right) => left - right),
  ).toEqual([first, second].toSorted((left, right) => left - right));
  for (const port of [first, second]) expect((await (await dialPeer(port)).send('x').atLeast(1)).toString()).toBe('x');
});

test('R10: several targets are taken in turn, and a dead one costs its client one attempt', async () => {
  await using left = await Origin.start((peer) => void peer.send('L'));
  await using right = await Origin.start((peer) => void peer.send('R'));
  const target = (port: number) => ({ host: '127.0.0.1', port });
  await using world = await ProxyUnderTest.start({
    timeouts: { backoff: 5 },
    routes: [
      {
        name: 'three',
        match: { ports: 0 },
        action: { type: 'forward', targets: [target(left.port), target(await closedPort()), target(right.port)] },
      },
    ],
  });
  let answers = '';
  for (let round = 0; round < 6; round += 1) answers += (await (await dialPeer(world.port)).atLeast(1)).toString();
  expect(answers).toBe('LRRLRR');
});

describe.each(['compiled', 'xstate'] as const)('drain and stop under the %s interpreter', (interpreter) => {
  test('drain: nothing new is admitted, the live finish, and then the promise resolves', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const { port } = world;
    const client = await dialPeer(port);
    client.send('before');
    await client.atLeast(6);
    const drained = world.proxy.drain({ timeout: '30s' });
    expect(await knock(port).closed).toBe('reset');
    client.send(' and after').end();
    await client.ended;
    expect(client.text).toBe('before and after');
    await drained;
    const [record] = await world.closed(1);
    expect(record?.reason).toBe('completed');
  });

  test('drain: what is left after the timeout is ended as operator.drained', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    await world.inState('ESTABLISHED');
    await world.proxy.drain({ timeout: 50 });
    expect(await client.closed).toBe('reset');
    expect(world.records).toMatchObject([{ reason: 'operator.drained', by: 'operator', state: 'ESTABLISHED' }]);
  });

  test('drain: a second request ends it sooner, and never later', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    await world.inState('ESTABLISHED');
    const first = world.proxy.drain({ timeout: '1h' });
    const sooner = world.proxy.drain({ timeout: 50 });
    const later = world.proxy.drain({ timeout: '2h' });
    await Promise.all([first, sooner, later]);
    expect(await client.closed).toBe('reset');
    expect(world.records.map(({ reason }) => reason)).toEqual(['operator.drained']);
  });

  test('stop: while it starts: start rejects and says so, and nothing is left', async () => {
    const proxy = createProxy({ interpreter, routes: [{ name: 'only', match: { ports: 0 }, action: forward(1) }] });
    const started = proxy.start();
    await proxy.stop();
    await expect(started).rejects.toMatchObject({ code: 'SALLYPORT_LIFECYCLE' });
    expect(proxy.census()).toEqual({ connections: 0, slots: 0, transports: 0, upstreams: 0, timers: 0, listeners: 0 });
  });

  test('stop: resolves when the operating system has closed everything, however often it is asked', async () => {
    await using origin = await Origin.start();
    const world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const clients = await Promise.all(Array.from({ length: 20 }, () => dialPeer(world.port)));
    await world.inState('ESTABLISHED', 20);
    await Promise.all([world.proxy.stop(), world.proxy.stop(), world.proxy.drain()]);
    expect(world.proxy.census()).toEqual({
      connections: 0,
      slots: 0,
      transports: 0,
      upstreams: 0,
      timers: 0,
      listeners: 0,
    });
    expect(world.records.map(({ reason }) => reason)).toEqual(Array.from({ length: 20 }, () => 'operator.drained'));
    await Promise.all(clients.map((client) => client.closed));
    await expect(world.proxy.start()).rejects.toMatchObject({ code: 'SALLYPORT_LIFECYCLE' });
  });

  test('rule 12: a live connection and a closed one are explained, a killed one says who', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    client.send('hello');
    await client.atLeast(5);
    const [connection] = world.proxy.connections({ state: 'ESTABLISHED', route: 'only' });
    expect(connection).toMatchObject({
      bytesIn: 5,
      bytesOut: 5,
      interpreter,
      bufferedBytes: 0,
      leaf: 'ESTABLISHED.TUNNEL.ACTIVE',
    });
    const id = connection?.connectionId ?? '';
    expect(world.proxy.explain(id)).toMatchObject({ isLive: true });
    expect(world.proxy.explain(id)?.sentence).toContain('ESTABLISHED');
    const actor = world.proxy.actor(id);
    const seen: unknown[] = [];
    actor?.subscribe({ next: (snapshot) => seen.push(snapshot.value), complete: () => seen.push('complete') });
    expect(actor?.getSnapshot().matches('ESTABLISHED')).toBe(true);
    expect(actor?.getPersistedSnapshot().timers.map((timer) => timer.id)).toEqual([
      'xstate.after.idling.connection.ESTABLISHED.TUNNEL.ACTIVE',
    ]);
    actor?.send({ type: 'kill.requested', reason: 'operator.killed' });
    expect(seen).toEqual(['CLOSED', 'complete']);
    expect(world.proxy.kill(id)).toBe(false);
    const explained = world.proxy.explain(id);
    expect(explained).toMatchObject({
      isLive: false,
      record: { reason: 'operator.killed', by: 'operator', interpreter },
    });
    expect(explained?.timeline.map(({ state, event }) => [state, event])).toEqual([
      ['ACCEPTED', 'admission.granted'],
      ['SNIFFING', 'sniff.routed'],
      ['DIALING', 'dial.succeeded'],
      ['ESTABLISHED', 'kill.requested'],
    ]);
    expect(world.proxy.explain('nobody')).toBeNull();
    expect(() => world.proxy.connections({ olderThan: 'soon' })).toThrow('not a duration');
  });
});

test('a subscriber of connections$ that throws, and one of an actor that rejects, are counted and contained', async () => {
  await using origin = await Origin.echo();
  await using world = await ProxyUnderTest.forward(origin.port);
  let isThrowing = false;
  world.proxy.connections$.subscribe(() => {
    if (isThrowing) throw new Error('a subscriber of the test');
  });
  const client = await dialPeer(world.port);
  await world.inState('ESTABLISHED');
  const [connection] = world.proxy.connections();
  const rejecting = (): unknown => Promise.reject(new Error('of the test, too'));
  world.proxy.actor(connection?.connectionId ?? '')?.subscribe(rejecting);
  isThrowing = true;
  client.reset();
  await world.closed(1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(world.proxy.counters().handlerFailures).toBeGreaterThanOrEqual(2);
});

test('custom dialers: a leg too many, something that is no leg, a throw and a strange error each end one connection only', async () => {
  await using origin = await Origin.echo();
  const behave = ['throws', 'strange', 'junk', 'unknown'] as const;
  let dials = 0;
  const proxy = createProxy(
    { routes: [{ name: 'only', match: { ports: 0 }, action: forward(origin.port) }] },
    {
      dialer: () => {
        const how = behave[dials % behave.length];
        dials += 1;
        if (how === 'throws') throw new Error('the dialer is broken');
        return new Observable((subscriber) => {
          if (how === 'strange') subscriber.error('just a text');
          else if (how === 'unknown')
            subscriber.error({ reason: 'upstream.timeout', code: 'X', cause: 'x', retryable: true });
          else Reflect.apply(subscriber.next.bind(subscriber), subscriber, [{ no: 'leg' }]);
        });
      },
    },
  );
  await proxy.start();
  const reasons: string[] = [];
  proxy.on('connection.closed', ({ reason }) => reasons.push(reason));
  for (let round = 0; round < behave.length; round += 1) {
    expect(await knock(proxy.addresses()[0]?.port ?? 0).closed).toBe('reset');
  }
  await proxy.stop();
  expect(reasons).toEqual(['handler.failed', 'upstream.unreachable', 'handler.failed', 'upstream.unreachable']);
  expect(proxy.census()).toEqual({ connections: 0, slots: 0, transports: 0, upstreams: 0, timers: 0, listeners: 0 });
  expect(proxy.counters().invariantViolations).toBe(0);
});

test('events: an iterator ends with the proxy, and a listener that throws is counted and contained', async () => {
  await using origin = await Origin.echo();
  const world = await ProxyUnderTest.forward(origin.port);
  const seen: ProxyEvent['event'][] = [];
  const iterated = (async () => {
    for await (const { event } of world.proxy.events()) seen.push(event);
  })();
  world.proxy.on('connection.closed', () => {
    throw new Error('a listener of the test');
  });
  const client = await dialPeer(world.port);
  client.socket.end('x');
  await client.ended;
  await world.closed(1);
  await world.proxy.stop();
  await iterated;
  expect(seen[0]).toBe('connection.opened');
  expect(seen.filter((event) => event !== 'connection.moved')).toEqual([
    'connection.opened',
    'connection.closed',
    'handler.failed',
    'proxy.draining',
    'proxy.stopped',
  ]);
  expect(world.proxy.counters().handlerFailures).toBe(1);
});
