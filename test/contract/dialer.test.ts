/**
 * The dialer over real sockets on loopback: who is tried when, how a dial fails, and that an abort leaves nothing.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { promisify } from 'node:util';
import type { Subscription } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createDialer, type DialFailure, type Endpoint } from '../../src/io/dialer.ts';
import { openFileCount } from '../../src/io/fd-limit.ts';
import type { Leg } from '../../src/io/leg.ts';
import type { Resolver } from '../../src/io/resolver.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { blackHole } from '../support/black-hole.ts';
import { Watch } from '../support/leg-watch.ts';
import { eventually, expectNothingLeft, legPorts, portOf, turns } from '../support/sockets.ts';

const noResolver: Resolver = () => Promise.reject(new Error('no name was to be resolved'));
const answering =
  (...addresses: string[]): Resolver =>
  () =>
    Promise.resolve(addresses);

/** One dial, on a clock that stands still. */
class DialRun implements AsyncDisposable {
  readonly clock = new StepClock();
  readonly ports = legPorts(this.clock);
  resolvedCount = 0;
  leg: Leg | null = null;
  isComplete = false;
  failure: DialFailure | null = null;
  readonly subscription: Subscription;

  constructor(endpoint: Endpoint, resolver: Resolver = noResolver) {
    const dial = createDialer({ ...this.ports, resolver });
    this.subscription = dial(endpoint, {
      resolved: () => (this.resolvedCount += 1),
      securing: () => undefined,
    }).subscribe({
      next: (leg) => {
        this.leg = leg;
      },
      complete: () => {
        this.isComplete = true;
      },
      error: (failure: DialFailure) => {
        this.failure = failure;
      },
    });
  }

  /** Hosts of the transports in the ledger, in the order in which they entered. */
  get hosts(): string[] {
    return this.ports.ledger.entries().map(({ name }) => name.replace(/^upstream (.*):\d+$/, '$1'));
  }

  async connected(): Promise<Leg> {
    await eventually(() => this.leg !== null || this.failure !== null);
    if (this.leg === null) throw new Error(`the dial failed: ${this.failure?.code ?? ''}`);
    return this.leg;
  }

  async failed(): Promise<DialFailure> {
    await eventually(() => this.failure !== null || this.leg !== null);
    if (this.failure === null) throw new Error('the dial succeeded');
    return this.failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.subscription.unsubscribe();
    this.leg?.reset();
    await this.ports.ledger.quiescent();
    expectNothingLeft(this.ports);
    expect(this.ports.ledger.counts.overdue).toBe(0);
  }
}

interface Upstream extends AsyncDisposable {
  readonly port: number;
  readonly sockets: readonly Socket[];
}

async function upstream(
  host = '127.0.0.1',
  port = 0,
  behave: (socket: Socket) => void = () => undefined,
): Promise<Upstream> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    behave(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  const dispose = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port: portOf(server.address()), sockets, [Symbol.asyncDispose]: dispose };
}

/** A port on which nothing listens, on any loopback address. */
async function closedPort(): Promise<number> {
  await using free = await upstream('0.0.0.0');
  return free.port;
}

