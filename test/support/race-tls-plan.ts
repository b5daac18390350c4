/**
 * The terminating half of the proxy that the race tests run against: its routes, and what clients say before and inside TLS.
 *
 * Also which upstream may hear of whom, said once more without asking the router. Read first: `race-plan.ts`.
 */
import { challengeAlpn } from '../../src/io/termination.ts';
import { bytesOf, clientHello } from './tls-hello.ts';

/** Ports by what they are for. */
export const tlsPorts = {
  /** Nothing inside is looked at: tunnels, in clear text and sealed again, and one passed through beside them. */
  terminated: 2001,
  /** What is inside decides, and a client that stays silent inside is given to the upstream that speaks first. */
  inside: 2002,
  /** What is inside decides, and is waited for. */
  quiet: 2003,
} as const;

export type TlsPortName = keyof typeof tlsPorts;

export const tlsPortNames: readonly TlsPortName[] = ['terminated', 'inside', 'quiet'];

export const tlsHosts = {
  raw: '10.0.2.1',
  sealed: '10.0.2.2',
  sealedToo: '10.0.2.3',
  passed: '10.0.2.4',
  banner: '10.0.2.5',
  redis: '10.0.2.6',
} as const;

/** Upstreams that speak TLS. */
export const sealedHosts: ReadonlySet<string> = new Set([tlsHosts.sealed, tlsHosts.sealedToo]);

/** What a client says first, on the wire. Everything after it is inside where TLS ends here, and payload where it does not. */
export const hellos = {
  helloRaw: clientHello({ serverName: 'raw.test', alpn: ['h2', 'other'] }),
  helloSealed: clientHello({ serverName: 'sealed.test' }),
  helloPassed: clientHello({ serverName: 'passed.test' }),
  helloElsewhere: clientHello({ serverName: 'elsewhere.test' }),
  helloSilent: clientHello({ serverName: 'inside.test' }),
  helloRedis: clientHello({ serverName: 'inside.test' }),
  helloQuiet: clientHello({ serverName: 'quiet.test' }),
  helloSsh: clientHello({ serverName: 'inside.test' }),
  helloUnknown: clientHello({ serverName: 'inside.test' }),
  /** The embedder's own detector throws at what is inside. */
  helloBomb: clientHello({ serverName: 'inside.test' }),
  /** A certificate authority that validates a name, on any port. */
  helloValidation: clientHello({ serverName: 'validated.test', alpn: [challengeAlpn] }),
} as const;

export type HelloName = keyof typeof hellos;

export const helloNames: readonly HelloName[] = Object.keys(hellos).filter((name): name is HelloName => name in hellos);

/** What such a client says first inside. */
const greetings: Readonly<Partial<Record<HelloName, Uint8Array>>> = {
  helloRedis: bytesOf('*1\r\n$4\r\nPING\r\n'),
  helloQuiet: bytesOf('*1\r\n$4\r\nPING\r\n'),
  helloSsh: bytesOf('SSH-2.0-x\r\n'),
  helloUnknown: bytesOf('\u0001\u0002 nothing anybody knows'),
  helloBomb: bytesOf('\u0007\u0007\u0007'),
};

export function isHello(preface: string): preface is HelloName {
  return preface in hellos;
}

/** What the client says first inside of TLS; null where nobody here ends it, so that no client can go on. */
export function greetingInside(preface: string): Uint8Array | null {
  if (!isHello(preface) || preface === 'helloPassed') return null;
  return greetings[preface] ?? new Uint8Array(0);
}

/** The upstreams that may hear a byte of a client that came to this port and began like this. */
export function upstreamsInside(port: string, preface: string): readonly string[] {
  // Whatever it was going to say: a client that does not say it soon enough is given to the one that speaks first.
  if (port === 'inside' && isInside(preface))
    return [tlsHosts.banner, ...(preface === 'helloRedis' ? [tlsHosts.redis] : [])];
  if (port === 'quiet') return preface === 'helloQuiet' ? [tlsHosts.redis] : [];
  if (port !== 'terminated') return [];
  if (preface === 'helloRaw') return [tlsHosts.raw];
  if (preface === 'helloSealed') return [...sealedHosts];
  return preface === 'helloPassed' ? [tlsHosts.passed] : [];
}

/** The port where such a hello is expected. */
export function homeOf(hello: HelloName): TlsPortName {
  if (hello === 'helloQuiet') return 'quiet';
  return isInside(hello) ? 'inside' : 'terminated';
}

function isInside(preface: string): boolean {
  return preface === 'helloSilent' || (preface in greetings && preface !== 'helloQuiet');
}

/** @param forward an action that forwards to these hosts. */
export function tlsRoutes<Action>(
  forward: (...hosts: readonly string[]) => Action,
  timing: { readonly serverFirst: number; readonly lifetime: number },
) {
  const tls = { mode: 'terminate', certificate: () => null } as const;
  const sealing = { ...tls, mode: 'terminate-and-reencrypt' } as const;
  const on = (port: TlsPortName, domains: string) => ({ ports: tlsPorts[port], domains });
  return [
    {
      name: 'raw',
      match: { ...on('terminated', 'raw.test'), protocol: 'tcp' },
      tls,
      action: forward(tlsHosts.raw),
    },
    {
      name: 'sealed',
      match: { ...on('terminated', 'sealed.test'), protocol: 'tcp' },
      tls: sealing,
      action: forward(tlsHosts.sealed, tlsHosts.sealedToo),
      timeouts: { lifetime: timing.lifetime },
    },
    {
      name: 'passed',
      match: { ...on('terminated', 'passed.test'), protocol: 'tls' },
      tls: { mode: 'passthrough' },
      action: forward(tlsHosts.passed),
    },
    {
      name: 'banner inside',
      match: { ...on('inside', 'inside.test'), protocol: 'ssh' },
      tls,
      action: forward(tlsHosts.banner),
      timeouts: { serverFirst: timing.serverFirst },
    },
    {
      name: 'redis inside',
      match: { ...on('inside', 'inside.test'), protocol: 'redis' },
      tls,
      action: forward(tlsHosts.redis),
    },
    {
      name: 'redis in the quiet',
      match: { ...on('quiet', 'quiet.test'), protocol: 'redis' },
      tls,
      action: forward(tlsHosts.redis),
    },
    {
      name: 'bomb inside',
      match: { ...on('inside', 'inside.test'), protocol: 'bomb' },
      tls,
      action: forward(tlsHosts.redis),
    },
  ] as const;
}
