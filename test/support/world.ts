/**
 * Real sockets for the wire tests: peers whose every step can be awaited, origins of every temper, and a proxy between.
 *
 * No sleeps: a test waits for what it wants to see, and the runner's own limit is the only deadline.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type NetConnectOpts, type Server, type Socket } from 'node:net';
import {
  createProxy,
  type ClosedRecord,
  type ConnectionState,
  type Proxy,
  type ProxyDependencies,
  type SallyportConfig,
} from '../../src/index.ts';
import { isPeerGone } from '../../src/io/socket-handle.ts';
import { createProxyFromPlan } from '../../src/proxy.ts';
import type { ProxyPlan } from '../../src/routing/plan.ts';

/** One end of a TCP connection, with everything that happens to it remembered. */
export class Peer {
  readonly socket: Socket;
  /** Resolves at FIN. Never when the connection is reset first. */
  readonly ended: Promise<void>;
  /** Resolves when the socket is gone: `reset` or `clean`. */
  readonly closed: Promise<'reset' | 'clean'>;
  readonly #received: Buffer[] = [];
  #length = 0;
  #wake: (() => void)[] = [];
  #error: string | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#length += chunk.length;
      this.#wakeUp();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message;
    });
    this.ended = new Promise((resolve) =>
      socket.once('end', () => {
        if (socket.writableEnded || !isPeerGone(socket)) return resolve();
        // Before Node 26 a reset that comes with data looks like an end; a peer that waits to be closed would wait for ever.
        this.#error = 'ECONNRESET';
        socket.destroy();
        return undefined;
      }),
    );
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#wakeUp();
        resolve(this.#error === null ? 'clean' : 'reset');
      }),
    );
  }

  get error(): string | null {
    return this.#error;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#received);
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  /** Waits until at least `count` bytes have come. */
  async atLeast(count: number): Promise<Buffer> {
    while (this.#length < count) {
      if (this.socket.destroyed)
        throw new Error(`closed (${this.#error ?? 'clean'}) after ${this.#length} of ${count} bytes`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return this.bytes;
  }

  send(data: string | Uint8Array): this {
    this.socket.write(data);
    return this;
  }

  /** FIN. */
  end(): this {
    this.socket.end();
    return this;
  }

  /** RST. */
  reset(): this {
    this.socket.resetAndDestroy();
    return this;
  }

  #wakeUp(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

/** Begins to connect, half-open allowed; whether it was let in is the test's to find out. */
export function knock(port: number, options: Partial<NetConnectOpts> = {}): Peer {
  return new Peer(connect({ host: '127.0.0.1', port, allowHalfOpen: true, ...options }));
}

/** Connects, half-open allowed. */
export async function dialPeer(port: number, options: Partial<NetConnectOpts> = {}): Promise<Peer> {
  const peer = knock(port, options);
  await once(peer.socket, 'connect');
  return peer;
}

interface OriginOptions {
  /** Takes the bare socket; then the origin remembers nothing of it. */
  readonly onSocket?: (socket: Socket) => void;
  /** Default: a free one. */
  readonly port?: number;
}

/** An origin: what it does with each connection is the test's. */
export class Origin implements AsyncDisposable {
  readonly server: Server;
  readonly peers: Peer[] = [];
  readonly #waiting: ((peer: Peer) => void)[] = [];
  #taken = 0;
  /** True exactly when every connection, also a later one, is to go. */
  #isLettingGo = false;

  private constructor(behave: (peer: Peer) => void, options: OriginOptions) {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (options.onSocket !== undefined) {
        options.onSocket(socket);
        return;
      }
      const peer = new Peer(socket);
      this.peers.push(peer);
      if (this.#isLettingGo) socket.destroy();
      else behave(peer);
      this.#waiting.shift()?.(peer);
    });
  }

  static async start(behave: (peer: Peer) => void = () => undefined, options: OriginOptions = {}): Promise<Origin> {
    const origin = new Origin(behave, options);
    origin.server.listen(options.port ?? 0, '127.0.0.1');
    await once(origin.server, 'listening');
    return origin;
  }

  static echo(): Promise<Origin> {
    return Origin.start((peer) => {
      peer.socket.pipe(peer.socket);
    });
  }

  get port(): number {
    return portOf(this.server);
  }

  /** The next connection that no test has taken yet. */
  async accepted(): Promise<Peer> {
    const ready = this.peers[this.#taken];
    this.#taken += 1;
    if (ready !== undefined) return ready;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Drops every connection, and those that are still to be accepted. */
  letGo(): void {
    this.#isLettingGo = true;
    for (const { socket } of this.peers) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.letGo();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function portOf(server: Server): number {
  const address: string | AddressInfo | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the origin is not listening on a port');
  return address.port;
}

/** A port on which nothing listens: connecting to it is refused. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A started proxy with what a test asks of it. */
export class ProxyUnderTest implements AsyncDisposable {
  readonly proxy: Proxy;
  readonly records: ClosedRecord[] = [];
  #wake: (() => void)[] = [];

  private constructor(proxy: Proxy) {
    this.proxy = proxy;
    this.proxy.on('connection.closed', (record) => {
      this.records.push(record);
      this.#wakeUp();
    });
    this.proxy.on('connection.moved', () => this.#wakeUp());
    this.proxy.on('connection.opened', () => this.#wakeUp());
  }

  static start(config: SallyportConfig, dependencies: ProxyDependencies = {}): Promise<ProxyUnderTest> {
    return ProxyUnderTest.#started(createProxy(config, dependencies));
  }

  /** For what a configuration is not needed to say. */
  static planned(plan: ProxyPlan, dependencies: ProxyDependencies = {}): Promise<ProxyUnderTest> {
    return ProxyUnderTest.#started(createProxyFromPlan(plan, dependencies));
  }

  static async #started(proxy: Proxy): Promise<ProxyUnderTest> {
    const started = new ProxyUnderTest(proxy);
    await proxy.start();
    return started;
  }

  /** One plain TCP route from a free port to `port`. */
  static forward(
    port: number,
    more: Partial<SallyportConfig> & { readonly route?: object } = {},
  ): Promise<ProxyUnderTest> {
    const { route, ...config } = more;
    return ProxyUnderTest.start({
      ...config,
      routes: [
        {
          name: 'only',
          match: { ports: 0 },
          action: { type: 'forward', target: { host: '127.0.0.1', port } },
          ...route,
        },
      ],
    });
  }

  get port(): number {
    const [address] = this.proxy.addresses();
    if (address === undefined) throw new Error('the proxy has no listener');
    return address.port;
  }

  /** Waits until `count` connections have closed. */
  async closed(count: number): Promise<readonly ClosedRecord[]> {
    await this.until(() => this.records.length >= count);
    return this.records;
  }

  /** Waits until something is so; asked whenever a connection opens, moves or closes. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  /**
   * Waits until every client that knocked before has been accepted and has gone. Some systems drop a connection that was
   * reset before it was accepted, so their number is not known; but the queue is in order, and a last client closes it.
   */
  async settled(): Promise<void> {
    const last = await dialPeer(this.port);
    await this.until(() => this.proxy.connections().some(({ client }) => client.port === last.socket.localPort));
    last.reset();
    await this.until(() => this.proxy.counters().live === 0);
    await last.closed;
  }

  async inState(state: ConnectionState, count = 1): Promise<void> {
    await this.until(() => this.proxy.connections({ state }).length === count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.stop();
  }

  #wakeUp(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

/** Yields to the event loop until `isSo`, for what no event announces (file descriptors, for one). */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}