describe('a dial', () => {
  test('an address is dialled without a resolver; the leg is told once, and it is in the ledger', async () => {
    await using origin = await upstream();
    await using run = new DialRun({ host: '127.0.0.1', port: origin.port });
    expect([run.resolvedCount, run.hosts]).toEqual([1, ['127.0.0.1']]);
    const leg = await run.connected();
    expect([run.isComplete, run.clock.armedCount, run.ports.ledger.entries()]).toEqual([true, 0, [leg]]);
    expect(leg.remote).toEqual({ host: '127.0.0.1', port: origin.port });
    expect(leg.local.host).toBe('127.0.0.1');
  });

  test('L11: a refused dial fails with its reason, and the process lives on', async () => {
    await using run = new DialRun({ host: '127.0.0.1', port: await closedPort() });
    expect(await run.failed()).toMatchObject({ reason: 'upstream.refused', code: 'ECONNREFUSED', retryable: true });
    expect(run.isComplete).toBe(false);
  });

  test('L13, L17, L18, L30: an aborted dial to a black hole leaves nothing and tells nothing', async () => {
    await using hole = await blackHole();
    const before = await openFileCount();
    await using run = new DialRun(hole);
    await turns();
    run.clock.advance(1_000_000);
    expect([run.ports.ledger.size, run.clock.armedCount, run.leg, run.failure]).toEqual([1, 0, null, null]);
    run.subscription.unsubscribe();
    await run.ports.ledger.quiescent();
    expect(run.ports.ledger.counts).toEqual({ entered: 1, left: 1, overdue: 0 });
    expect([run.leg, run.failure, run.isComplete]).toEqual([null, null, false]);
    expect(await openFileCount()).toBe(before);
  });

  test('L17: an abort in the same turn as the dial leaves nothing', async () => {
    await using origin = await upstream();
    await using run = new DialRun({ host: '127.0.0.1', port: origin.port });
    run.subscription.unsubscribe();
    await run.ports.ledger.quiescent();
    await turns();
    expect([run.leg, run.failure]).toEqual([null, null]);
  });

  test('L24: an upstream that resets as soon as it has accepted is a failure of the leg or of the dial, and nothing else', async () => {
    await using origin = await upstream('127.0.0.1', 0, (socket) => socket.resetAndDestroy());
    for (let count = 0; count < 20; count += 1) {
      await using run = new DialRun({ host: '127.0.0.1', port: origin.port });
      await eventually(() => run.leg !== null || run.failure !== null);
      if (run.leg !== null) {
        const watch = new Watch(run.leg).take();
        await eventually(() => watch.isOver);
        expect(watch.log).toEqual(['failed ECONNRESET', 'released']);
      } else expect(run.failure?.reason).toBe('upstream.reset');
    }
  });

  test('L10: an error that comes after everything is over ends nothing', async () => {
    await using origin = await upstream();
    await using run = new DialRun({ host: '127.0.0.1', port: origin.port });
    const leg = await run.connected();
    const watch = new Watch(leg);
    leg.reset();
    await eventually(() => watch.isOver);
    const { socket } = socketIn(leg);
    expect(() => socket.emit('error', new Error('late'))).not.toThrow();
    expect(watch.log).toEqual(['released']);
  });

  test('out of file descriptors: the dial fails with a reason of its own and nothing is left', async () => {
    await using origin = await upstream();
    const child = [
      'ulimit -n 48; exec "$0" "$1" "$2"',
      process.execPath,
      'test/support/dial-without-files.ts',
      `${origin.port}`,
    ];
    const { stdout } = await promisify(execFile)('sh', ['-c', ...child]);
    expect(JSON.parse(stdout)).toEqual({
      limit: 48,
      without: 'EMFILE upstream.unreachable false',
      afterwards: 'connected',
      troubles: [],
      counts: { entered: 2, left: 2, overdue: 0 },
      timers: 0,
    });
  });
});

