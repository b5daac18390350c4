/**
 * What an HTTP/2 peer may do that costs it little and us much: counted here, frame by frame, in both directions.
 *
 * Decides: when it is too much; the connection then ends with GOAWAY (ENHANCE_YOUR_CALM). Frames that carry nothing live on
 * one budget, which time refills and useful work fills up: bytes that we sent, because they are answered by WINDOW_UPDATE,
 * and streams that ended well. Streams that were torn down, by the client's RST_STREAM or by one that it provoked, live
 * on another. A header block has a bound of its own, because it holds the connection until it is whole.
 * nghttp2 has limits of its own behind these, which differ from one Node to the next; these do not.
 * @see CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316, CVE-2025-8671
 */
import { Budget, type BudgetRate } from './http2-budget.ts';
import {
  ackFlag,
  continuationFrame,
  dataFrame,
  endHeadersFlag,
  endStreamFlag,
  type FrameSink,
  FrameWalker,
  goawayFrame,
  headersFrame,
  paddedFlag,
  pingFrame,
  priorityFrame,
  resetFrame,
  settingsFrame,
  windowFrame,
} from './http2-frame-walker.ts';

/** Frames without use for anybody: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown types. */
export const idleFrames: BudgetRate = { burst: 1_000, perSecond: 100 };
/** Streams torn down before their end: nghttp2's rate, and two pages full of images that a browser leaves. */
export const tornStreams: BudgetRate = { burst: 200, perSecond: 33 };
/** CONTINUATION frames of one header block, and its bytes, compressed. */
export const continuationsMax = 8;
export const headerBlockBytesMax = 65_536;

/** One WINDOW_UPDATE per so many bytes that we sent is fair, and two per DATA frame that is not made tiny by a window. */
const bytesPerFrame = 256;
const framesPerData = 2;
const tinyDataMax = 63;
/** What a stream that ended well is worth in frames: its own WINDOW_UPDATEs, and a PING to measure the way. */
const framesPerStream = 4;
/** DATA with padding and at most so many bytes may be padding alone. */
const paddingMax = 256;

/** What the frames of both directions tell, beside the counting. */
export interface GuardOwner {
  /** END_STREAM from us, or from the peer, is passing: that half of the stream is over. */
  sentEnd(streamId: number): void;
  receivedEnd(streamId: number): void;
  /** GOAWAY from node:http2 is passing. */
  sentGoaway(isFirst: boolean): void;
}

const names: Readonly<Record<number, string>> = {
  [dataFrame]: 'empty DATA',
  [priorityFrame]: 'PRIORITY',
  [settingsFrame]: 'SETTINGS',
  [pingFrame]: 'PING',
  [windowFrame]: 'WINDOW_UPDATE',
};

export class Http2Guard {
  /** What the peer did too much of, one clause; null while it is bearable. */
  excess: string | null = null;
  /** True exactly when node:http2 has sent a GOAWAY. */
  hasSaidGoaway = false;
  readonly #idle: Budget;
  readonly #torn: Budget;
  readonly #owner: GuardOwner;
  readonly #inbound: FrameWalker;
  readonly #outbound: FrameWalker;
  /** Streams that the peer reset itself, until somebody asks. */
  readonly #resets = new Set<number>();
  #forgiven = 0;
  #continuations = 0;
  #blockBytes = 0;

  /** @param peer whose preface has no frame. */
  constructor(clock: { nowMs(): number }, peer: 'client' | 'server', owner: GuardOwner) {
    this.#idle = new Budget(clock, idleFrames);
    this.#torn = new Budget(clock, tornStreams);
    this.#owner = owner;
    const preface = 24;
    const inbound: FrameSink = {
      frame: (type, flags, length, streamId) => this.#received(type, flags, length, streamId),
    };
    const outbound: FrameSink = {
      frame: (type, flags, length, streamId) => {
        this.#idle.give(length / bytesPerFrame + (type === dataFrame && length > tinyDataMax ? framesPerData : 0));
        if (type === resetFrame) this.#provoked();
        if (type === goawayFrame) this.#saidGoaway();
        if (isEnd(type, flags)) owner.sentEnd(streamId);
      },
    };
    this.#inbound = new FrameWalker(inbound, peer === 'client' ? preface : 0);
    this.#outbound = new FrameWalker(outbound, peer === 'client' ? 0 : preface);
  }

  /** Bytes from the peer. @returns false exactly when they must not be looked at. */
  received(chunk: Uint8Array): boolean {
    this.#inbound.walk(chunk);
    return this.excess === null;
  }

  /** Bytes for the peer. */
  sent(chunk: Uint8Array): void {
    this.#outbound.walk(chunk);
  }

  /** True exactly when a frame of our own may go out between those of node:http2. */
  get isBetweenFrames(): boolean {
    return this.#outbound.isBetweenFrames;
  }

  /** One RST_STREAM more that we are about to send is of our own making. */
  forgive(): void {
    this.#forgiven += 1;
  }

  /** A stream ended well. */
  reward(): void {
    this.#idle.give(framesPerStream);
  }

  /** True exactly when the peer itself reset that stream. Answers once. */
  wasReset(streamId: number): boolean {
    return this.#resets.delete(streamId);
  }

  #saidGoaway(): void {
    const isFirst = !this.hasSaidGoaway;
    this.hasSaidGoaway = true;
    this.#owner.sentGoaway(isFirst);
  }

  #received(type: number, flags: number, length: number, streamId: number): void {
    if (isEnd(type, flags)) this.#owner.receivedEnd(streamId);
    switch (type) {
      case headersFrame:
        this.#blockBytes = length;
        this.#continuations = 0;
        return undefined;
      case continuationFrame:
        return this.#continued(flags, length);
      case resetFrame:
        if (this.#resets.size < tornStreams.burst) this.#resets.add(streamId);
        return this.#tear('too many streams were reset');
      case goawayFrame:
        return undefined;
      case dataFrame:
        return isVain(flags, length) ? this.#idled(type) : undefined;
      case settingsFrame:
      case pingFrame:
        return (flags & ackFlag) === 0 ? this.#idled(type) : undefined;
      default:
        return this.#idled(type);
    }
  }

  #continued(flags: number, length: number): void {
    this.#continuations += 1;
    this.#blockBytes += length;
    if (this.#continuations > continuationsMax || this.#blockBytes > headerBlockBytesMax) {
      this.excess ??= 'a header block goes on in too many CONTINUATION frames';
    }
    if ((flags & endHeadersFlag) !== 0) this.#continuations = 0;
  }

  #idled(type: number): void {
    if (!this.#idle.take()) this.excess ??= `too many ${names[type] ?? 'unknown'} frames`;
  }

  #provoked(): void {
    if (this.#forgiven > 0) this.#forgiven -= 1;
    else this.#tear('too many streams had to be reset');
  }

  #tear(excess: string): void {
    if (!this.#torn.take()) this.excess ??= excess;
  }
}

function isEnd(type: number, flags: number): boolean {
  return (type === dataFrame || type === headersFrame) && (flags & endStreamFlag) !== 0;
}

/** DATA that carries nothing, or perhaps nothing, and ends nothing. */
function isVain(flags: number, length: number): boolean {
  if ((flags & endStreamFlag) !== 0) return false;
  return length === 0 || ((flags & paddedFlag) !== 0 && length <= paddingMax);
}
