/**
 * The commands a connection's chart emits: imperative, in order, carried out by the shell (`src/io/connection.ts`).
 *
 * Must never do: anything. A command is data, so that the same chart runs as an XState actor and as a compiled table.
 */
import type { ChartArgs } from '../chart/registries.ts';
import type { CloseReason } from './close-reason.ts';
import type { ConnectionContext } from './context.ts';
import type { ConnectionFact } from './events.ts';

export type ConnectionCommand =
  /** Look for a PROXY header, and take its bytes away; answered by `proxyHeader.read` or `sniff.failed`. */
  | { readonly type: 'readProxyHeader' }
  /** Ask what is asked of every client's address; answered at once by `client.identified` or `sniff.failed`. */
  | { readonly type: 'identify' }
  /** Classify what the client sends; answered by `preface.received`, `sniff.routed` or `sniff.failed`. */
  | { readonly type: 'peek' }
  /** Also the end of the look for a PROXY header. */
  | { readonly type: 'stopPeeking' }
  /** Find the certificate and begin TLS with the client; answered by `tls.secured`, `sniff.failed` or `downstream.failed`. */
  | { readonly type: 'secure' }
  /** The client stays silent: answer at once with the route whose upstream speaks first. */
  | { readonly type: 'routeServerFirst' }
  /** The place in the queue is not wanted any more; harmless when it was granted. */
  | { readonly type: 'leaveQueue' }
  /** Begin attempt number `attempt` (1 first). Answered by `dial.postponed` where every endpoint is full. */
  | { readonly type: 'dial'; readonly attempt: number }
  /** Abort the attempt; harmless when it has ended. */
  | { readonly type: 'cancelDial' }
  /** Join both legs, beginning with what the client's leg holds. */
  | { readonly type: 'splice' }
  /** Hand the stream to the HTTP service, or join it to the route's handler, with every byte still unread. */
  | { readonly type: 'serve' }
  /** The exchanges under way are the last: `Connection: close`, GOAWAY. */
  | { readonly type: 'lastExchange' }
  /** The HTTP service is over: FIN after what was written (GOAWAY before it), and drop what the client still sends. */
  | { readonly type: 'endService' }
  /** FIN to that side, after everything that was written to it. */
  | { readonly type: 'endUpstream' }
  | { readonly type: 'endDownstream' }
  /** That side's input has nobody left to take it: drop it, and count its direction as done. */
  | { readonly type: 'discardDownstream' }
  | { readonly type: 'discardUpstream' }
  /** Look whether both transports still live; a dead one is told as `*.failed`. */
  | { readonly type: 'checkLegs' }
  /** Ask the client of a WebSocket whether it is there, where a frame of its upstream is not in the middle. */
  | { readonly type: 'sendPing' }
  /** Tell whoever listens that the idle deadline is near. */
  | { readonly type: 'warnIdling' }
  /** Write the refusal of the client's own protocol, send FIN, drop what it still sends. */
  | { readonly type: 'refuse'; readonly reason: CloseReason }
  /** Let go of everything, once. */
  | { readonly type: 'release'; readonly reason: CloseReason };

type Args = ChartArgs<ConnectionContext, ConnectionFact>;

const readProxyHeader: ConnectionCommand = { type: 'readProxyHeader' };
const identify: ConnectionCommand = { type: 'identify' };
const leaveQueue: ConnectionCommand = { type: 'leaveQueue' };
const peek: ConnectionCommand = { type: 'peek' };
const stopPeeking: ConnectionCommand = { type: 'stopPeeking' };
const secure: ConnectionCommand = { type: 'secure' };
const routeServerFirst: ConnectionCommand = { type: 'routeServerFirst' };
const cancelDial: ConnectionCommand = { type: 'cancelDial' };
const splice: ConnectionCommand = { type: 'splice' };
const serve: ConnectionCommand = { type: 'serve' };
const lastExchange: ConnectionCommand = { type: 'lastExchange' };
const endService: ConnectionCommand = { type: 'endService' };
const endUpstream: ConnectionCommand = { type: 'endUpstream' };
const endDownstream: ConnectionCommand = { type: 'endDownstream' };
const discardDownstream: ConnectionCommand = { type: 'discardDownstream' };
const discardUpstream: ConnectionCommand = { type: 'discardUpstream' };
const checkLegs: ConnectionCommand = { type: 'checkLegs' };
const sendPing: ConnectionCommand = { type: 'sendPing' };
const warnIdling: ConnectionCommand = { type: 'warnIdling' };

/** By the name the chart uses. Pure; constants wherever nothing varies. */
export const commands = {
  readProxyHeader: (): ConnectionCommand => readProxyHeader,
  identify: (): ConnectionCommand => identify,
  peek: (): ConnectionCommand => peek,
  stopPeeking: (): ConnectionCommand => stopPeeking,
  secure: (): ConnectionCommand => secure,
  routeServerFirst: (): ConnectionCommand => routeServerFirst,
  leaveQueue: (): ConnectionCommand => leaveQueue,
  dial: ({ context }: Args): ConnectionCommand => ({ type: 'dial', attempt: context.attempt }),
  cancelDial: (): ConnectionCommand => cancelDial,
  splice: (): ConnectionCommand => splice,
  serve: (): ConnectionCommand => serve,
  lastExchange: (): ConnectionCommand => lastExchange,
  endService: (): ConnectionCommand => endService,
  endUpstream: (): ConnectionCommand => endUpstream,
  endDownstream: (): ConnectionCommand => endDownstream,
  discardDownstream: (): ConnectionCommand => discardDownstream,
  discardUpstream: (): ConnectionCommand => discardUpstream,
  checkLegs: (): ConnectionCommand => checkLegs,
  sendPing: (): ConnectionCommand => sendPing,
  warnIdling: (): ConnectionCommand => warnIdling,
  refuse: ({ context }: Args): ConnectionCommand => ({
    type: 'refuse',
    reason: context.reason ?? 'internal.invariant',
  }),
  release: ({ context }: Args): ConnectionCommand => ({
    type: 'release',
    reason: context.reason ?? 'internal.invariant',
  }),
} as const;
