/**
 * One end of a connection that is not the proxy's: a client or an upstream, with everything it sent, saw and did.
 *
 * Keeps whole streams, so that a law can compare what came out with what went in.
 */
import type { MemoryLeg } from '../../src/testing/memory-leg.ts';

/** Bytes in the order in which they passed. */
export class ByteLog {
  length = 0;
  #bytes = new Uint8Array(256);

  append(chunk: Uint8Array): void {
    const wanted = this.length + chunk.length;
    if (wanted > this.#bytes.length) {
      const grown = new Uint8Array(wanted * 2);
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.length);
    this.length = wanted;
  }

  /** Valid until the next `append`. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  at(index: number): number {
    return this.#bytes[index] ?? -1;
  }
}

export class RacePeer {
  readonly leg: MemoryLeg;
  readonly sent = new ByteLog();
  readonly received = new ByteLog();
  /** Their FIN was sent. */
  hasEnded = false;
  /** They saw the proxy's FIN. */
  sawEnd = false;
  /** They saw a failure: the code. */
  sawFailure: string | null = null;
  readonly #preface: Uint8Array;
  /** How many of its first bytes are for the proxy alone: a PROXY header. */
  readonly #hidden: number;
  #said = 0;
  readonly #key: number;
  #hasLetGo = false;

  /**
   * @param key makes its payload unlike anybody else's.
   * @param hidden so many of its first bytes are not passed on.
   */
  constructor(leg: MemoryLeg, preface: Uint8Array, key: number, hidden = 0) {
    this.leg = leg;
    this.#preface = preface;
    this.#hidden = hidden;
    this.#key = key;
    leg.bytes$.subscribe((chunk) => this.took(chunk));
    leg.facts$.subscribe((fact) => {
      if (fact.type === 'ended') this.sawEnd = true;
      else if (fact.type === 'failed') this.sawFailure = fact.code;
    });
  }

  /** They reset or closed before all was said, or the plan of the dial did so for them. */
  get hasLeft(): boolean {
    const isDone = this.sawEnd && this.leg.isFlushed;
    return this.#hasLetGo || (!this.leg.isOpen && this.sawFailure === null && !isDone);
  }

  /** The next so many bytes of its stream: first the preface, then payload. */
  send(count: number): void {
    if (count === 0 || !this.mayWrite) return;
    const chunk = new Uint8Array(count);
    for (let at = 0; at < count; at += 1) chunk[at] = this.#byteAt(this.#said + at);
    this.sent.append(chunk.subarray(Math.max(0, this.#hidden - this.#said)));
    this.#said += count;
    this.put(chunk);
  }

  /** What is left of the preface. */
  sendPreface(): void {
    this.send(Math.max(0, this.#preface.length - this.#said));
  }

  end(): void {
    if (!this.mayWrite) return;
    this.hasEnded = true;
    this.leg.end();
  }

  reset(): void {
    if (!this.leg.isOpen) return;
    this.#hasLetGo = true;
    this.leg.reset();
  }

  /** `close()` of a process that does not care: FIN, and RST for whatever still comes. */
  close(): void {
    if (!this.leg.isOpen) return;
    this.#hasLetGo = true;
    this.leg.release();
  }

  protected get mayWrite(): boolean {
    return !this.hasEnded && !this.hasLeft && this.leg.isOpen;
  }

  protected put(chunk: Uint8Array): void {
    this.leg.write(chunk, 'owned');
  }

  protected took(chunk: Uint8Array): void {
    this.received.append(chunk);
  }

  #byteAt(index: number): number {
    const said = this.#preface[index];
    if (said !== undefined) return said;
    const mixed = Math.imul(index + 1, 2_654_435_761) ^ Math.imul(this.#key + 1, 40_503);
    return ((mixed >>> 13) ^ mixed) & 0xff;
  }
}
