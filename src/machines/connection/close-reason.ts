/**
 * Why a connection ended: the closed, stable set of reasons, and what each one says.
 *
 * Decides: the vocabulary of the end. Must never do: hold a number or an address; those belong to the record.
 * "Zombie" and "forced cleanup" are absent on purpose: there is no sweeper that could write them.
 * Read first: `delays.ts` (the deadlines that give the `timeout.*` family its names).
 */
import { deadlineNames, type DeadlineName } from './delays.ts';

/** Who caused the end: the peer that connected, the peer we connect to, our own policy, or a person. */
export type CloseSide = 'downstream' | 'upstream' | 'proxy' | 'operator';

/** How a live leg is let go: `end` is FIN after what was written, `reset` is RST, so that a cut never looks like an end. */
export type ReleaseManner = 'end' | 'reset';

interface ReasonEntry {
  readonly by: CloseSide;
  readonly manner: ReleaseManner;
  /** One sentence without a full stop, lower case; `explain` puts the facts around it. */
  readonly says: string;
}

const plain = {
  completed: { by: 'downstream', manner: 'end', says: 'both sides finished and everything was delivered' },
  'downstream.left': { by: 'downstream', manner: 'end', says: 'the client left before it sent anything' },
  'downstream.reset': { by: 'downstream', manner: 'reset', says: 'the client reset the connection' },
  'downstream.malformed': {
    by: 'downstream',
    manner: 'reset',
    says: 'the client sent bytes that break its own protocol',
  },
  'downstream.tls': { by: 'downstream', manner: 'reset', says: 'TLS with the client failed' },
  'upstream.refused': { by: 'upstream', manner: 'reset', says: 'the upstream refused the connection' },
  'upstream.unreachable': { by: 'upstream', manner: 'reset', says: 'the upstream could not be reached' },
  'upstream.reset': { by: 'upstream', manner: 'reset', says: 'the upstream reset the connection' },
  'upstream.malformed': {
    by: 'upstream',
    manner: 'reset',
    says: 'the upstream sent bytes that break its own protocol',
  },
  'upstream.truncated': { by: 'upstream', manner: 'reset', says: 'the upstream ended in the middle of an answer' },
  'upstream.tls': { by: 'upstream', manner: 'reset', says: 'TLS with the upstream failed' },
  'upstream.exhausted': { by: 'upstream', manner: 'reset', says: 'no healthy endpoint was left' },
  'refused.capacity': { by: 'proxy', manner: 'reset', says: 'the connection cap was reached' },
  'refused.address': { by: 'proxy', manner: 'reset', says: 'the client address is not admitted' },
  'refused.rate': { by: 'proxy', manner: 'reset', says: 'the rate limit was reached' },
  'refused.route': { by: 'proxy', manner: 'reset', says: 'nothing here is what the client asked for' },
  'refused.protocol': { by: 'proxy', manner: 'reset', says: 'no route takes the protocol the client speaks' },
  'refused.auth': { by: 'proxy', manner: 'reset', says: 'the client did not authenticate' },
  'route.blocked': { by: 'proxy', manner: 'reset', says: 'the route blocks this connection' },
  'route.changed': { by: 'operator', manner: 'reset', says: 'the route was changed or removed' },
  'operator.drained': { by: 'operator', manner: 'reset', says: 'the proxy was drained' },
  'operator.killed': { by: 'operator', manner: 'reset', says: 'an operator ended the connection' },
  'handler.completed': { by: 'proxy', manner: 'end', says: 'the handler finished' },
  'handler.failed': { by: 'proxy', manner: 'reset', says: 'a callback of the embedding program failed' },
  'nftables.closed': { by: 'proxy', manner: 'end', says: 'the kernel forwarded and closed this connection' },
  'internal.invariant': { by: 'proxy', manner: 'reset', says: 'an invariant of the proxy was broken (a bug)' },
} as const satisfies Record<string, ReasonEntry>;

/** Every reason that is not a deadline. */
export type PlainReason = keyof typeof plain;
/** Every reason a connection can end for. Stable: names are only ever added. */
export type CloseReason = PlainReason | `timeout.${DeadlineName}`;

/** Which peer's silence a deadline measures; `proxy` where it is nobody's in particular. */
const deadlineSides: Readonly<Record<DeadlineName, CloseSide>> = {
  startup: 'proxy',
  admission: 'proxy',
  sniff: 'downstream',
  serverFirst: 'downstream',
  dial: 'upstream',
  dialBudget: 'upstream',
  queue: 'proxy',
  backoff: 'proxy',
  idle: 'proxy',
  halfClosed: 'proxy',
  halfClosedMax: 'proxy',
  flush: 'proxy',
  linger: 'downstream',
  lifetime: 'proxy',
  drain: 'operator',
  readinessDelay: 'operator',
  requestHead: 'downstream',
  requestBody: 'downstream',
  response: 'upstream',
  keepAlive: 'downstream',
  poolIdle: 'proxy',
};

const timeouts = new Map<string, ReasonEntry>(
  deadlineNames.map((name) => [
    `timeout.${name}`,
    { by: deadlineSides[name], manner: 'reset', says: `the ${name} deadline passed` },
  ]),
);

/** All reasons, in the order of the documentation. */
export const closeReasons: readonly CloseReason[] = [
  ...Object.keys(plain).filter(isPlain),
  ...deadlineNames.map((name) => `timeout.${name}` as const),
];

function isPlain(name: string): name is PlainReason {
  return Object.hasOwn(plain, name);
}

/** What a reason says and how it lets go of the legs. Total: every reason has an entry. */
export function describeReason(reason: CloseReason): ReasonEntry {
  if (isPlain(reason)) return plain[reason];
  const entry = timeouts.get(reason);
  if (entry === undefined) throw new Error(`the close reason ${reason} has no entry`);
  return entry;
}

const deadlineByReason: ReadonlyMap<string, DeadlineName> = new Map(
  deadlineNames.map((name) => [`timeout.${name}`, name]),
);

/** The deadline a reason names, or null when the reason is not a deadline. */
export function deadlineOf(reason: CloseReason): DeadlineName | null {
  return deadlineByReason.get(reason) ?? null;
}
