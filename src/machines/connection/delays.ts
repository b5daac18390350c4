/**
 * Every deadline of a connection, by name: unit, default and why that number.
 *
 * Decides: how long a state may last, from the timeouts its route resolved to.
 * Must never do: read a clock. Milliseconds throughout; `null` means "never armed" (`infinite` or off).
 * Read first: lifecycle in docs/ARCHITECTURE.md.
 */
import type { ConnectionContext } from './context.ts';

/** One row of the deadline table. */
export interface DeadlineEntry {
  /** Milliseconds; null is off or infinite. */
  readonly defaultMs: number | null;
  /** True exactly when a configuration may say `infinite`. */
  readonly infiniteAllowed: boolean;
  readonly meaning: string;
  readonly why: string;
}

export const deadlines = {
  startup: {
    defaultMs: 30_000,
    infiniteAllowed: false,
    meaning: 'from start() until every listener is bound',
    why: 'control-plane work may be slow once, and must still end',
  },
  admission: {
    defaultMs: 1_000,
    infiniteAllowed: false,
    meaning: 'in ACCEPTED, until admitted or refused',
    why: 'a decision without input from the peer',
  },
  sniff: {
    defaultMs: 10_000,
    infiniteAllowed: false,
    meaning: 'the whole of SNIFFING, absolute',
    why: 'one retransmission cycle of a bad network; a trickle does not extend it',
  },
  serverFirst: {
    defaultMs: null,
    infiniteAllowed: false,
    meaning: 'how long a client may stay silent before a server-speaks-first route is taken',
    why: 'off unless a route declares it; 300 ms when it says `true`',
  },
  dial: {
    defaultMs: 5_000,
    infiniteAllowed: false,
    meaning: 'one dial attempt: resolve and connect',
    why: 'three SYNs (0, 1, 3 s) and a margin',
  },
  dialBudget: {
    defaultMs: 15_000,
    infiniteAllowed: false,
    meaning: 'all attempts and the waits between them',
    why: 'three attempts; keeps retries from holding a slot for minutes',
  },
  queue: {
    defaultMs: 5_000,
    infiniteAllowed: false,
    meaning: 'waiting for a place at a per-route or per-endpoint cap',
    why: 'as long as one dial attempt',
  },
  backoff: {
    defaultMs: 100,
    infiniteAllowed: false,
    meaning: 'the wait before the second attempt; doubles up to 2 s',
    why: 'a listener that restarts is back within a few of these',
  },
  idle: {
    defaultMs: 300_000,
    infiniteAllowed: true,
    meaning: 'no byte either way in ESTABLISHED',
    why: 'shorter than the 350 s of common cloud NATs',
  },
  halfClosed: {
    defaultMs: 300_000,
    infiniteAllowed: false,
    meaning: 'no byte in HALF_CLOSED; the value of `idle` unless set',
    why: 'one direction still works for its living',
  },
  halfClosedMax: {
    defaultMs: null,
    infiniteAllowed: false,
    meaning: 'the whole of HALF_CLOSED, absolute',
    why: 'off: a long answer after a FIN is legal',
  },
  flush: {
    defaultMs: 10_000,
    infiniteAllowed: false,
    meaning: 'nothing more is to come, no progress in writing the rest',
    why: 'a reader that takes nothing for so long is gone',
  },
  linger: {
    defaultMs: 2_000,
    infiniteAllowed: false,
    meaning: 'after the last byte of a refusal or of HTTP, for the client to read it and to end',
    why: 'one round trip and a margin, what nginx and Apache use',
  },
  lifetime: {
    defaultMs: null,
    infiniteAllowed: true,
    meaning: 'the age of a connection, counted from accept',
    why: 'infinite: age alone is no fault',
  },
  drain: {
    defaultMs: 30_000,
    infiniteAllowed: false,
    meaning: 'from the drain request until what is left is killed',
    why: 'the grace period of common orchestrators',
  },
  readinessDelay: {
    defaultMs: 0,
    infiniteAllowed: false,
    meaning: 'readiness is red this long before listeners close',
    why: 'off unless a load balancer needs to notice',
  },
  requestHead: { defaultMs: 10_000, infiniteAllowed: false, meaning: 'HTTP: the request head', why: 'as sniff' },
  requestBody: {
    defaultMs: 30_000,
    infiniteAllowed: false,
    meaning: 'HTTP: between two reads of a request body',
    why: 'a stalled upload, not a slow one',
  },
  response: {
    defaultMs: 60_000,
    infiniteAllowed: false,
    meaning: 'HTTP: to the first byte of the response, then between bytes',
    why: 'what nginx and HAProxy set-ups use',
  },
  keepAlive: {
    defaultMs: 15_000,
    infiniteAllowed: false,
    meaning: 'HTTP: between two requests',
    why: 'short enough for a scrubbed cache of sockets, long enough for a page',
  },
  poolIdle: {
    defaultMs: 30_000,
    infiniteAllowed: false,
    meaning: 'HTTP: an unused pooled upstream connection',
    why: 'shorter than common server keep-alives would be wasteful, longer races them',
  },
} as const satisfies Record<string, DeadlineEntry>;

export type DeadlineName = keyof typeof deadlines;

function isDeadlineName(name: string): name is DeadlineName {
  return Object.hasOwn(deadlines, name);
}

