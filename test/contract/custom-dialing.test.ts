/**
 * Dialers of the embedding program's: what they may answer, and that nothing they do gets further than their dial.
 */
import { PassThrough } from 'node:stream';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { NEVER, Observable, of, Subject, throwError, type Subscription } from 'rxjs';
import { expect, test } from 'vitest';
import type { DialFailure, DialWatch, Endpoint } from '../../src/io/dialer.ts';
import { outcomeOf } from '../../src/io/dial-outcome.ts';
import { customDialer } from '../../src/io/dialing/custom-dialing.ts';
import type { Leg } from '../../src/io/leg.ts';
import { memoryPair } from '../../src/testing/memory-leg.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { Watch } from '../support/leg-watch.ts';
import { authority, certificate, TlsOrigin } from '../support/tls-world.ts';
import { eventually, expectNothingLeft, legPorts, portOf, turns } from '../support/sockets.ts';

const endpoint: Endpoint = { host: 'db.test', port: 5432 };

class Rig {
  readonly clock = new StepClock();
  readonly ports = legPorts(this.clock);
  readonly told: string[] = [];
  readonly failures: DialFailure[] = [];
  readonly legs: Leg[] = [];

  dial(dial: (order: Endpoint, watch: DialWatch) => unknown): Subscription {
    return customDialer(dial, this.ports)(endpoint, {
      resolved: () => void this.told.push('resolved'),
      securing: () => void this.told.push('securing'),
    }).subscribe({
      next: (leg) => this.legs.push(leg),
      error: (failure: DialFailure) => this.failures.push(failure),
    });
  }

  pair() {
    return memoryPair({ ports: this.ports, network: this.clock.network, side: 'upstream' });
  }
}

