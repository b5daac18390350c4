/**
 * Asks the client of a WebSocket whether it is still there: a Ping between two frames of its upstream.
 *
 * Decides whether there is a place for a Ping now; when one is due is the chart's. The upstream's bytes pass through it
 * unchanged and within the call. The client's Pong is the client's own word and goes on to the upstream, which must put up
 * with Pongs that it did not ask for (RFC 6455 §5.5.3): so nothing is ever taken out of a stream.
 * Must never do: own a timer, or let a Ping count as a sign of life: what it moves is left out of `lastByteAtMs`.
 * Read first: `protocols/websocket/frame-boundary.ts`, `machines/connection/established.ts`.
 */
import { FrameBoundary, pingFrame } from '../../protocols/websocket/frame-boundary.ts';
import type { Leg } from '../leg.ts';
import type { ByteTaker, DetachedLeg } from './ports.ts';

/** How things stood when a Ping was written. */
interface Mark {
  readonly byteAtMs: number;
  readonly receivedBytes: number;
  /** What is written may be sent at once or later: up to here it may be the Ping. */
  readonly sentBytesMax: number;
}

export class WebSocketKeepAlive {
  readonly #client: Leg;
  readonly #boundary = new FrameBoundary();
  /** What the client had sent when the upstream last said something. */
  #receivedBefore = 0;
  /** Null when something else than the last Ping has moved since. */
  #mark: Mark | null = null;

  constructor(client: Leg) {
    this.#client = client;
  }

  /** When a byte last moved on the client's leg, Pings apart; `Clock.nowMs` axis. */
  get lastByteAtMs(): number {
    if (this.#mark !== null && !this.#hasMovedSince(this.#mark)) return this.#mark.byteAtMs;
    this.#mark = null;
    return this.#client.lastByteAtMs;
  }

  /** The upstream, with its bytes looked at on their way. */
  watch(upstream: DetachedLeg): DetachedLeg {
    const watching = (taker: ByteTaker): ByteTaker => ({
      next: (chunk) => {
        this.#passes(chunk);
        taker.next(chunk);
      },
      complete: () => taker.complete(),
      error: (error) => taker.error(error),
    });
    return { ...upstream, passTo: (taker) => upstream.passTo(watching(taker)) };
  }

  /** A client that its own upstream has just asked, and that has not answered, is not asked twice. */
  ping(): void {
    const { receivedBytes } = this.#client;
    const isAsked = this.#boundary.isPinged && receivedBytes === this.#receivedBefore;
    if (!this.#boundary.mayInsert || isAsked) return;
    const byteAtMs = this.lastByteAtMs;
    const sentBytesMax = this.#client.sentBytes + pingFrame.length;
    this.#client.write(pingFrame, 'owned');
    this.#mark = { byteAtMs, receivedBytes, sentBytesMax };
  }

  #passes(bytes: Uint8Array): void {
    this.#boundary.read(bytes);
    this.#receivedBefore = this.#client.receivedBytes;
    this.#mark = null;
  }

  #hasMovedSince({ receivedBytes, sentBytesMax }: Mark): boolean {
    return this.#client.receivedBytes > receivedBytes || this.#client.sentBytes > sentBytesMax;
  }
}