/** All deadline names, in the order of the documentation. */
export const deadlineNames: readonly DeadlineName[] = Object.keys(deadlines).filter(isDeadlineName);

/** Resolved deadlines of one route: milliseconds, or null where never armed. Shared by its connections; never mutated. */
export type Timeouts = Readonly<Record<DeadlineName, number | null>>;

/** The resolved deadlines and, for each, where its value came from (`file:line:col`, an environment name, a flag, or `default`). */
export interface TimeoutsPlan {
  readonly values: Timeouts;
  readonly sources: Readonly<Record<DeadlineName, string>>;
}

/** Largest deadline the clock accepts: 2^31-1 ms, the limit of Node's timers (24.8 days). */
export const deadlineMsMax = 2_147_483_647;
/** The longest wait between two attempts, whatever the doubling says. */
export const backoffMsMax = 2_000;
/** How often the legs of a connection whose `idle` is infinite are looked at for a silent death. */
export const livenessMs = 60_000;

/** The defaults as one resolved set. */
export const defaultTimeouts: Timeouts = {
  startup: deadlines.startup.defaultMs,
  admission: deadlines.admission.defaultMs,
  sniff: deadlines.sniff.defaultMs,
  serverFirst: deadlines.serverFirst.defaultMs,
  dial: deadlines.dial.defaultMs,
  dialBudget: deadlines.dialBudget.defaultMs,
  queue: deadlines.queue.defaultMs,
  backoff: deadlines.backoff.defaultMs,
  idle: deadlines.idle.defaultMs,
  halfClosed: deadlines.halfClosed.defaultMs,
  halfClosedMax: deadlines.halfClosedMax.defaultMs,
  flush: deadlines.flush.defaultMs,
  linger: deadlines.linger.defaultMs,
  lifetime: deadlines.lifetime.defaultMs,
  drain: deadlines.drain.defaultMs,
  readinessDelay: deadlines.readinessDelay.defaultMs,
  requestHead: deadlines.requestHead.defaultMs,
  requestBody: deadlines.requestBody.defaultMs,
  response: deadlines.response.defaultMs,
  keepAlive: deadlines.keepAlive.defaultMs,
  poolIdle: deadlines.poolIdle.defaultMs,
};

/** How long before the idle deadline `connection.idling` is told: a quarter of it, at most one minute. */
export function idleWarningMs(idleMs: number): number {
  return Math.min(60_000, idleMs / 4);
}

/** What remains of a deadline after `spentMs`; never negative; null stays null. */
export function remaining(limitMs: number | null, spentMs: number): number | null {
  return limitMs === null ? null : Math.max(0, limitMs - spentMs);
}

/** The wait after so many attempts: doubles from the first, up to `backoffMsMax`. */
export function backoffMs(firstMs: number | null, attempt: number): number {
  return Math.min(backoffMsMax, (firstMs ?? 0) * 2 ** Math.min(30, Math.max(0, attempt - 1)));
}

/** How long it will have been quiet when the next ping is sent: `pingMs` after the last byte, or after the last ping. */
export function nextPingMs({ pingMs, pingedMs, quietMs }: ConnectionContext): number {
  return Math.max(quietMs, pingedMs + (pingMs ?? 0));
}

/** The chart's delays. Each answers milliseconds from now, or null for "do not arm". */
export const delays = {
  admission: (context: ConnectionContext) => context.timeouts.admission,
  sniff: (context: ConnectionContext) => context.timeouts.sniff,
  serverFirst: (context: ConnectionContext) => context.timeouts.serverFirst,
  queue: (context: ConnectionContext) => context.timeouts.queue,
  dial: (context: ConnectionContext) => context.timeouts.dial,
  dialBudget: (context: ConnectionContext) => context.timeouts.dialBudget,
  backoff: (context: ConnectionContext) => backoffMs(context.timeouts.backoff, context.attempt),
  /** To the warning; or, where `idle` is infinite, to the next look at the legs. */
  idling: (context: ConnectionContext) => {
    const idleMs = context.timeouts.idle;
    return idleMs === null ? livenessMs : remaining(idleMs - idleWarningMs(idleMs), context.quietMs);
  },
  /** From the warning to the end. */
  idle: (context: ConnectionContext) => {
    const idleMs = context.timeouts.idle;
    return idleMs === null ? null : idleWarningMs(idleMs);
  },
  /** To the next ping; none where the warning comes first, and none where silence is no reason to end. */
  ping: (context: ConnectionContext) => {
    const idleMs = context.timeouts.idle;
    const dueMs = nextPingMs(context);
    if (context.pingMs === null || idleMs === null || dueMs >= idleMs - idleWarningMs(idleMs)) return null;
    return dueMs - context.quietMs;
  },
  halfClosed: (context: ConnectionContext) => remaining(context.timeouts.halfClosed, context.quietMs),
  halfClosedMax: (context: ConnectionContext) => context.timeouts.halfClosedMax,
  flush: (context: ConnectionContext) => remaining(context.timeouts.flush, context.quietMs),
  keepAlive: (context: ConnectionContext) => context.timeouts.keepAlive,
  /** How often the leg of a connection whose exchanges hold the deadlines is looked at. */
  liveness: (): number | null => livenessMs,
  linger: (context: ConnectionContext) => context.timeouts.linger,
  lifetime: (context: ConnectionContext) => remaining(context.timeouts.lifetime, context.ageMs),
} as const;

export type DelayName = keyof typeof delays;
