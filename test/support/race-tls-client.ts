/**
 * A client that ends its TLS at the proxy, by hand: so that a hello can trickle, a handshake be left or cut at any byte, and
 * what is said inside arrive together with the handshake's last word.
 *
 * `sent` and `received` are what is inside. Understands what `memory-handshake.ts` writes and nothing else.
 */
import type { MemoryLeg } from '../../src/testing/memory-leg.ts';
import { RacePeer } from './race-peer.ts';
import { concat } from './tls-hello.ts';

/**
 * What the client does once its hello is out. `honest`: it finishes when it is answered. `eager`: it does not wait for that.
 * `mute`: it says nothing more. `babbles`, `alerts`: in place of its last word it sends what is not TLS, or an alert.
 */
export type TlsManner = 'honest' | 'eager' | 'mute' | 'babbles' | 'alerts';

export const tlsManners: readonly TlsManner[] = ['honest', 'eager', 'mute', 'babbles', 'alerts'];

const headLength = 5;
const handshakeRecord = 0x16;
const alertRecord = 0x15;

const finished = Uint8Array.of(handshakeRecord, 3, 3, 0, 4, 20, 0, 0, 0);

const lastWords: Readonly<Record<TlsManner, Uint8Array | null>> = {
  honest: finished,
  eager: finished,
  mute: null,
  babbles: Uint8Array.of(0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20),
  alerts: Uint8Array.of(alertRecord, 3, 3, 0, 2, 2, 40),
};

export interface TlsTalk {
  readonly hello: Uint8Array;
  /** What it says first inside. */
  readonly inside: Uint8Array;
  /** Makes its payload unlike anybody else's. */
  readonly key: number;
  readonly manner: TlsManner;
}

export class TlsRacePeer extends RacePeer {
  readonly manner: TlsManner;
  /** It was told no by an alert. */
  sawAlert = false;
  /** It was answered with something that is not TLS. */
  sawClearText = false;
  readonly #hello: Uint8Array;
  readonly #greeting: Uint8Array;
  #helloSent = 0;
  /** Bytes it wanted to say inside before it could. */
  #waiting = 0;
  /** Goes out in front of the next bytes, in one arrival. */
  #ahead: Uint8Array | null = null;
  #answer: Uint8Array = new Uint8Array(0);
  #isAnswered = false;
  #hasFinished = false;

  constructor(leg: MemoryLeg, { hello, inside, key, manner }: TlsTalk) {
    super(leg, inside, key);
    this.manner = manner;
    this.#hello = hello;
    this.#greeting = inside;
  }

  /** True exactly when it has done nothing to spoil the handshake. */
  get isSincere(): boolean {
    return lastWords[this.manner] === finished;
  }

  override send(count: number): void {
    if (this.#hasFinished) return super.send(this.isSincere ? count : 0);
    if (!this.mayWrite) return undefined;
    const chunk = this.#hello.slice(this.#helloSent, this.#helloSent + count);
    this.#helloSent += chunk.length;
    this.#waiting += count - chunk.length;
    if (chunk.length > 0) this.leg.write(chunk, 'owned');
    if (this.manner === 'eager' && this.#helloSent === this.#hello.length) this.#finish();
    return undefined;
  }

  /** What is left of the hello; after it, of what it says first inside. */
  override sendPreface(): void {
    const left = this.#hello.length - this.#helloSent;
    this.send(left > 0 ? left : Math.max(0, this.#greeting.length - this.sent.length - this.#waiting));
  }

  protected override put(chunk: Uint8Array): void {
    const ahead = this.#ahead;
    this.#ahead = null;
    super.put(ahead === null ? chunk : concat([ahead, chunk]));
  }

  protected override took(chunk: Uint8Array): void {
    // Whoever spoils the handshake is told so by an alert, and never gets inside.
    if (this.#isAnswered) return this.isSincere ? super.took(chunk) : undefined;
    this.#answer = concat([this.#answer, chunk]);
    const [type, , , high = 0, low = 0] = this.#answer;
    if (type !== handshakeRecord && type !== alertRecord) {
      this.sawClearText = true;
      return undefined;
    }
    const length = headLength + ((high << 8) | low);
    if (this.#answer.length < Math.max(length, headLength)) return undefined;
    this.#isAnswered = true;
    const rest = this.#answer.subarray(length);
    if (type === alertRecord) this.sawAlert = true;
    else if (!this.#hasFinished) this.#finish();
    if (rest.length > 0) super.took(rest);
    return undefined;
  }

  #finish(): void {
    const last = lastWords[this.manner];
    this.#hasFinished = true;
    if (last === null || !this.mayWrite) return;
    this.#ahead = last;
    const count = this.#waiting;
    this.#waiting = 0;
    this.send(count);
    if (this.#ahead === null) return;
    this.#ahead = null;
    this.leg.write(last.slice(), 'owned');
  }
}
