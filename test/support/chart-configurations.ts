/**
 * The configurations under which the chart is walked: every switch that arms or disarms a deadline, in every combination.
 *
 * The numbers are small, all different, and different before and after routing, so that a deadline taken from the wrong
 * place has the wrong length.
 */
import {
  defaultTimeouts,
  idleWarningMs,
  livenessMs,
  type DelayName,
  type Timeouts,
} from '../../src/machines/connection/delays.ts';
import type { ConnectionLeaf } from '../../src/machines/connection/verdicts.ts';

export interface Configuration {
  readonly name: string;
  readonly attemptsMax: number;
  /** True: the listener looks for a PROXY header first. */
  readonly expectsProxyHeader: boolean;
  /** True: legs may die without a word, and only a look at them tells. */
  readonly hasSilentDeaths: boolean;
  readonly listenerTimeouts: Timeouts;
  readonly routeTimeouts: Timeouts;
  /** Of the route that an exchange of an HTTP connection had. */
  readonly servedTimeouts: Timeouts;
  /** Of a connection that was upgraded: with a lifetime exactly where the connection had none, and the other way round. */
  readonly tunnelTimeouts: Timeouts;
  /** Of that connection's route: the silence after which its client is pinged, or null. */
  readonly tunnelPingMs: number | null;
}

/** Whose deadlines are in force: the listener's, the first route's, those of the route served last, a tunnel's. */
export type InForce = 'listener' | 'route' | 'served' | 'tunnel';

export function timeoutsOf(configuration: Configuration, inForce: InForce): Timeouts {
  const { listenerTimeouts, routeTimeouts, servedTimeouts, tunnelTimeouts } = configuration;
  return { listener: listenerTimeouts, route: routeTimeouts, served: servedTimeouts, tunnel: tunnelTimeouts }[inForce];
}

export interface Switches {
  readonly attemptsMax: number;
  readonly isServerFirst: boolean;
  readonly isIdleInfinite: boolean;
  readonly hasHalfClosedMax: boolean;
  readonly hasLifetime: boolean;
  readonly hasSilentDeaths: boolean;
  /** Left out: no. */
  readonly hasPing?: boolean;
  /** Left out: no. */
  readonly expectsProxyHeader?: boolean;
}

/** What a report of activity says, and what the facts that carry an age say. Milliseconds. */
export const quietMs = 40;
export const agesMs = {
  'sniff.routed': 500,
  'dial.succeeded': 1_000,
  'downstream.ended': 2_000,
  'upstream.ended': 3_000,
  'exchange.closed': 4_000,
  'service.finished': 5_000,
  'connection.upgraded': 6_000,
} as const;

const listenerNumbers = {
  admission: 10,
  sniff: 100,
  dial: 51,
  dialBudget: 151,
  queue: 31,
  backoff: 7,
  halfClosed: 301,
  flush: 201,
  linger: 21,
  keepAlive: 61,
};
const routeNumbers = {
  admission: 11,
  sniff: 101,
  dial: 50,
  dialBudget: 150,
  queue: 30,
  backoff: 5,
  halfClosed: 300,
  flush: 200,
  linger: 20,
  keepAlive: 60,
};
const servedNumbers = { ...routeNumbers, admission: 12, flush: 202, linger: 22, keepAlive: 62 };
/** Twice before the idle deadline announces itself, however quiet it has been before. */
const tunnelPing = 130;
const tunnelNumbers = { ...routeNumbers, admission: 13, halfClosed: 303, flush: 203 };

export function configurationOf(switches: Switches): Configuration {
  const { attemptsMax, isServerFirst, isIdleInfinite, hasHalfClosedMax, hasLifetime, hasSilentDeaths } = switches;
  const { hasPing = false, expectsProxyHeader = false } = switches;
  const timeouts = (numbers: typeof routeNumbers, base: number, isBounded = hasLifetime): Timeouts => ({
    ...defaultTimeouts,
    ...numbers,
    serverFirst: isServerFirst ? base + 3 : null,
    idle: isIdleInfinite ? null : base + 400,
    halfClosedMax: hasHalfClosedMax ? base + 900 : null,
    lifetime: isBounded ? base + 90_000 : null,
  });
  const said = [
    `${attemptsMax} attempts`,
    ...(isServerFirst ? ['server first'] : []),
    ...(isIdleInfinite ? ['idle infinite'] : []),
    ...(hasHalfClosedMax ? ['halfClosedMax'] : []),
    ...(hasLifetime ? ['lifetime'] : []),
    ...(hasSilentDeaths ? ['silent deaths'] : []),
    ...(hasPing ? ['ping'] : []),
    ...(expectsProxyHeader ? ['PROXY header'] : []),
  ];
  return {
    name: said.join(', '),
    attemptsMax,
    expectsProxyHeader,
    hasSilentDeaths,
    listenerTimeouts: timeouts(listenerNumbers, 1),
    routeTimeouts: timeouts(routeNumbers, 0),
    servedTimeouts: timeouts(servedNumbers, 2),
    tunnelTimeouts: timeouts(tunnelNumbers, 3, !hasLifetime),
    tunnelPingMs: hasPing ? tunnelPing : null,
  };
}

