/**
 * The listener over real sockets on loopback: it binds or says why not, it only accepts, and it closes without waiting.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ProxyError } from '../../src/errors.ts';
import { openFileCount } from '../../src/io/fd-limit.ts';
import type { Leg } from '../../src/io/leg.ts';
import { createListener, type Listener } from '../../src/io/listener.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { blackHole } from '../support/black-hole.ts';
import { bytesOf, Watch } from '../support/leg-watch.ts';
import { eventually, expectNothingLeft, legPorts, turns } from '../support/sockets.ts';

class ListenerRun implements AsyncDisposable {
  readonly ports = legPorts(new StepClock());
  readonly accepted: Leg[] = [];
  readonly clients: Socket[] = [];
  readonly listener: Listener;

  constructor(port = 0, host = '127.0.0.1') {
    this.listener = createListener({ host, port, ...this.ports });
    this.listener.accepted$.subscribe((leg) => this.accepted.push(leg));
  }

  async client(port: number, host = '127.0.0.1'): Promise<Leg> {
    const count = this.accepted.length;
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.on('error', () => undefined);
    this.clients.push(socket);
    await once(socket, 'connect');
    await eventually(() => this.accepted.length > count);
    const leg = this.accepted[count];
    if (leg === undefined) throw new Error('nobody was accepted');
    return leg;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
    for (const leg of this.accepted) leg.reset();
    const closed = this.clients.map((socket) => (socket.closed ? undefined : once(socket, 'close')));
    for (const socket of this.clients) socket.destroy();
    await Promise.all([this.ports.ledger.quiescent(), ...closed]);
    expectNothingLeft(this.ports);
    expect(this.ports.troubles).toEqual([]);
  }
}

describe('a listener', () => {
  test('binds a port of the system’s choice, and its legs are in the ledger as they come', async () => {
    await using run = new ListenerRun();
    const { host, port } = await run.listener.open();
    expect([host, port > 0]).toEqual(['127.0.0.1', true]);
    const leg = await run.client(port);
    expect(run.ports.ledger.entries()).toEqual([leg]);
    expect(leg.remote).toEqual({ host: '127.0.0.1', port: run.clients[0]?.localPort });
    expect(leg.local).toEqual({ host: '127.0.0.1', port });
    const watch = new Watch(leg).take();
    run.clients[0]?.write('hi');
    await eventually(() => watch.text === 'hi');
  });

  test(':: takes both families, and an IPv4 client is called by its IPv4 address', async () => {
    await using run = new ListenerRun(0, '::');
    const { port } = await run.listener.open();
    expect((await run.client(port)).remote.host).toBe('127.0.0.1');
    expect((await run.client(port, '::1')).remote.host).toBe('::1');
  });

  test('a port in use is refused naming the address and the cause, and nothing is left half-started', async () => {
    await using first = new ListenerRun();
    const { port } = await first.listener.open();
    const before = await openFileCount();
    await using second = new ListenerRun(port);
    const error = await refusal(second.listener);
    expect(error.code).toBe('SALLYPORT_LISTEN_FAILED');
    expect(error.message).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
    expect(await openFileCount()).toBe(before);
  });

  test('a port that another process holds is refused too', async () => {
    await using hole = await blackHole();
    await using run = new ListenerRun(hole.port, '::');
    expect((await refusal(run.listener)).code).toBe('SALLYPORT_LISTEN_FAILED');
  });

  test('an address that is not this machine’s is refused', async () => {
    await using run = new ListenerRun(0, '192.0.2.1');
    expect((await refusal(run.listener)).message).toMatch(/192\.0\.2\.1:0.*EADDRNOTAVAIL/);
  });

  test('L37: close does not wait for connections, frees the port at once, and leaves the legs alone', async () => {
    await using run = new ListenerRun();
    const { port } = await run.listener.open();
    const leg = await run.client(port);
    await run.listener.close();
    await run.listener.close();
    await using next = new ListenerRun(port);
    await next.listener.open();
    const watch = new Watch(leg).take();
    leg.write(bytesOf('still here'), 'owned');
    run.clients[0]?.end('and well');
    await eventually(() => watch.text === 'and well' && watch.isComplete);
    expect(await next.client(port)).not.toBe(leg);
    expect(run.accepted).toHaveLength(1);
  });

  test('L37: no handle and no file descriptor is left by opening and closing many times', async () => {
    const before = await openFileCount();
    for (let count = 0; count < 50; count += 1) {
      await using run = new ListenerRun();
      const { port } = await run.listener.open();
      await run.client(port);
    }
    await eventually(() => !process.getActiveResourcesInfo().includes('TCPServerWrap'));
    await turns();
    expect(await openFileCount()).toBe(before);
  });

  test.each(['127.0.0.1', 'localhost'])(
    'a listener on %s that is closed before it was bound never is',
    async (host) => {
      await using run = new ListenerRun(0, host);
      const refused = refusal(run.listener);
      await run.listener.close();
      expect((await refused).code).toBe('SALLYPORT_LISTEN_FAILED');
      const isUnderWay = (name: string): boolean => process.getActiveResourcesInfo().includes(name);
      await eventually(() => !isUnderWay('GetAddrInfoReqWrap'));
      await turns();
      expect(isUnderWay('TCPServerWrap')).toBe(false);
    },
  );

  test('L06: a client that sends FIN can still be written to', async () => {
    await using run = new ListenerRun();
    const { port } = await run.listener.open();
    const leg = await run.client(port);
    const watch = new Watch(leg).take();
    const [client] = run.clients;
    const heard: string[] = [];
    client?.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
    client?.end();
    await eventually(() => watch.isComplete);
    await turns();
    leg.write(bytesOf('late'), 'owned');
    await eventually(() => heard.join('') === 'late');
    expect(watch.log).toEqual(['complete', 'ended 0']);
  });

  test('a client that nobody waits for is reset', async () => {
    const ports = legPorts(new StepClock());
    const listener = createListener({ host: '127.0.0.1', port: 0, ...ports });
    const { port } = await listener.open();
    const client = connect({ host: '127.0.0.1', port });
    const error = await new Promise<Error>((resolve) => client.once('error', resolve));
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    await listener.close();
    await ports.ledger.quiescent();
    expectNothingLeft(ports);
  });
});

/** What `open` is refused with. */
async function refusal(listener: Listener): Promise<ProxyError> {
  try {
    await listener.open();
  } catch (error) {
    if (error instanceof ProxyError) return error;
  }
  throw new Error('the listener was not refused');
}