describe('happy eyeballs', () => {
  test('the next address is tried after 250 ms of silence; the loser is let go', async () => {
    await using hole = await blackHole();
    await using run = new DialRun({ host: 'two.example', port: hole.port }, answering('127.0.0.1', '::1'));
    await eventually(() => run.resolvedCount === 1);
    expect([run.hosts, run.clock.armedCount]).toEqual([['127.0.0.1'], 1]);
    run.clock.advance(249);
    expect(run.hosts).toEqual(['127.0.0.1']);
    await using origin = await upstream('::1', hole.port);
    run.clock.advance(1);
    expect(run.hosts).toEqual(['127.0.0.1', '::1']);
    const leg = await run.connected();
    expect(leg.remote).toEqual({ host: '::1', port: origin.port });
    await eventually(() => run.ports.ledger.size === 1);
    expect([run.ports.ledger.entries(), run.clock.armedCount]).toEqual([[leg], 0]);
  });

  test('the next address is tried at once when the one before has failed', async () => {
    await using origin = await upstream('127.0.0.4');
    await using run = new DialRun(
      { host: 'some.example', port: origin.port },
      answering('127.0.0.2', '127.0.0.3', '127.0.0.4'),
    );
    const leg = await run.connected();
    expect([leg.remote.host, run.clock.nowMs(), run.clock.armedCount]).toEqual(['127.0.0.4', 0, 0]);
  });

  test('at most three sockets at a time, the families in turns, beginning with the first answer', async () => {
    await using hole = await blackHole();
    const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '::1'];
    await using run = new DialRun({ host: 'many.example', port: hole.port }, answering(...answers));
    await eventually(() => run.resolvedCount === 1);
    run.clock.advance(250);
    expect(run.hosts).toEqual(['127.0.0.1', '::1']);
    // Nobody listens on ::1, so the next one follows at once.
    await eventually(() => run.hosts.join() === '127.0.0.1,127.0.0.2');
    run.clock.advance(10_000);
    await turns();
    expect(run.hosts).toEqual(['127.0.0.1', '127.0.0.2', '127.0.0.3']);
    expect(run.clock.armedCount).toBe(0);
  });

  test('when every address fails the first one’s failure is told, once', async () => {
    await using run = new DialRun(
      { host: 'none.example', port: await closedPort() },
      // The second one is refused by this machine itself, without a packet: nobody connects to a group.
      answering('127.0.0.2', '224.0.0.1'),
    );
    expect(await run.failed()).toMatchObject({ reason: 'upstream.refused', code: 'ECONNREFUSED' });
    expect(run.ports.ledger.counts.entered).toBe(2);
  });

  test.each(['localhost', 'LOCALHOST.', 'app.localhost'])(
    '%s is both loopback addresses, whatever a resolver would say',
    async (host) => {
      for (const address of ['127.0.0.1', '::1']) {
        await using origin = await upstream(address);
        await using run = new DialRun({ host, port: origin.port });
        expect((await run.connected()).remote.host).toBe(address);
      }
    },
  );
});

describe('resolving', () => {
  test('a name that does not exist is an unreachable upstream', async () => {
    const gone = Object.assign(new Error('getaddrinfo ENOTFOUND gone.example'), { code: 'ENOTFOUND' });
    await using run = new DialRun({ host: 'gone.example', port: 1 }, () => Promise.reject(gone));
    expect(await run.failed()).toMatchObject({ reason: 'upstream.unreachable', code: 'ENOTFOUND' });
    expect([run.resolvedCount, run.ports.ledger.counts.entered]).toEqual([0, 0]);
  });

  test('a resolver that throws, answers nothing, or answers names is a failure, and never a hidden look-up', async () => {
    const throwing: Resolver = () => {
      throw new Error('broken');
    };
    for (const resolver of [throwing, answering(), answering('other.example', '')]) {
      await using run = new DialRun({ host: 'odd.example', port: 1 }, resolver);
      expect(await run.failed()).toMatchObject({ reason: 'upstream.unreachable' });
      expect(run.ports.ledger.counts.entered).toBe(0);
    }
  });

  test('L13: an answer that comes after the abort is dropped', async () => {
    let answer: (addresses: readonly string[]) => void = () => undefined;
    const resolver: Resolver = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await using run = new DialRun({ host: 'slow.example', port: 1 }, resolver);
    await turns();
    run.subscription.unsubscribe();
    answer(['127.0.0.1']);
    await turns();
    expect([run.resolvedCount, run.failure, run.ports.ledger.counts.entered]).toEqual([0, null, 0]);
  });
});

/** The socket inside a leg, for the one test that plays a late error. */
function socketIn(leg: Leg): { readonly socket: Socket } {
  if (!hasSocket(leg)) throw new Error('not a public leg');
  return leg;
}

function hasSocket(leg: object): leg is { readonly socket: Socket } {
  return 'socket' in leg;
}
