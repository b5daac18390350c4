/**
 * What happens at each deadline, in words, for docs/LIMITS.md.
 *
 * Deadlines that no chart arms yet say so by themselves; the generator compares with the charts.
 */
import type { DeadlineName } from '../src/machines/connection/delays.ts';

/** A leg that has its FIN already is closed; nothing more was owed to it. */
const cut = 'RST to each side that has not been sent its FIN; a side that has is closed';
const refusal = 'refused in the client’s own protocol where it has one, and given `linger` to read it; RST otherwise';

/** Where nothing of a response has been seen, the client is told; its connection is not used again. */
function answered(status: string): string {
  return `the client is answered ${status} and the connection closed`;
}

/** At the limit. Null: no chart arms it yet, and a configuration that sets it is refused as not built. */
export const atDeadline: Readonly<Record<DeadlineName, string | null>> = {
  startup: 'what was bound is closed again; `start()` rejects with `SALLYPORT_START_TIMEOUT`',
  admission: 'RST; ends as `timeout.admission`',
  sniff: `${refusal}; ends as \`timeout.sniff\``,
  serverFirst: 'not an end: the route whose upstream speaks first is taken',
  dial: `the attempt is aborted; the next one after \`backoff\` while the route has attempts left, otherwise ${refusal}; ends as \`timeout.dial\``,
  dialBudget: `whatever is under way is aborted; ${refusal}; ends as \`timeout.dialBudget\``,
  queue: `HTTP: ${answered('504')}; ends as \`timeout.queue\``,
  backoff: 'not an end: the next attempt begins',
  idle: '`connection.idling` is told a quarter of it (at most 1 min) before; then RST to both sides; ends as `timeout.idle`',
  halfClosed: `${cut}; ends as \`timeout.halfClosed\``,
  halfClosedMax: `${cut}; ends as \`timeout.halfClosedMax\``,
  flush: `${cut}, and the bytes not yet taken are lost; ends as \`timeout.flush\`, or as what had failed before`,
  linger: 'the socket is let go; the reason is the refusal’s or that of the end of HTTP, not the deadline’s',
  lifetime: `${cut}; ends as \`timeout.lifetime\``,
  drain: 'what is left is killed; ends as `operator.drained`',
  readinessDelay: null,
  requestHead: `${answered('408')}; ends as \`timeout.requestHead\``,
  requestBody: `${answered('408')}; ends as \`timeout.requestBody\``,
  response: `${answered('504')}; a response that has begun is cut, so that it never looks complete; ends as \`timeout.response\``,
  keepAlive: 'FIN, and `linger` for the client to end its side; ends as `timeout.keepAlive`',
  poolIdle: 'the pooled connection is closed; no client has it',
};

export interface LimitWords {
  readonly name: string;
  /** Where the number is, so that the page cannot say another. */
  readonly file: string;
  readonly constant: string;
  readonly unit: 'bytes' | 'milliseconds' | 'count';
  readonly meaning: string;
  readonly why: string;
  readonly at: string;
  /** How to change it; null: not at all. */
  readonly tune: string | null;
}