test('it may answer a leg in an Observable, a stream, or a promise of either', async () => {
  const rig = new Rig();
  const pairs = [rig.pair(), rig.pair()];
  const asked: unknown[] = [];
  rig.dial((order) => {
    asked.push(order);
    return of(pairs[0]?.near);
  });
  rig.dial(() => Promise.resolve(of(pairs[1]?.near)));
  await using server = createServer((socket) => socket.on('error', () => undefined).end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  rig.dial(async () => {
    const socket = connect({ host: '127.0.0.1', port: portOf(server.address()), allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  });
  await eventually(() => rig.legs.length === 3);
  expect([rig.failures, asked]).toEqual([[], [endpoint]]);
  const stream = rig.legs.find(({ remote }) => remote.host === '127.0.0.1');
  if (stream === undefined) throw new Error('no stream');
  const watch = new Watch(stream).take();
  await eventually(() => watch.isComplete);
  expect(watch.text).toBe('hello');
  for (const leg of [...rig.legs, ...pairs.map(({ far }) => far)]) leg.reset();
  rig.clock.settle();
  await rig.ports.ledger.quiescent();
  expectNothingLeft(rig.ports);
});

test('what throws, or is nonsense, is a failed handler that is reported; what rejects is a failed dial', async () => {
  const rig = new Rig();
  const notThenable = {};
  Reflect.set(notThenable, 'then', 1);
  const nonsense = [null, 7, 'a', {}, [], of(7), of(), Promise.resolve(null), Promise.resolve(of({})), notThenable];
  for (const answer of nonsense) rig.dial(() => answer);
  rig.dial(() => {
    throw new Error('boom');
  });
  await eventually(() => rig.failures.length === nonsense.length + 1);
  expect(new Set(rig.failures.map(({ reason }) => reason))).toEqual(new Set(['handler.failed']));
  expect(rig.ports.troubles.map(({ event }) => event)).toEqual(rig.failures.map(() => 'handler.failed'));
  const refusal = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
  const rejecting = [Promise.reject(refusal), throwError(() => refusal), Promise.reject(new Error('no such peer'))];
  const before = rig.failures.length;
  for (const answer of rejecting) rig.dial(() => answer);
  await eventually(() => rig.failures.length === before + 3);
  const reasons = rig.failures.slice(before).map(({ reason, cause }) => `${reason}: ${cause}`);
  expect(reasons.toSorted()).toEqual([
    'upstream.refused: nothing accepts connections there',
    'upstream.refused: nothing accepts connections there',
    'upstream.unreachable: no such peer',
  ]);
  expect(rig.legs).toEqual([]);
});

test('what comes after an abort, or a second time, is let go, and a late word is not heard', async () => {
  const rig = new Rig();
  const [first, second, late] = [rig.pair(), rig.pair(), rig.pair()];
  const subject = new Subject<Leg>();
  rig.dial(() => subject);
  subject.next(first.near);
  subject.next(second.near);
  let arrive = (_leg: unknown): void => undefined;
  const watches: DialWatch[] = [];
  const dialing = rig.dial((_, watch) => {
    watches.push(watch);
    watch.resolved();
    watch.resolved();
    return new Promise((resolve) => {
      arrive = resolve;
    });
  });
  dialing.unsubscribe();
  for (const watch of watches) watch.securing();
  arrive(of(late.near));
  const stream = new PassThrough();
  const lateLeg = rig.pair();
  rig.dial(() => Promise.resolve(stream)).unsubscribe();
  rig.dial(() => Promise.resolve(lateLeg.near)).unsubscribe();
  const hanging = rig.dial(() => NEVER);
  hanging.unsubscribe();
  await turns();
  expect([rig.legs, rig.failures, rig.told, stream.destroyed]).toEqual([[first.near], [], ['resolved'], true]);
  rig.clock.settle();
  expect(rig.ports.ledger.entries()).not.toContain(lateLeg.near);
  lateLeg.far.reset();
  // What nobody asked for stays whoever's it was; what was emitted for a dial that is over never was ours.
  for (const { near, far } of [first, second, late]) {
    near.reset();
    far.reset();
  }
  rig.clock.settle();
  expectNothingLeft(rig.ports);
});

test('what throws when it is let go is told, and gets no further: whoever ends the dial goes on', async () => {
  const rig = new Rig();
  const throwing = (emits: readonly unknown[]) =>
    new Observable((subscriber) => {
      for (const value of emits) subscriber.next(value);
      return () => {
        throw new Error('not like this');
      };
    });
  const stubborn = new PassThrough();
  Reflect.set(stubborn, 'connecting', true);
  stubborn.destroy = () => {
    throw new Error('nor like this');
  };
  const { near, far } = rig.pair();
  for (const answer of [throwing([]), stubborn]) rig.dial(() => answer).unsubscribe();
  const late = rig.dial(() => Promise.resolve(stubborn));
  late.unsubscribe();
  rig.dial(() => throwing([near]));
  await turns();
  expect(rig.legs).toEqual([near]);
  expect([rig.failures, rig.ports.troubles.map(({ event }) => event)]).toEqual([
    [],
    ['handler.failed', 'handler.failed', 'handler.failed', 'handler.failed'],
  ]);
  near.reset();
  far.reset();
  rig.clock.settle();
  expectNothingLeft(rig.ports);
});

test('a socket of TLS is a connection when its handshake is done, and fails the dial where it is not', async () => {
  const rig = new Rig();
  const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  await using origin = await TlsOrigin.start(await certificate('a.example'), (socket) => socket.write('hello'));
  const { cert: ca } = await authority();
  const reach = (port: number, servername: string) => connectTls({ host: '127.0.0.1', port, ca, servername });
  const mute = reach(portOf(silent.address()), 'a.example');
  const hanging = rig.dial(() => mute);
  await once(mute, 'connect');
  rig.dial(() => reach(origin.port, 'b.example'));
  rig.dial(() => reach(origin.port, 'a.example'));
  await eventually(() => rig.legs.length + rig.failures.length === 2);
  expect(rig.failures).toMatchObject([{ reason: 'upstream.tls', code: 'ERR_TLS_CERT_ALTNAME_INVALID' }]);
  const [leg] = rig.legs;
  if (leg === undefined) throw new Error('no leg');
  const watch = new Watch(leg).take();
  await eventually(() => watch.text === 'hello');
  // One that was secured before it was brought, by whoever made it.
  const done = reach(origin.port, 'a.example');
  await once(done, 'secureConnect');
  rig.dial(() => done);
  // One that was not made by `tls.connect` shakes hands when it is written to, and never says that it has.
  const beneath = connect({ host: '127.0.0.1', port: origin.port });
  const wrapped = new TLSSocket(beneath, { isServer: false, rejectUnauthorized: false });
  wrapped.write('x');
  await once(wrapped, 'secure');
  rig.dial(() => wrapped);
  expect(rig.legs.length).toBe(3);
  hanging.unsubscribe();
  expect(mute.destroyed).toBe(true);
  for (const each of rig.legs) each.reset();
  silent.close();
  await rig.ports.ledger.quiescent();
  expectNothingLeft(rig.ports);
});

test('a dial from the client’s address that the system refuses is no fault of the endpoint’s', async () => {
  const rig = new Rig();
  const refused = Object.assign(new Error('connect ENETUNREACH'), { code: 'ENETUNREACH' });
  for (const sourceAddress of ['192.0.2.7', undefined]) {
    const order = sourceAddress === undefined ? endpoint : { ...endpoint, sourceAddress };
    customDialer(() => Promise.reject(refused), rig.ports)(order, {
      resolved: () => undefined,
      securing: () => undefined,
    }).subscribe({ error: (failure: DialFailure) => rig.failures.push(failure) });
  }
  await eventually(() => rig.failures.length === 2);
  expect(rig.failures.map(outcomeOf)).toEqual(['abandoned', 'failed']);
});

test('a socket that is brought while it connects is waited for: it connects, is refused, or goes with its dial', async () => {
  const rig = new Rig();
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server.address());
  const reach = () => connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const left = reach();
  rig.dial(() => left).unsubscribe();
  expect(left.destroyed).toBe(true);
  rig.dial(reach);
  expect(rig.legs).toEqual([]);
  await eventually(() => rig.legs.length === 1);
  const closed = reach();
  rig.dial(() => closed);
  closed.destroy();
  rig.dial(() => of(reach(), reach()));
  await eventually(() => rig.legs.length + rig.failures.length === 3);
  expect(rig.failures).toMatchObject([{ reason: 'upstream.reset', code: 'SALLYPORT_CLOSED' }]);
  server.close();
  for (const leg of rig.legs) leg.reset();
  await once(server, 'close');
  rig.dial(reach);
  await eventually(() => rig.failures.length === 2);
  expect(rig.failures[1]).toMatchObject({ reason: 'upstream.refused', code: 'ECONNREFUSED', retryable: true });
  await rig.ports.ledger.quiescent();
  expectNothingLeft(rig.ports);
});
