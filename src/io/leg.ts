/**
 * The Leg contract: one side's live byte stream, whatever carries it (a `net.Socket`, libuv's handle under it, memory).
 *
 * Decides nothing: it reports facts and obeys. Must never do: own a timer, retry, or know what is on the other side.
 * `test/contract/leg-laws.ts` is the executable form of the laws below.
 *
 * Laws
 * 1. `facts$` has one subscriber at a time. Facts that nobody hears are kept, and delivered at once to the next one, in order.
 * 2. `released` comes exactly once and is the last fact, whatever happened: the operating system has closed the handle.
 * 3. Until `bytes$` is subscribed the leg *holds* what arrives (fact `held` for each arrival), up to `heldBytesMax` and
 *    at most one read more; then it stops reading. Subscribing replays what is held, in order, then goes on live.
 * 4. FIN is the fact `ended`. If bytes are still held it says how many, and comes again with 0 once they were taken,
 *    after `bytes$` has completed. FIN never ends the writing side.
 * 5. `failed` comes at most once, and no `ended`, `held`, `writable` or `flushed` follows it. The leg releases itself.
 * 6. `write` answers false when the writer should stop; then `writable` follows exactly once, unless the leg fails or is
 *    let go. A write after `end`, `failed` or release is dropped and answers true.
 * 7. `end` sends FIN after everything written, once; then `flushed` follows exactly once, unless the leg fails. Where
 *    `canHalfClose` is false it closes both ways: `ended` follows `flushed`, and what was not taken by then is dropped.
 * 8. `reset` sends RST, `release` closes as the transport does (FIN if nothing is unread). Both are idempotent, both
 *    silence every fact but `released`.
 * 9. A chunk given to a `bytes$` subscriber is valid for the call only when `chunks` is `shared`. `write` may keep an
 *    `owned` chunk and must copy what it cannot pass on of a `shared` one.
 * 10. After `pause()` returns no chunk is delivered until `resume()`.
 * 11. `secure` begins TLS in place, once, before `bytes$` is subscribed: what is held is the handshake's first bytes. Then
 *     `secured` comes exactly once, unless the leg fails (a broken handshake is a failure) or is let go; from there on the
 *     leg holds, delivers, writes and counts what is inside. `close_notify` is FIN. Until `secured` no `held` and no `ended`
 *     is told: FIN during a handshake is a failure. The alert of a broken handshake is sent where OpenSSL breaks it; where
 *     verification does, because a certificate was shown and does not hold, Node has none to send, and the peer sees the
 *     connection end. TCP's FIN without `close_notify` is FIN as well: Node does not tell them apart.
 * 12. `skip` takes bytes away that are held, before `bytes$` is subscribed and before `secure`: nobody sees them again, they
 *     stay counted as received, and what follows them stays held. FIN that came behind them tells what is left.
 */
import type { SecureContext } from 'node:tls';
import type { Observable, Observer } from 'rxjs';
import type { Secured } from './tls/identity.ts';

export interface Address {
  /** An IP address in its canonical text form, or a path for a UNIX socket; '' when unknown. */
  readonly host: string;
  /** 0 for a UNIX socket or when unknown. */
  readonly port: number;
}

export type LegFact =
  /** One more arrival is held. Only before `bytes$` is subscribed. */
  | { readonly type: 'held' }
  | { readonly type: 'ended'; readonly heldBytes: number }
  /** `code`: the operating system's (`ECONNRESET`) or ours (`SALLYPORT_…`); `cause`: its sentence. */
  | { readonly type: 'failed'; readonly code: string; readonly cause: string }
  /** The handshake is done: what the leg holds from here on is what was inside. */
  | { readonly type: 'secured'; readonly by: Secured }
  | { readonly type: 'writable' }
  | { readonly type: 'flushed' }
  | { readonly type: 'released' };

/** How TLS is begun on a leg. */
export type Handshake =
  | {
      readonly role: 'server';
      readonly context: SecureContext;
      /** What may be agreed to, best first; empty: nothing is negotiated. */
      readonly alpn: readonly string[];
      /** `require`: a client without a certificate fails. One with a bad certificate fails unless `none`. */
      readonly clientAuth: 'none' | 'ask' | 'require';
    }
  | {
      readonly role: 'client';
      readonly context: SecureContext;
      /** Sent as SNI unless it is an address, and what the certificate must cover. */
      readonly serverName: string;
      readonly alpn: readonly string[];
      readonly verify: boolean;
      /** SHA-256 of acceptable public keys, base64; empty = any. */
      readonly pins: readonly string[];
    };

export type ChunkLifetime = 'owned' | 'shared';

/** As an Observer: `next` = write, `complete` = FIN, `error` = RST. */
export interface Leg extends Observer<Uint8Array> {
  readonly remote: Address;
  readonly local: Address;
  /** False exactly when the transport has no half-close, so that `end` is a full close. */
  readonly canHalfClose: boolean;
  /** Whether chunks of `bytes$` may be kept by whoever receives them. */
  readonly chunks: ChunkLifetime;
  readonly facts$: Observable<LegFact>;
  /** One subscriber. Completes at FIN; unsubscribing discards whatever still arrives. */
  readonly bytes$: Observable<Uint8Array>;
  /** What is held, in order of arrival. Valid for the call. */
  readonly held: readonly Uint8Array[];
  readonly heldBytes: number;
  readonly receivedBytes: number;
  /** Bytes accepted by `write`, less what is still queued in this process. */
  readonly sentBytes: number;
  /** When a byte was last received, accepted for writing or handed to the kernel; `Clock.nowMs` axis. */
  readonly lastByteAtMs: number;
  /** True exactly when the transport is gone although no fact said so yet (a socket destroyed by someone else). */
  readonly isGone: boolean;
  /** True exactly when `flushed` has been told. */
  readonly isFlushed: boolean;
  write(chunk: Uint8Array, lifetime: ChunkLifetime): boolean;
  end(): void;
  reset(): void;
  release(): void;
  pause(): void;
  resume(): void;
  secure(how: Handshake): void;
  /** @param bytes at most `heldBytes`. */
  skip(bytes: number): void;
}

/** How much a leg holds before it stops reading: 64 KiB, one read of Node's. */
export const heldBytesMax = 65_536;

/** What a dialer of the embedder's emits is looked at before it is believed. */
export function isLeg(value: unknown): value is Leg {
  if (typeof value !== 'object' || value === null) return false;
  return ['facts$', 'bytes$', 'write', 'end', 'reset', 'release', 'canHalfClose'].every((name) => name in value);
}
