/**
 * The proxy that the race tests run against: one port for every way a connection can go, with deadlines that pass quickly.
 *
 * Also what clients say first, and which upstream may hear of it, said here once more without asking the router.
 */
import { resolveConfig } from '../../src/config/resolve.ts';
import type { Detect } from '../../src/protocols/detector.ts';
import type { Interpreter, ProxyPlan } from '../../src/routing/plan.ts';
import { hellos, tlsHosts, tlsPorts, tlsRoutes, upstreamsInside } from './race-tls-plan.ts';
import { bytesOf, clientHello, concat } from './tls-hello.ts';

/** Ports by what they are for. */
const plainPorts = {
  /** One target, no byte is looked at. */
  plain: 1001,
  /** Three targets, every limit on, a client that half-closed is kept. */
  many: 1002,
  sniffed: 1003,
  /** A silent client is given to the upstream that speaks first. */
  serverFirst: 1004,
  blockedByReset: 1005,
  blockedByFin: 1006,
  blockedInWords: 1007,
  /** Two connections at once. */
  capped: 1008,
  /** Nothing bounds a silent connection but the looks at its legs. */
  unbounded: 1009,
  /** No connection at all. */
  closed: 1010,
  /** Whoever comes is introduced by a PROXY header, and three come from one address. */
  introduced: 1011,
  /** Whoever comes may be introduced. */
  introducible: 1012,
  /** One connection at once, and two may wait for it. */
  queued: 1013,
  /** One connection at once, and two wait to be let in. */
  waiting: 1014,
} as const;

export const ports = { ...plainPorts, ...tlsPorts } as const;

export type PortName = keyof typeof ports;

/** Those where no TLS ends. */
export const portNames: readonly PortName[] = Object.keys(plainPorts).filter(
  (name): name is PortName => name in plainPorts,
);

/** Who a believed PROXY header says the client is. */
export const introducedIp = '203.0.113.7';

const plainPrefaces = {
  nothing: new Uint8Array(0),
  tls: clientHello({ serverName: 'a.test' }),
  tlsElsewhere: clientHello({ serverName: 'b.test' }),
  tlsMalformed: concat([Uint8Array.of(0x16, 3, 1, 0, 8, 1, 0, 0, 4), bytesOf('zzzz')]),
  http: bytesOf('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'),
  redis: bytesOf('*1\r\n$4\r\nPING\r\n'),
  ssh: bytesOf('SSH-2.0-x\r\n'),
  unknown: bytesOf('\u0001\u0002 nothing anybody knows'),
  /** PROXY headers; payload wherever none is looked for. */
  proxied: bytesOf(`PROXY TCP4 ${introducedIp} 198.51.100.1 4711 443\r\n`),
  proxiedV2: concat([
    bytesOf('\r\n\r\n\0\r\nQUIT\n'),
    Uint8Array.of(0x21, 0x11, 0, 12, 203, 0, 113, 7, 198, 51, 100, 1, 0x12, 0x67, 1, 187),
  ]),
  proxiedBroken: bytesOf('PROXY TCP4 203.0.113.7 nobody 4711 443\r\n'),
  /** The embedder's own detector throws at it. */
  bomb: bytesOf('\u0007\u0007\u0007'),
} as const;

/** What a client says first; everything after it is payload, unless TLS ends here (`race-tls-plan.ts`). */
export const prefaces = { ...plainPrefaces, ...hellos } as const;

export type PrefaceName = keyof typeof prefaces;

/** Those of clients whose TLS, if they speak it, is not to end here. */
export const prefaceNames: readonly PrefaceName[] = Object.keys(plainPrefaces).filter(
  (name): name is PrefaceName => name in plainPrefaces,
);

/** The header with which a client at that port begins, if it is a whole and a right one. */
export function headerAt(port: PortName, preface: PrefaceName): Uint8Array | null {
  const isHeader = preface === 'proxied' || preface === 'proxiedV2';
  return isHeader && (port === 'introduced' || port === 'introducible') ? prefaces[preface] : null;
}

const hosts = { a: '10.0.0.1', b: '10.0.0.2', c: '10.0.0.3', tls: '10.0.1.1', http: '10.0.1.2', redis: '10.0.1.3' };

/** Every upstream there is. */
export const upstreamHosts: readonly string[] = [...Object.values(hosts), ...Object.values(tlsHosts)];
export const upstreamPort = 9000;

