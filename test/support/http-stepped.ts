/**
 * A proxy on real sockets whose clock stands still: a deadline passes when a test says so, and never because the machine is
 * slow. What is under way on the sockets is waited for by what can be seen of it.
 */
import {
  createProxy,
  type ClosedRecord,
  type ExchangeRecord,
  type Proxy,
  type Resolver,
  type SallyportConfig,
} from '../../src/index.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { eventually } from './world.ts';

export interface SteppedOptions extends Partial<Pick<SallyportConfig, 'timeouts' | 'interpreter'>> {
  readonly route?: object;
  readonly resolver?: Resolver;
}

/** Turns of the loop without progress after which nothing is under way on loopback. */
const stalledTurns = 500;

export class SteppedProxy implements AsyncDisposable {
  readonly clock = new StepClock();
  readonly proxy: Proxy;
  readonly records: ClosedRecord[] = [];
  readonly exchanges: ExchangeRecord[] = [];

  private constructor(config: SallyportConfig, resolver: Resolver | undefined) {
    this.proxy = createProxy(config, { clock: this.clock, ...(resolver === undefined ? {} : { resolver }) });
    this.proxy.on('connection.closed', (record) => void this.records.push(record));
    this.proxy.on('exchange.closed', (record) => void this.exchanges.push(record));
  }

  /** One HTTP route from a free port to `port`. */
  static async forward(port: number, { route, resolver, ...more }: SteppedOptions = {}): Promise<SteppedProxy> {
    const only = {
      name: 'only',
      match: { ports: 0, protocol: 'http' },
      action: { type: 'forward', target: { host: '127.0.0.1', port } },
    } as const;
    return SteppedProxy.start({ ...more, routes: [{ ...only, ...route }] }, resolver);
  }

  static async start(config: SallyportConfig, resolver?: Resolver): Promise<SteppedProxy> {
    const stepped = new SteppedProxy(config, resolver);
    await stepped.proxy.start();
    return stepped;
  }

  get port(): number {
    const [address] = this.proxy.addresses();
    if (address === undefined) throw new Error('the proxy has no listener');
    return address.port;
  }

  /** Waits until this many connections are in the state with its substates. */
  async inLeaf(leaf: string, count = 1): Promise<void> {
    await eventually(() => this.proxy.connections().filter((connection) => connection.leaf === leaf).length === count);
  }

  /** Waits until this many exchanges are in the state with its substates. */
  async exchangeInLeaf(leaf: string, count = 1): Promise<void> {
    await eventually(() => this.exchangeLeaves().filter((each) => each === leaf).length === count);
  }

  exchangeLeaves(): readonly string[] {
    return this.proxy.connections().flatMap(({ exchanges }) => exchanges.map(({ leaf }) => leaf));
  }

  /** Waits until the proxy has taken this many bytes from its clients, all of them together. */
  async received(bytes: number): Promise<void> {
    await eventually(() => this.proxy.connections().reduce((sum, { bytesIn }) => sum + bytesIn, 0) >= bytes);
  }

  /** Waits until no byte to a client has gone on for many turns of the loop: those who do not read hold everything up. */
  async stalled(): Promise<void> {
    const bytesOut = (): number => this.proxy.connections().reduce((sum, each) => sum + each.bytesOut, 0);
    for (let quiet = 0, before = -1; quiet < stalledTurns; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = bytesOut();
      if (now !== before) quiet = 0;
      before = now;
    }
  }

  async closed(count: number): Promise<readonly ClosedRecord[]> {
    await eventually(() => this.records.length >= count);
    return this.records;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.stop();
  }
}
