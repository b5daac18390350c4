/**
 * A leg as a Node stream, for whoever only knows sockets: the other half of `duplex-leg.ts` in the tests of both.
 *
 * Decides nothing. The owner keeps the leg, its facts (passed on by `told`) and its end: a destroyed stream only says so.
 * Must never do: let go of the leg, own a timer, or keep bytes beyond what Node's stream buffers.
 * Read first: `src/io/leg.ts` for the laws.
 */
import type { ChunkLifetime, Leg, LegFact } from '../../src/io/leg.ts';
import { Sink } from '../../src/io/sink.ts';
import { codedError, gathered, SocketLike, type SocketNames } from '../../src/io/socket-like.ts';

type Done = (error?: Error | null) => void;

/**
 * The stream is gone: by its user, or because its leg failed. Told once, in the call that destroyed it. The owner lets the
 * leg go, by `reset` where there is an error.
 */
export type OnDestroyed = (error: Error | null) => void;

export class LegDuplex extends SocketLike {
  readonly #leg: Leg;
  readonly #onDestroyed: OnDestroyed;
  #taking: Taking | null = null;
  /** True exactly when the stream has asked for more and nothing was pushed since that it found too much. */
  #isWanted = false;
  #isPaused = false;
  /** True exactly when FIN was pushed. */
  #hasEnded = false;
  /** The write that waits for `writable`. */
  #writing: Done | null = null;
  /** The end that waits for `flushed`. */
  #ending: Done | null = null;

  /**
   * Takes the leg's `bytes$` when it is first read from; until then the leg holds. Whoever writes must not change a chunk
   * afterwards, not even when its callback has come.
   * @param names what the stream says of its ends; the leg's own addresses unless given.
   */
  constructor(leg: Leg, onDestroyed: OnDestroyed, names: SocketNames = { remote: leg.remote, local: leg.local }) {
    super(names);
    this.#leg = leg;
    this.#onDestroyed = onDestroyed;
  }

  /** Every fact of the leg, in order, from whoever has its `facts$`. */
  told(fact: LegFact): void {
    switch (fact.type) {
      case 'failed':
        this.destroy(codedError(fact.code, fact.cause));
        return;
      case 'writable':
        return this.#wrote();
      case 'flushed':
        return this.#flushed();
      case 'released':
        // What was read before both sides ended is still the reader's.
        if (!this.#hasEnded || !this.writableFinished) this.destroy();
        return;
      case 'held':
      case 'ended':
      case 'secured':
    }
  }

  /** @internal The leg's bytes. */
  took(chunk: Uint8Array, lifetime: ChunkLifetime): void {
    // Asked for again within the push, perhaps, and then too much of the last push is no matter.
    this.#isWanted = false;
    if (this.push(lifetime === 'owned' ? chunk : Buffer.from(chunk))) this.#isWanted = true;
    if (this.#isWanted || this.#isPaused) return;
    this.#isPaused = true;
    this.#leg.pause();
  }

  /** @internal FIN. */
  ended(): void {
    this.#hasEnded = true;
    this.push(null);
  }

  override _read(): void {
    this.#isWanted = true;
    if (this.#taking === null) {
      this.#taking = new Taking(this, this.#leg.chunks);
      this.#leg.bytes$.subscribe(this.#taking);
    } else if (this.#isPaused) {
      this.#isPaused = false;
      this.#leg.resume();
    }
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    if (this.#leg.write(chunk, 'owned')) done();
    else this.#writing = done;
  }

  override _writev(chunks: { readonly chunk: Uint8Array }[], done: Done): void {
    let isWelcome = true;
    for (const chunk of gathered(chunks)) isWelcome = this.#leg.write(chunk, 'owned');
    if (isWelcome) done();
    else this.#writing = done;
  }

  override _final(done: Done): void {
    this.#ending = done;
    this.#leg.end();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#taking?.unsubscribe();
    this.#writing = null;
    this.#ending = null;
    this.#onDestroyed(error);
    done(error);
  }

  #wrote(): void {
    const done = this.#writing;
    this.#writing = null;
    done?.();
  }

  #flushed(): void {
    const done = this.#ending;
    this.#ending = null;
    done?.();
  }
}

/** The one subscriber of the leg's bytes. */
class Taking extends Sink<Uint8Array> {
  readonly #duplex: LegDuplex;
  readonly #lifetime: ChunkLifetime;

  constructor(duplex: LegDuplex, lifetime: ChunkLifetime) {
    super();
    this.#duplex = duplex;
    this.#lifetime = lifetime;
  }

  protected override _next(chunk: Uint8Array): void {
    this.#duplex.took(chunk, this.#lifetime);
  }

  protected override _complete(): void {
    this.#duplex.ended();
  }

  protected override _error(error: unknown): void {
    this.#duplex.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