const both = [false, true];

/** Every combination of the switches that change which deadlines are armed. */
export const configurations: readonly Configuration[] = [1, 2].flatMap((attemptsMax) =>
  both.flatMap((isServerFirst) =>
    both.flatMap((isIdleInfinite) =>
      both.flatMap((hasHalfClosedMax) =>
        both.map((hasLifetime) =>
          configurationOf({
            attemptsMax,
            isServerFirst,
            isIdleInfinite,
            hasHalfClosedMax,
            hasLifetime,
            hasSilentDeaths: false,
          }),
        ),
      ),
    ),
  ),
);

/** Worlds in which a leg may be gone although nobody said so (L21). */
export const silentConfigurations: readonly Configuration[] = both.map((isIdleInfinite) =>
  configurationOf({
    attemptsMax: 1,
    isServerFirst: false,
    isIdleInfinite,
    hasHalfClosedMax: false,
    hasLifetime: false,
    hasSilentDeaths: true,
  }),
);

/** Worlds in which a WebSocket's client is pinged; where silence is no reason to end there is nothing to ask for. */
export const pingConfigurations: readonly Configuration[] = both.flatMap((isIdleInfinite) =>
  both.map((hasSilentDeaths) =>
    configurationOf({
      attemptsMax: 1,
      isServerFirst: false,
      isIdleInfinite,
      hasHalfClosedMax: false,
      hasLifetime: !hasSilentDeaths,
      hasSilentDeaths,
      hasPing: true,
    }),
  ),
);

/** Worlds in which somebody in front of the client says who it is. After that they are as the others are. */
export const headerConfigurations: readonly Configuration[] = both.map((isServerFirst) =>
  configurationOf({
    attemptsMax: 1,
    isServerFirst,
    isIdleInfinite: false,
    hasHalfClosedMax: false,
    hasLifetime: false,
    hasSilentDeaths: isServerFirst,
    expectsProxyHeader: true,
  }),
);

/** Few walks that together arm every deadline and leave every deadline off that can be: enough to judge a mutation. */
export const decisiveConfigurations: readonly Configuration[] = [
  configurationOf({
    attemptsMax: 2,
    isServerFirst: true,
    isIdleInfinite: false,
    hasHalfClosedMax: true,
    hasLifetime: true,
    hasSilentDeaths: false,
    hasPing: true,
    expectsProxyHeader: true,
  }),
  configurationOf({
    attemptsMax: 1,
    isServerFirst: false,
    isIdleInfinite: true,
    hasHalfClosedMax: false,
    hasLifetime: false,
    hasSilentDeaths: true,
  }),
];

/** Deadlines that a configuration may leave off, where the table below names them. */
type Optional = 'serverFirst' | 'lifetime' | 'halfClosedMax';

function isOptional(name: DelayName): name is Optional {
  return name === 'serverFirst' || name === 'lifetime' || name === 'halfClosedMax';
}

/** The declared table: exactly these deadlines hold a connection in a leaf. Written by hand, from the specification. */
const declared: Readonly<Record<ConnectionLeaf, readonly DelayName[]>> = {
  ACCEPTED: ['admission'],
  'SNIFFING.PROXY_HEADER': ['sniff'],
  'SNIFFING.IDENTIFIED': ['sniff'],
  'SNIFFING.SILENT': ['sniff', 'serverFirst'],
  'SNIFFING.PREFACE': ['sniff'],
  'SNIFFING.SERVER_FIRST': ['sniff'],
  'SNIFFING.TLS_HANDSHAKE': ['sniff'],
  'SNIFFING.INNER_SILENT': ['sniff', 'serverFirst'],
  'SNIFFING.INNER_PREFACE': ['sniff'],
  'SNIFFING.INNER_SERVER_FIRST': ['sniff'],
  'DIALING.QUEUED': ['dialBudget', 'queue'],
  'DIALING.ATTEMPTING.RESOLVING': ['dialBudget', 'dial'],
  'DIALING.ATTEMPTING.CONNECTING': ['dialBudget', 'dial'],
  'DIALING.ATTEMPTING.SECURING': ['dialBudget', 'dial'],
  'DIALING.BACKING_OFF': ['dialBudget', 'backoff'],
  'ESTABLISHED.TUNNEL.ACTIVE': ['lifetime', 'idling', 'ping'],
  'ESTABLISHED.TUNNEL.IDLING': ['lifetime', 'idle'],
  'ESTABLISHED.HTTP.WAITING': ['lifetime', 'keepAlive'],
  'ESTABLISHED.HTTP.BUSY': ['lifetime', 'liveness'],
  'ESTABLISHED.HTTP.LAST_EXCHANGE': ['lifetime', 'liveness'],
  'ESTABLISHED.HANDLER.ACTIVE': ['lifetime', 'idling'],
  'ESTABLISHED.HANDLER.IDLING': ['lifetime', 'idle'],
  'HALF_CLOSED.DOWNSTREAM_ENDED': ['lifetime', 'halfClosedMax', 'halfClosed'],
  'HALF_CLOSED.UPSTREAM_ENDED': ['lifetime', 'halfClosedMax', 'halfClosed'],
  'HALF_CLOSED.FLUSHING': ['lifetime', 'halfClosedMax', 'flush'],
  'HALF_CLOSED.FINISHING': ['lifetime', 'halfClosedMax', 'flush'],
  'HALF_CLOSED.LINGERING': ['lifetime', 'halfClosedMax', 'linger'],
  'HALF_CLOSED.REFUSING': ['lifetime', 'halfClosedMax', 'linger'],
  CLOSED: [],
};