export const limitWords: readonly LimitWords[] = [
  {
    name: 'connections of the proxy',
    file: 'src/config/build-plan.ts',
    constant: 'maxConnectionsDefault',
    unit: 'count',
    meaning: 'connections that live at once; claimed at accept, released once in CLOSED',
    why: 'bounds memory and descriptors; lowered at start to what the descriptor limit allows',
    at: 'refused at once with RST and counted (`refused.capacity`), no chart is made; 0 refuses all',
    tune: '`limits.maxConnections`; per listener `listeners.<port>.maxConnections`',
  },
  {
    name: 'sniffed prefix',
    file: 'src/protocols/detector.ts',
    constant: 'sniffBytesMax',
    unit: 'bytes',
    meaning: 'the most bytes of a client that are looked at before it counts as unknown',
    why: 'the largest TLS record (RFC 8446 §5.1)',
    at: 'the client is routed as one whose protocol nobody knows',
    tune: null,
  },
  {
    name: 'held bytes',
    file: 'src/io/leg.ts',
    constant: 'heldBytesMax',
    unit: 'bytes',
    meaning: 'what a leg holds before the upstream takes it, up to one read more',
    why: 'one read of Node’s; a client that sends more waits for the dial',
    at: 'the leg stops reading; FIN and RST behind the unread bytes are seen at the next write or at the state’s deadline',
    tune: null,
  },
  {
    name: 'back-off',
    file: 'src/machines/connection/delays.ts',
    constant: 'backoffMsMax',
    unit: 'milliseconds',
    meaning: 'the longest wait between two dial attempts, whatever the doubling says',
    why: 'a budget of 15 s should see several attempts',
    at: 'the wait stops growing',
    tune: null,
  },
  {
    name: 'liveness check',
    file: 'src/machines/connection/delays.ts',
    constant: 'livenessMs',
    unit: 'milliseconds',
    meaning:
      'how often a connection whose `idle` is infinite, or whose exchanges hold the deadlines, is looked at for a transport that died without a word',
    why: 'neither an infinite deadline nor somebody else’s must hide a dead socket',
    at: 'a dead transport ends the connection as `downstream.reset` or `upstream.reset`; a live one goes on',
    tune: null,
  },
  {
    name: 'longest deadline',
    file: 'src/machines/connection/delays.ts',
    constant: 'deadlineMsMax',
    unit: 'milliseconds',
    meaning: 'the largest number a deadline may have',
    why: 'Node’s timers overflow beyond 2^31-1 ms and would fire at once',
    at: 'the configuration is refused',
    tune: null,
  },
  {
    name: 'release',
    file: 'src/io/ledger.ts',
    constant: 'releaseMs',
    unit: 'milliseconds',
    meaning: 'how long the operating system may take to close what was let go',
    why: 'far longer than an event loop is ever blocked',
    at: '`release.overdue` is reported and counted, and the transport leaves the ledger, so that `stop()` ends',
    tune: null,
  },
  {
    name: 'ports of a route',
    file: 'src/config/ports.ts',
    constant: 'portsMax',
    unit: 'count',
    meaning: 'listeners that one configuration may ask for by ranges',
    why: 'a typing error must not bind the whole machine',
    at: 'the configuration is refused',
    tune: null,
  },
  {
    name: 'names asked of a function',
    file: 'src/certificates/asked.ts',
    constant: 'askedNamesMax',
    unit: 'count',
    meaning: 'certificates of a `certificate` function that are remembered',
    why: 'so many tenants of one process; the one that was used least goes first',
    at: 'the function is asked again for a name that was forgotten',
    tune: null,
  },
  {
    name: 'answer of a function',
    file: 'src/certificates/asked.ts',
    constant: 'answerMs',
    unit: 'milliseconds',
    meaning: 'how long a `certificate` function may take before its answer is not waited for any more',
    why: 'longer than any handshake waits',
    at: 'handshakes for that name are refused, and the function may be asked again',
    tune: null,
  },
  {
    name: 'contexts of TLS',
    file: 'src/io/tls/contexts.ts',
    constant: 'contextsMax',
    unit: 'count',
    meaning: 'pairs of certificate and policy that are kept ready for handshakes',
    why: 'one weighs some 50 KB and costs a millisecond',
    at: 'the one that was used least is made anew when it is needed',
    tune: null,
  },
  {
    name: 'configuration file',
    file: 'src/config/load.ts',
    constant: 'fileBytesMax',
    unit: 'bytes',
    meaning: 'the largest file that is read as a configuration',
    why: 'the wrong path should fail, not fill the memory',
    at: 'the file is refused',
    tune: null,
  },
  {
    name: 'refusals told whole',
    file: 'src/observe/refusal-fold.ts',
    constant: 'wholeMax',
    unit: 'count',
    meaning: 'refusals in one second that each get an event and a log line',
    why: 'a flood of connections must not be a flood of lines',
    at: 'the rest of the second is told as one count per listener and reason',
    tune: null,
  },
  {
    name: 'log queue',
    file: 'src/observe/log-destination.ts',
    constant: 'bytesMaxDefault',
    unit: 'bytes',
    meaning: 'log lines that wait for a slow reader',
    why: 'a full pipe must neither block the proxy nor fill its memory',
    at: 'the newest lines are dropped, counted, and the count is told when there is room',
    tune: null,
  },
  {
    name: 'event queue',
    file: 'src/observe/event-iterator.ts',
    constant: 'bufferMaxDefault',
    unit: 'count',
    meaning: 'events that wait for one consumer of `proxy.events()`',
    why: 'a consumer that stops must not hold the proxy’s memory',
    at: 'the oldest are dropped and counted in `dropped`',
    tune: '`proxy.events({ bufferMax })`',
  },
  {
    name: 'closed connections remembered',
    file: 'src/observe/closed-records.ts',
    constant: 'closedRecordsKept',
    unit: 'count',
    meaning: 'closed connections that `explain` still answers for',
    why: 'some megabytes at most',
    at: 'the oldest is forgotten',
    tune: null,
  },
  {
    name: 'sockets of one dial',
    file: 'src/io/dialer.ts',
    constant: 'attemptsAtOnceMax',
    unit: 'count',
    meaning: 'sockets that one attempt may have open towards the addresses of a name (RFC 8305)',
    why: 'a name with many addresses must not cost many descriptors',
    at: 'the next address waits until one has failed',
    tune: null,
  },
  {
    name: 'connections of a pool',
    file: 'src/io/http/pool.ts',
    constant: 'poolPlacesMax',
    unit: 'count',
    meaning: 'connections to one endpoint of HTTP, those being dialled included',
    why: 'more than an upstream wants, fewer than the descriptors there are',
    at: 'requests wait for a place, for `queue` at most',
    tune: null,
  },
  {
    name: 'requests waiting for a pool',
    file: 'src/io/http/pool.ts',
    constant: 'poolWaitersMax',
    unit: 'count',
    meaning: 'requests that may wait for a place in one pool at once',
    why: 'a queue that is longer is not served within `queue` anyway',
    at: 'one more is answered 503 at once (`refused.capacity`)',
    tune: null,
  },
  {
    name: 'unused connections of a pool',
    file: 'src/io/http/pool.ts',
    constant: 'poolIdleMax',
    unit: 'count',
    meaning: 'connections to one endpoint of HTTP that are kept although nobody uses them',
    why: 'a burst should not leave its sockets behind',
    at: 'one more is closed as soon as it is returned',
    tune: null,
  },
  {
    name: 'accept queue',
    file: 'src/io/listener.ts',
    constant: 'backlog',
    unit: 'count',
    meaning:
      'connections of one listener that the system keeps until they are accepted; no deadline of ours counts before that',
    why: 'a burst should wait, not be dropped; Node accepts about one connection per turn of its loop',
    at: 'the system drops the SYN, and the client tries again; the system’s own cap (`net.core.somaxconn`) may be lower',
    tune: null,
  },
  {
    name: 'HTTP head',
    file: 'src/protocols/http1/reader.ts',
    constant: 'headBytesMax',
    unit: 'bytes',
    meaning: 'the first line and the fields of a request or a response',
    why: 'more than any browser sends, with room for what several proxies add',
    at: 'a request is answered 431 (414 where the first line alone is too long) and the connection closed; a response is a 502',
    tune: null,
  },
  {
    name: 'HTTP fields',
    file: 'src/protocols/http1/reader.ts',
    constant: 'fieldsMax',
    unit: 'count',
    meaning: 'field lines of one head',
    why: 'each costs work on both sides',
    at: 'as for the head',
    tune: null,
  },
  {
    name: 'HTTP/2 streams',
    file: 'src/io/http/http2-options.ts',
    constant: 'concurrentStreamsMax',
    unit: 'count',
    meaning: 'exchanges of one HTTP/2 connection that live at once',
    why: 'what RFC 9113 §6.5.2 recommends at least',
    at: 'one more stream is refused; a client that goes on tearing streams down, or sends frames that move nothing, faster than a budget allows is sent GOAWAY (ENHANCE_YOUR_CALM)',
    tune: null,
  },
  {
    name: 'HTTP/2 header block',
    file: 'src/io/http/http2-guard.ts',
    constant: 'headerBlockBytesMax',
    unit: 'bytes',
    meaning: 'HEADERS and the CONTINUATION frames that go with it, at most 8 of these',
    why: 'twice what a head of HTTP/1.1 may have',
    at: 'GOAWAY, and the connection ends as `downstream.malformed`',
    tune: null,
  },
  {
    name: 'password checks waiting',
    file: 'src/io/authentication/hash-gate.ts',
    constant: 'hashesWaitingMax',
    unit: 'count',
    meaning: 'requests that may wait for a password to be hashed at once',
    why: 'hashing is slow on purpose; a flood of wrong passwords must not become a queue of minutes',
    at: 'one more is answered 503 at once (`refused.auth`)',
    tune: null,
  },
];
