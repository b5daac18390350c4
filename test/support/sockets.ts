/**
 * Pairs of joined legs for the contract tests: over real sockets on loopback, and in memory.
 */
import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';
import { expect } from 'vitest';
import type { Clock } from '../../src/io/clock.ts';
import { createLedger, type Ledger } from '../../src/io/ledger.ts';
import type { Leg } from '../../src/io/leg.ts';
import { createListener } from '../../src/io/listener.ts';
import type { LegPorts } from '../../src/io/leg-base.ts';
import type { Trouble } from '../../src/io/reports.ts';
import { openSocket, SocketLeg } from '../../src/io/socket.ts';
import { memoryPair, type LegFaults, type MemoryLeg, type WireOptions } from '../../src/testing/memory-leg.ts';
import { StepClock } from '../../src/testing/step-clock.ts';

export interface LegPair extends AsyncDisposable {
  readonly near: Leg;
  readonly far: Leg;
  /** Stands still unless a test advances it, over real sockets too. */
  readonly clock: StepClock;
  readonly ledger: Ledger;
  readonly troubles: readonly Trouble[];
  /** Lets everything that is under way arrive. */
  settle(): Promise<void>;
  /** Waits until it holds; the test's own limit ends the wait. */
  until(holds: () => boolean): Promise<void>;
  /** Somebody else destroys the transport of the near leg. `quietly`: and its events are heard by nobody. */
  destroyNear(quietly: boolean): void;
}

/** What a leg is given in a test, and what it reported. */
export function legPorts<Kind extends Clock>(
  clock: Kind,
): LegPorts & { readonly clock: Kind; readonly troubles: Trouble[] } {
  const troubles: Trouble[] = [];
  const trouble = (one: Trouble): void => void troubles.push(one);
  return { clock, ledger: createLedger(clock, { trouble }), report: trouble, troubles };
}

export async function publicPair(): Promise<LegPair> {
  const ports = legPorts(new StepClock());
  const [socket, peer] = await socketPair();
  const near = new SocketLeg(socket, 'downstream', ports);
  const far = new SocketLeg(peer, 'upstream', ports);
  return {
    ...partsOf(ports),
    near,
    far,
    settle: turns,
    until: eventually,
    destroyNear: (quietly) => destroy(socket, quietly),
    [Symbol.asyncDispose]: async () => {
      near.reset();
      far.reset();
      await ports.ledger.quiescent();
      expectNothingLeft(ports);
    },
  };
}

/** As `publicPair`, but the near leg was dialled: what it reads lies in memory that all dialled legs share. */
export async function dialledPair(): Promise<LegPair> {
  const ports = legPorts(new StepClock());
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const near = await new Promise<SocketLeg>((resolve, reject) => {
    openSocket('127.0.0.1', portOf(server.address()), ports, {
      opened: resolve,
      failed: (_, code) => reject(new Error(code)),
    });
  });
  const far = new SocketLeg(await accepted, 'downstream', ports);
  server.close();
  return {
    ...partsOf(ports),
    near,
    far,
    settle: turns,
    until: eventually,
    destroyNear: (quietly) => {
      const socket: unknown = Reflect.get(near, 'socket');
      if (socket instanceof Socket) destroy(socket, quietly);
    },
    [Symbol.asyncDispose]: async () => {
      near.reset();
      far.reset();
      await ports.ledger.quiescent();
      expectNothingLeft(ports);
    },
  };
}

/** As `publicPair`, but the near leg was accepted without a socket of Node's own making, as listeners do it. */
export async function acceptedPair(): Promise<LegPair> {
  const ports = legPorts(new StepClock());
  const listener = createListener({ host: '127.0.0.1', port: 0, ...ports });
  const accepted = firstValueFrom(listener.accepted$);
  const { port } = await listener.open();
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const [near] = await Promise.all([accepted, once(peer, 'connect')]);
  const far = new SocketLeg(peer, 'upstream', ports);
  await listener.close();
  return {
    ...partsOf(ports),
    near,
    far,
    settle: turns,
    until: eventually,
    destroyNear: (quietly) => {
      const socket: unknown = Reflect.get(near, 'socket');
      if (socket instanceof Socket) destroy(socket, quietly);
    },
    [Symbol.asyncDispose]: async () => {
      near.reset();
      far.reset();
      await ports.ledger.quiescent();
      expectNothingLeft(ports);
    },
  };
}

export interface MemoryLegPair extends LegPair {
  readonly near: MemoryLeg;
  readonly far: MemoryLeg;
}

export function memoryLegPair(
  options: WireOptions & { readonly nearFaults?: Partial<LegFaults>; readonly farFaults?: Partial<LegFaults> } = {},
): MemoryLegPair {
  const clock = new StepClock();
  const ports = legPorts(clock);
  const { near, far } = memoryPair({ ...options, ports, network: clock.network });
  const settle = async (): Promise<void> => {
    clock.settle();
    await setImmediate();
    clock.settle();
  };
  return {
    ...partsOf(ports),
    near,
    far,
    settle,
    until: async (holds) => {
      await settle();
      expect(holds(), `never held: ${holds.toString()}`).toBe(true);
    },
    destroyNear: () => near.die(),
    [Symbol.asyncDispose]: async () => {
      near.reset();
      far.reset();
      await settle();
      expect(clock.network.armedCount).toBe(0);
      expectNothingLeft(ports);
    },
  };
}

/** Two connected sockets with `allowHalfOpen` and no listeners of anybody. */
export async function socketPair(): Promise<[accepted: Socket, connected: Socket]> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connected = connect({ host: '127.0.0.1', port: portOf(server.address()), allowHalfOpen: true, noDelay: true });
  const accepted = await new Promise<Socket>((resolve) => {
    let first: Socket | null = null;
    const both = (socket: Socket): void => {
      if (first === null) first = socket;
      else resolve(first === connected ? socket : first);
    };
    server.once('connection', both);
    connected.once('connect', () => both(connected));
  });
  server.close();
  return [accepted, connected];
}

export function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('no port is bound');
  return address.port;
}

/** Waits turn by turn of the event loop. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate();
}

/** More turns of the event loop than anything on loopback takes that is under way. */
export async function turns(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await setImmediate();
}

export function expectNothingLeft({ clock, ledger }: LegPorts): void {
  expect({ transports: ledger.entries().map(({ name }) => name), timers: clock.armedCount }).toEqual({
    transports: [],
    timers: 0,
  });
  const { entered, left, overdue } = ledger.counts;
  expect(entered).toBe(left + overdue);
}

function partsOf({
  clock,
  ledger,
  troubles,
}: ReturnType<typeof legPorts<StepClock>>): Pick<LegPair, 'clock' | 'ledger' | 'troubles'> {
  return { clock, ledger, troubles };
}

function destroy(socket: Socket, quietly: boolean): void {
  if (quietly) socket.removeAllListeners('close');
  socket.destroy();
}
