/**
 * The two sides of an exchange, and what they say to each other: the contract between HTTP/1.1, HTTP/2 and handlers.
 *
 * A `Requester` is the client's side: an HTTP/1.1 message on a connection, or an HTTP/2 stream. An `Upstream` is the other
 * side: a request on an upstream connection of either version. `Exchange` stands between them and holds the chart; bytes
 * pass through it within the call, and no queue of ours is in between: backpressure is `false` and `pause`.
 * Must never do: own a timer. Read first: `machines/exchange/machine.ts`, `protocols/http/message.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { Fields, HttpProblem, RequestHead, ResponseHead } from '../../protocols/http/message.ts';
import type { Timeouts } from '../../machines/connection/delays.ts';
import type { Address, ChunkLifetime, Leg, LegFact } from '../leg.ts';

/** How an exchange ended, for the service it belongs to. */
export interface ExchangeEnd {
  readonly reason: CloseReason;
  /** One clause for the record of the connection, where the exchange's end becomes the connection's. */
  readonly cause: string | null;
  /** True exactly when the request is complete and the client got a complete answer. */
  readonly isClean: boolean;
  /** Of its route, or of the listener where no route was chosen. */
  readonly timeouts: Timeouts;
}

/** The client's side, as an exchange uses it. Every method is harmless once the exchange is over. */
export interface Requester {
  readonly protocol: 'http/1.0' | 'http/1.1' | 'h2';
  /** Of this exchange alone; `Clock.nowMs` axis. */
  readonly lastByteAtMs: number;
  /** True exactly while a read is being told: `requestSettled` follows, and with it what may go in one write. */
  readonly isTelling: boolean;
  /** True exactly when its connection can become the tunnel itself (HTTP/1.1). */
  readonly canHandOver: boolean;
  /** 1xx other than 101. */
  inform(head: ResponseHead): void;
  /** The final head. `head.body` says what follows; the version's own framing is the requester's matter. */
  respond(head: ResponseHead): void;
  /** @returns false when the writer should stop; `ExchangePort.responseWritable` follows. */
  write(bytes: Uint8Array, lifetime: ChunkLifetime): boolean;
  /** The response is complete. */
  end(trailers: Fields): void;
  /** What was given in this call is complete for now: write it out in one piece. */
  flush(): void;
  /**
   * The response can not be completed, or there is none: make sure that it never looks complete (RST, RST_STREAM).
   * `end`: FIN will do, because not a byte of a response was written.
   */
  cut(reason: CloseReason, manner: 'reset' | 'end'): void;
  /** 101: its head is written, and the connection becomes a tunnel with this leg. Only where `canHandOver`. */
  handOver(head: ResponseHead, upstream: DetachedLeg, timeouts: Timeouts): void;
  /** The exchange has entered CLOSED. The last call, exactly once. */
  over(end: ExchangeEnd): void;
  /** Stop, and go on, telling `requestBody`. A new requester does not tell it before `resume`. */
  pause(): void;
  resume(): void;
  /** What is left of the request is dropped. */
  discard(): void;
}

/** What the client's side tells its exchange. */
export interface RequesterOwner {
  /** The whole head. Exactly once, unless `requestFailed` comes before. */
  requestHead(head: RequestHead): void;
  /** @returns false when the client's side should stop until `resume`. Valid for the call unless `lifetime` is owned. */
  requestBody(bytes: Uint8Array, lifetime: ChunkLifetime): boolean;
  /** Only for requests with a body. */
  requestEnded(trailers: Fields): void;
  /** The request is no clean message: the client is answered `problem.status`, if it has seen nothing yet. */
  requestFailed(reason: CloseReason, problem: HttpProblem): void;
  /** Everything of one read has been told: what was kept back for one write may go. */
  requestSettled(): void;
  /** After `write` answered false. */
  responseWritable(): void;
  /** The client's side is gone. */
  clientFailed(reason: CloseReason): void;
}

/** One request on an upstream connection. Every method is harmless once the request is over. */
export interface Upstream {
  /** True exactly when the connection served another exchange before this one. */
  readonly isReused: boolean;
  /** Of this request alone; `Clock.nowMs` axis. */
  readonly lastByteAtMs: number;
  /** True exactly when the transport is gone although nothing said so yet. */
  readonly isGone: boolean;
  /** Where the leg leads. */
  readonly address: Address;
  /** The request's head; `head.body` says what follows. */
  send(head: RequestHead): void;
  /** @returns false when the writer should stop; `UpstreamOwner.requestWritable` follows. */
  write(bytes: Uint8Array, lifetime: ChunkLifetime): boolean;
  end(trailers: Fields): void;
  flush(): void;
  /** Stop, and go on, telling `responseBody`. */
  pause(): void;
  resume(): void;
  /**
   * The exchange has ended with it. Where request and response are complete the connection goes back to its pool,
   * otherwise it is not used again: reset (HTTP/1.1), RST_STREAM (HTTP/2).
   */
  release(): void;
  /**
   * After 101 on HTTP/1.1: the leg is no longer the pool's. `first`: bytes that came behind the head, to be delivered
   * before anything else. Null where the upstream has no leg of its own to give (HTTP/2).
   */
  detach(): DetachedLeg | null;
  /**
   * The connection is its client's alone from now on: `release` does not give it back to the pool. Null where requests of
   * several clients share it (HTTP/2), so that no such thing can be.
   */
  pin(): Pinned | null;
  /** After 101, where the client's connection stays what it is: from now on bodies are raw bytes of the new protocol. */
  openTunnel(): void;
}

/** Takes the bytes of one side of a splice: a chunk is valid for the call unless the leg's chunks are owned. */
export interface ByteTaker {
  next(chunk: Uint8Array): void;
  complete(): void;
  error(error: unknown): void;
}

/**
 * A leg whose bytes somebody has been reading, on its way to a splice. Whoever has read so far goes on reading and passes
 * the bytes on, because a leg has one subscriber.
 */
export interface Tap {
  readonly leg: Leg;
  /** From now on every byte, and FIN, goes to this taker, beginning with what was read and not used. */
  readonly passTo: (taker: ByteTaker) => void;
}

export interface DetachedLeg extends Tap {
  /** From now on the leg's facts go here. */
  readonly tellTo: (told: (fact: LegFact) => void) => void;
}

/** An upstream connection that is kept for one client. */
export interface Pinned {
  /** True exactly when it can take a request now. */
  readonly canLend: boolean;
  lend(owner: UpstreamOwner): Upstream;
  /** Never used again; closed once nobody uses it. */
  letGo(): void;
}

/** What an upstream tells the exchange it works for. */
export interface UpstreamOwner {
  responseInformed(head: ResponseHead): void;
  /** The final head, or 101. */
  responseHead(head: ResponseHead): void;
  /** @returns false when the upstream should stop until `resume`. */
  responseBody(bytes: Uint8Array, lifetime: ChunkLifetime): boolean;
  responseEnded(trailers: Fields): void;
  /** Everything of one read has been told: what was kept back for one write may go. */
  responseSettled(): void;
  /** `detail`: the operating system's code or one clause. `wasSilent`: nothing of a response had come. */
  upstreamFailed(reason: CloseReason, detail: string, wasSilent: boolean): void;
  requestWritable(): void;
}