/** The upstreams that may hear a byte of a client that came to this port and began like this. */
export function upstreamsFor(port: PortName, preface: PrefaceName): readonly string[] {
  switch (port) {
    case 'plain':
    case 'capped':
    case 'unbounded':
    case 'queued':
    case 'waiting':
      return [hosts.a];
    case 'introduced':
      return headerAt(port, preface) === null ? [] : [hosts.b];
    case 'introducible':
      return preface === 'proxiedBroken' ? [] : [hosts.b];
    case 'many':
      return [hosts.a, hosts.b, hosts.c];
    case 'serverFirst':
      return [hosts.b, ...(preface === 'http' || preface === 'tls' ? [hosts.http] : [])];
    case 'sniffed':
      return preface === 'tls' || preface === 'http' || preface === 'redis' ? [hosts[preface]] : [];
    default:
      return upstreamsInside(port, preface);
  }
}

const bomb: Detect = (prefix) => {
  if (prefix[0] !== 7) return { verdict: 'noMatch' };
  if (prefix.length < 3) return { verdict: 'needsMore' };
  throw new Error('a detector of the embedder failed');
};

/** Deadlines in milliseconds, chosen so that none hides another. */
export const timeouts = {
  admission: 90,
  queue: 70,
  sniff: 100,
  dial: 50,
  dialBudget: 120,
  backoff: 10,
  idle: 400,
  halfClosed: 300,
  flush: 80,
  linger: 40,
} as const;
/** So many connections of one address at `introduced`. */
export const introducedMax = 3;
export const serverFirstMs = 30;
export const halfClosedMaxMs = 200;
export const lifetimeMs = 350;

/** Longer than every chain of deadlines a silent connection can pass through. */
export const allDeadlinesMs = 70_000;

export function racePlan(interpreter: Interpreter): ProxyPlan {
  const to = (...addresses: readonly string[]) =>
    ({ type: 'forward', targets: addresses.map((host) => ({ host, port: upstreamPort })) }) as const;
  const forward = (...names: readonly (keyof typeof hosts)[]) => to(...names.map((name) => hosts[name]));
  const route = (name: PortName) => ({ name, match: { ports: ports[name] } });
  const sniffed = { ports: ports.sniffed, domains: 'a.test' };
  return resolveConfig({
    interpreter,
    timeouts,
    limits: { maxConnections: 40 },
    detectors: { bomb },
    listeners: {
      [ports.capped]: { maxConnections: 2 },
      [ports.closed]: { maxConnections: 0 },
      [ports.unbounded]: {},
      [ports.introduced]: { acceptProxyProtocol: true, maxConnectionsPerIp: introducedMax },
      [ports.introducible]: { acceptProxyProtocol: { from: ['192.0.2.0/24'], required: false } },
      [ports.waiting]: { maxConnections: 1, waitingRoom: { size: 2 } },
    },
    routes: [
      { ...route('plain'), action: forward('a') },
      { ...route('closed'), action: forward('a') },
      {
        ...route('many'),
        action: forward('a', 'b', 'c'),
        keepHalfOpen: true,
        timeouts: { lifetime: lifetimeMs, halfClosedMax: halfClosedMaxMs },
      },
      { name: 'tls', match: { ...sniffed, protocol: 'tls' }, tls: { mode: 'passthrough' }, action: forward('tls') },
      { name: 'http', match: { ...sniffed, protocol: 'tcp' }, action: forward('http') },
      { name: 'redis', match: { ports: ports.sniffed, protocol: 'redis' }, action: forward('redis') },
      { name: 'ssh', enabled: false, match: { ports: ports.sniffed, protocol: 'ssh' }, action: forward('a') },
      { name: 'bomb', match: { ports: ports.sniffed, protocol: 'bomb' }, action: forward('a') },
      {
        name: 'talk',
        match: { ports: ports.serverFirst, domains: 'a.test', protocol: 'tcp' },
        action: forward('http'),
      },
      {
        name: 'banner',
        match: { ports: ports.serverFirst, protocol: 'ssh' },
        action: forward('b'),
        timeouts: { serverFirst: serverFirstMs },
      },
      { ...route('blockedByReset'), action: { type: 'block', how: 'reset' } },
      { ...route('blockedByFin'), action: { type: 'block', how: 'fin' } },
      { ...route('blockedInWords'), action: { type: 'block', how: 'reply' } },
      { ...route('capped'), action: forward('a') },
      { ...route('introduced'), action: forward('b') },
      { ...route('introducible'), action: forward('b') },
      { ...route('queued'), action: forward('a'), security: { maxConnections: 1 }, queue: { size: 2 } },
      { ...route('waiting'), action: forward('a') },
      { ...route('unbounded'), action: forward('a'), timeouts: { idle: 'infinite', halfClosed: 300 } },
      ...tlsRoutes(to, { serverFirst: serverFirstMs, lifetime: lifetimeMs }),
    ],
  });
}