/** The deadlines that must be armed in a leaf, and no others. */
export function declaredDeadlines(
  leaf: ConnectionLeaf,
  circumstances: Pick<Circumstances, 'timeouts' | 'pingMs' | 'pingedMs' | 'quietMs'>,
): readonly DelayName[] {
  return declared[leaf].filter((name) => {
    if (name === 'ping') return pingDelayMs(circumstances) !== null;
    return !isOptional(name) || circumstances.timeouts[name] !== null;
  });
}

/** A ping is due whenever it has been quiet for so long once more, and only where it comes before the warning. */
function pingDelayMs({
  timeouts: { idle },
  pingMs,
  pingedMs,
  quietMs: quiet,
}: Omit<Circumstances, 'attempt' | 'ageMs'>) {
  if (pingMs === null || idle === null) return null;
  const delayMs = pingedMs + pingMs > quiet ? pingedMs + pingMs - quiet : 0;
  return quiet + delayMs < idle - idleWarningMs(idle) ? delayMs : null;
}

/** The leaves a configuration can reach. */
export function reachableLeaves(configuration: Configuration): readonly ConnectionLeaf[] {
  const leaves: readonly ConnectionLeaf[] = leavesOf(declared);
  return leaves.filter((leaf) => {
    if (leaf === 'SNIFFING.PROXY_HEADER') return configuration.expectsProxyHeader;
    if (leaf.endsWith('SERVER_FIRST')) return configuration.listenerTimeouts.serverFirst !== null;
    if (leaf === 'DIALING.BACKING_OFF') return configuration.attemptsMax > 1;
    if (leaf.endsWith('.IDLING')) return configuration.routeTimeouts.idle !== null;
    return true;
  });
}

function leavesOf<Name extends string>(table: Readonly<Record<Name, unknown>>): Name[] {
  const names: Name[] = [];
  for (const name in table) if (Object.hasOwn(table, name)) names.push(name);
  return names;
}

/** What the world knows when a deadline is armed. */
export interface Circumstances {
  readonly timeouts: Timeouts;
  readonly attempt: number;
  /** Null: the client is not pinged. */
  readonly pingMs: number | null;
  /** The silence at the last ping, 0 where none was sent in it. */
  readonly pingedMs: number;
  /** Since the last byte, as last reported in this phase. */
  readonly quietMs: number;
  /** Age of the connection when the phase began. */
  readonly ageMs: number;
}

/** How long a deadline must be when it is armed, from the specification. */
export function expectedDelayMs(
  name: DelayName,
  { timeouts, attempt, pingMs, pingedMs, quietMs: quiet, ageMs }: Circumstances,
): number | null {
  switch (name) {
    case 'ping':
      return pingDelayMs({ timeouts, pingMs, pingedMs, quietMs: quiet });
    case 'idling':
      return timeouts.idle === null ? livenessMs : timeouts.idle - idleWarningMs(timeouts.idle) - quiet;
    case 'idle':
      return timeouts.idle === null ? null : idleWarningMs(timeouts.idle);
    case 'halfClosed':
      return (timeouts.halfClosed ?? Number.NaN) - quiet;
    case 'flush':
      return (timeouts.flush ?? Number.NaN) - quiet;
    case 'lifetime':
      return timeouts.lifetime === null ? null : timeouts.lifetime - ageMs;
    case 'backoff':
      return (timeouts.backoff ?? Number.NaN) * 2 ** (attempt - 1);
    case 'liveness':
      return livenessMs;
    default:
      return timeouts[name];
  }
}
