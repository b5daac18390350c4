/**
 * Legs over streams are legs like any other: the laws, for a Duplex of Node's and for the pair a handler is given.
 *
 * The Duplex under test is a LegDuplex over a leg in memory and over a real socket, so both bridges are tested at once.
 */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { DuplexLeg } from '../../src/io/duplex-leg.ts';
import { inProcessPair } from '../../src/io/handlers/in-process-pair.ts';
import type { Leg } from '../../src/io/leg.ts';
import { LegDuplex } from '../support/leg-duplex.ts';
import { SocketLeg } from '../../src/io/socket.ts';
import { memoryPair } from '../../src/testing/memory-leg.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { Watch, writeAll, repeated } from '../support/leg-watch.ts';
import { securedPair } from '../support/secured-pairs.ts';
import { eventually, expectNothingLeft, legPorts, socketPair, turns, type LegPair } from '../support/sockets.ts';
import { describeLegLaws } from './leg-laws.ts';
import { describeTlsLaws } from './leg-tls-laws.ts';

const names = { remote: { host: '192.0.2.7', port: 7 }, local: { host: '192.0.2.1', port: 443 } };

/** A leg as a stream, with an owner that does what the contract of LegDuplex asks of it. */
function streamOf(leg: Leg): LegDuplex {
  const duplex = new LegDuplex(leg, (error) => (error === null ? leg.release() : leg.reset()));
  leg.facts$.subscribe((fact) => duplex.told(fact));
  return duplex;
}

async function overMemory(): Promise<LegPair> {
  const clock = new StepClock();
  const ports = legPorts(clock);
  // The carrier has a ledger of its own: the laws count two legs.
  const carrierPorts = legPorts(clock);
  const pair = memoryPair({ ports: carrierPorts, farPorts: ports, network: clock.network });
  const stream = streamOf(pair.near);
  const near = new DuplexLeg(stream, 'downstream', ports, names);
  const settle = async (): Promise<void> => {
    for (let count = 0; count < 20; count += 1) {
      clock.settle();
      await setImmediate();
    }
  };
  await settle();
  return {
    near,
    far: pair.far,
    clock,
    ledger: ports.ledger,
    troubles: ports.troubles,
    settle,
    until: async (holds) => {
      while (!holds()) {
        clock.settle();
        await setImmediate();
      }
    },
    destroyNear: (quietly) => {
      if (quietly) stream.removeAllListeners('close');
      stream.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      near.reset();
      pair.far.reset();
      await settle();
      expectNothingLeft(ports);
      expectNothingLeft(carrierPorts);
    },
  };
}

async function overSocket(): Promise<LegPair> {
  const clock = new StepClock();
  const ports = legPorts(clock);
  const carrierPorts = legPorts(clock);
  const [socket, peer] = await socketPair();
  const stream = streamOf(new SocketLeg(socket, 'downstream', carrierPorts));
  const near = new DuplexLeg(stream, 'downstream', ports, names);
  const far = new SocketLeg(peer, 'upstream', ports);
  return {
    near,
    far,
    clock,
    ledger: ports.ledger,
    troubles: ports.troubles,
    settle: turns,
    until: eventually,
    destroyNear: (quietly) => {
      if (quietly) stream.removeAllListeners('close');
      stream.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      near.reset();
      far.reset();
      await ports.ledger.quiescent();
      await carrierPorts.ledger.quiescent();
      expectNothingLeft(ports);
      expectNothingLeft(carrierPorts);
    },
  };
}

describeLegLaws('a Duplex over memory', overMemory);
describeLegLaws('a Duplex over a socket', overSocket);
describeLegLaws('a Duplex over a socket, as a TLS server', async () => securedPair(await overSocket(), 'server'));
describeLegLaws('a Duplex over a socket, as a TLS client', async () => securedPair(await overSocket(), 'client'));

describeTlsLaws('a Duplex over a socket', overSocket);

describeLegLaws('in process', () => {
  const clock = new StepClock();
  const ports = legPorts(clock);
  const owner = { failed: () => undefined, over: () => undefined };
  const { leg, socket } = inProcessPair({ name: 'handler under test', socket: names }, ports, owner);
  const far = new DuplexLeg(socket, 'downstream', ports, names);
  return Promise.resolve({
    near: leg,
    far,
    clock,
    ledger: ports.ledger,
    troubles: ports.troubles,
    settle: turns,
    until: eventually,
    destroyNear: () =>
      socket.destroy(Object.assign(new Error('the transport was closed without a word'), { code: 'SALLYPORT_CLOSED' })),
    [Symbol.asyncDispose]: async () => {
      leg.reset();
      far.reset();
      await ports.ledger.quiescent();
      expectNothingLeft(ports);
    },
  } satisfies LegPair);
});

test('a stream that had ended or closed before it became a leg is told as such', async () => {
  const ports = legPorts(new StepClock());
  const [socket, peer] = await socketPair();
  peer.end();
  socket.resume();
  await eventually(() => socket.readableEnded);
  const ended = new Watch(new DuplexLeg(socket, 'upstream', ports, names)).take();
  await eventually(() => ended.isComplete);
  expect(ended.log).toEqual(['complete', 'ended 0']);
  const [other, otherPeer] = await socketPair();
  other.destroy();
  await once(other, 'close');
  const closed = new Watch(new DuplexLeg(other, 'upstream', ports, names)).take();
  await eventually(() => closed.isOver);
  expect(closed.log).toEqual(['failed SALLYPORT_CLOSED', 'released']);
  ended.leg.reset();
  otherPeer.destroy();
  peer.destroy();
  await ports.ledger.quiescent();
});

test('a released leg leaves at once where its stream takes nothing any more', async () => {
  const ports = legPorts(new StepClock());
  const [socket, peer] = await socketPair();
  const watch = new Watch(new DuplexLeg(socket, 'upstream', ports, names));
  await writeAll(watch.leg, repeated(16_777_216));
  watch.leg.release();
  await eventually(() => watch.isOver);
  expect(ports.ledger.size).toBe(0);
  peer.destroy();
});

test('a released leg ends its stream first, where that says more to the other end than to be destroyed', async () => {
  const ports = legPorts(new StepClock());
  const owner = { failed: () => undefined, over: () => undefined };
  const { leg, socket } = inProcessPair({ name: 'handler under test', socket: names }, ports, owner);
  const watch = new Watch(leg).take();
  new DuplexLeg(socket, 'downstream', ports, names).release();
  await eventually(() => watch.isOver);
  expect(watch.log).toEqual(['complete', 'ended 0', 'failed SALLYPORT_HANDLER_LEFT', 'released']);
  await ports.ledger.quiescent();
});
