/**
 * Pools of upstream connections: who may share them, and that nothing is left of clients and targets that are gone.
 */
import { expect, test } from 'vitest';
import type { DialSubject } from '../../src/io/candidates.ts';
import { Pins } from '../../src/io/http/pins.ts';
import type { Claimant, UpstreamPool } from '../../src/io/http/pool.ts';
import { PoolBook } from '../../src/io/http/pool-book.ts';
import { Pools } from '../../src/io/http/pools.ts';
import type { Upstream, UpstreamOwner } from '../../src/io/http/ports.ts';
import type { Reports } from '../../src/io/reports.ts';
import { createDialers } from '../../src/io/route-dialers.ts';
import type { ForwardAction, RoutePlan, Target } from '../../src/routing/plan.ts';
import type { MemoryLeg } from '../../src/testing/memory-leg.ts';
import { MemoryNetwork } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { forwardRoute } from '../support/dial-plans.ts';
import { expectNothingLeft, legPorts } from '../support/sockets.ts';

const target: Target = { host: '192.0.2.99', port: 80 };
const nothing = (): void => undefined;

class Rig {
  readonly clock = new StepClock();
  readonly ports = legPorts(this.clock);
  readonly outer: MemoryLeg[] = [];
  readonly pools: Pools;

  constructor() {
    const network = new MemoryNetwork({ clock: this.clock, ports: this.ports });
    network.serve(target, (leg) => this.outer.push(leg));
    const { of: dialerOf } = createDialers({
      plain: network.dial,
      secured: (beneath) => beneath,
      legPorts: this.ports,
    });
    const reports: Reports = {
      opened: nothing,
      moved: nothing,
      idling: nothing,
      closed: nothing,
      exchangeOpened: nothing,
      exchangeClosed: nothing,
      refused: nothing,
      trouble: this.ports.report,
    };
    this.pools = new Pools({ clock: this.clock, reports, interpreter: 'compiled', dialerOf });
  }

  of(route: RoutePlan, client: Client, to: Target = target): UpstreamPool {
    return this.pools.of(route, to, false, client.subject, client.pins);
  }

  /** A connection for this client, lent to nobody who reads it. */
  connected(pool: UpstreamPool): Upstream {
    const lent: Upstream[] = [];
    const claimant: Claimant = {
      upstreamOwner: owner,
      acquired: (upstream) => void lent.push(upstream),
      placeRefused: nothing,
      reconsider: nothing,
      placeGranted: () => {
        pool.source.dial({ resolved: nothing, securing: nothing }).subscribe((leg) => {
          const upstream = pool.opened(leg, claimant);
          if (upstream !== null) lent.push(upstream);
        });
      },
    };
    pool.claim(claimant, false);
    this.clock.settle();
    const [upstream] = lent;
    if (upstream === undefined) throw new Error('no connection');
    return upstream;
  }
}

const owner: UpstreamOwner = {
  responseInformed: nothing,
  responseHead: nothing,
  responseBody: () => true,
  responseEnded: nothing,
  responseSettled: nothing,
  upstreamFailed: nothing,
  requestWritable: nothing,
};

interface Client {
  readonly pins: Pins;
  readonly subject: DialSubject;
}

function clientOf(id: number, more: Partial<DialSubject> = {}): Client {
  return {
    pins: new Pins(),
    subject: {
      connectionId: `c${id}`,
      listenerName: '[::]:80',
      client: { host: `10.${id >>> 16}.${(id >>> 8) & 255}.${id & 255}`, port: 1_024 },
      local: { host: '192.0.2.1', port: 80 },
      serverName: null,
      tls: null,
      proxied: null,
      head: null,
      endpointLost: nothing,
      ...more,
    },
  };
}

const telling: readonly Partial<ForwardAction>[] = [
  { proxyHeader: 'v1' },
  { proxyHeader: 'v2' },
  { preservesSource: true },
  { proxyHeader: 'v2', upstreamProtocol: 'h2' },
];

test('P01, P05: what tells of a client is that client’s alone, even where two clients say the same of themselves', () => {
  const rig = new Rig();
  const same = { client: { host: '192.0.2.7', port: 7 } };
  const [ann, ben] = [clientOf(1, same), clientOf(2, same)];
  for (const action of telling) {
    const route = forwardRoute(action);
    expect(rig.of(route, ann)).toBe(rig.of(route, ann));
    expect(rig.of(route, ann)).not.toBe(rig.of(route, ben));
  }
  const plain = forwardRoute({});
  expect(rig.of(plain, ann)).toBe(rig.of(plain, ben));
  expect(rig.pools.owners).toBe(2);
  ann.pins.letGo();
  ben.pins.letGo();
  expect(rig.pools.owners).toBe(0);
});

test('one target of two routes is not shared where TLS or the dialer differ, and is where nothing does', () => {
  const rig = new Rig();
  const ann = clientOf(1);
  const proxy = { host: '192.0.2.80', port: 1080 };
  const tls = { ca: null, serverName: null, verify: true, pins: [], minVersion: 'TLSv1.2', identity: null } as const;
  const routes = [
    forwardRoute({}),
    forwardRoute({ dialer: { type: 'tls', tls } }),
    forwardRoute({ dialer: { type: 'socks5', proxy, credentials: null } }),
    forwardRoute({ dialer: { type: 'socks5', proxy, credentials: { username: 'a', password: 'b' } } }),
    forwardRoute({ upstreamProtocol: 'h2' }),
  ];
  expect(new Set(routes.map((route) => rig.of(route, ann))).size).toBe(routes.length);
  expect(rig.of(forwardRoute({}), ann)).toBe(rig.of(forwardRoute({}), ann, { ...target }));
});

test('P01: of 10,000 clients whose upstreams were told who they are, nothing is left', () => {
  const rig = new Rig();
  const route = forwardRoute({ proxyHeader: 'v1' });
  for (let id = 1; id <= 10_000; id += 1) {
    const client = clientOf(id);
    const pool = rig.of(route, client);
    if (id % 100 === 0) {
      const upstream = rig.connected(pool);
      expect([rig.pools.size, rig.pools.owners]).toEqual([1, 1]);
      client.pins.letGo();
      upstream.release();
      rig.clock.settle();
    } else {
      client.pins.letGo();
    }
  }
  expect([rig.pools.size, rig.pools.owners, rig.outer.length]).toEqual([0, 0, 100]);
  for (const leg of rig.outer) leg.reset();
  rig.clock.settle();
  expectNothingLeft(rig.ports);
});

test('a target that nobody has a connection to is forgotten once many others were seen', () => {
  const rig = new Rig();
  const book = new PoolBook();
  const route = forwardRoute({});
  const used = rig.of(route, clientOf(1));
  const upstream = rig.connected(used);
  book.add(used);
  for (let port = 1; port <= 10_000; port += 1) book.add(rig.of(route, clientOf(1), { host: 'a.test', port }));
  expect([book.count < 200, book.get(used.source.key)]).toEqual([true, used]);
  // The same object is asked for again long after its pool was forgotten: it gets one that is counted.
  const early = { host: 'b.test', port: 1 };
  const first = rig.of(route, clientOf(1), early);
  for (let port = 1; port <= 10_000; port += 1) rig.of(route, clientOf(1), { host: 'c.test', port });
  const again = rig.of(route, clientOf(1), early);
  expect([again === first, rig.of(route, clientOf(1), { ...early }) === again]).toEqual([false, true]);
  expect(rig.of(route, clientOf(1))).toBe(used);
  upstream.release();
  for (const leg of rig.outer) leg.reset();
  rig.clock.settle();
  expectNothingLeft(rig.ports);
});
