/**
 * One direction between two memory legs: what the writer's process still queues, and what is on its way.
 *
 * Decides: when bytes, FIN and RST arrive, in the order in which they were sent, each arrival a step of the clock.
 * Behaves as a kernel does towards Node: a reader that does not read fills the window and stops the writer; FIN behind
 * unread bytes is not seen; RST is seen at once unless a whole window is unread, and then at the next read or write.
 * Read first: `memory-leg.ts`.
 */
import type { Clock, Timer, TimerTarget } from '../io/clock.ts';

/** The writing end, as its pipe sees it. */
export interface PipeWriter {
  pipeDrained(): void;
  pipeFlushed(): void;
  /** The reader is gone, or has cut the connection. */
  pipeBroke(): void;
}

/** The reading end, as its pipe sees it. */
export interface PipeReader {
  readonly isOpen: boolean;
  readonly wantsBytes: boolean;
  /** The chunk is the reader's to keep. */
  pipeArrived(chunk: Uint8Array): void;
  pipeEnded(): void;
  pipeReset(): void;
}

export interface PipeOptions {
  /** How many bytes may be on their way, or waiting for a reader that does not read. */
  readonly windowBytes: number;
  /** Asked once per arrival; the order of arrivals stays. */
  readonly latencyMs: () => number;
  /** Bytes that leave the writer per step; null = all that the window takes. */
  readonly stepBytes: number | null;
  /** How much later than due FIN arrives. */
  readonly finDelayMs: number;
  /** Bytes that arrive after FIN, against all rules. */
  readonly bytesAfterFin: number;
}

interface Arrival {
  readonly dueMs: number;
  readonly what: Uint8Array | 'fin' | 'rst';
}

const deliverySlot = 0;
const writerSlot = 1;
const cutSlot = 2;

export class Pipe implements TimerTarget {
  /** Bytes that never left the writer's process; kept when the connection breaks. */
  queuedBytes = 0;
  readonly #clock: Clock;
  readonly #writer: PipeWriter;
  readonly #reader: PipeReader;
  readonly #options: PipeOptions;
  #queue: Uint8Array[] = [];
  #flight: Arrival[] = [];
  #flightBytes = 0;
  #lastDueMs = 0;
  #delivery: Timer | null = null;
  #writerStep: Timer | null = null;
  #fin: 'none' | 'asked' | 'sent' = 'none';
  /** True exactly when the writer was told to stop and not yet to go on. */
  #owesDrained = false;
  /** True exactly when the writer wrote what nobody will take, and has not heard of it. */
  #owesBreak = false;
  /** True exactly when bytes were answered with RST: nothing can be written any more. */
  #isDead = false;

  constructor(clock: Clock, writer: PipeWriter, reader: PipeReader, options: PipeOptions) {
    this.#clock = clock;
    this.#writer = writer;
    this.#reader = reader;
    this.#options = options;
  }

  /** Bytes that arrived, or will, and were not read. */
  get unreadBytes(): number {
    return this.#flightBytes;
  }

  /** Keeps the chunk where the answer is false; whoever may change it afterwards hands in a copy. */
  write(chunk: Uint8Array): boolean {
    this.#queue.push(chunk);
    this.queuedBytes += chunk.length;
    if (this.#isDead) this.#break();
    else this.#fill();
    if (this.#queue.length === 0) return true;
    this.#owesDrained = true;
    return false;
  }

  end(): void {
    this.#fin = 'asked';
    this.#stepWriter();
  }

  /** The writer closes: what is queued is dropped, what is on its way arrives, then FIN. */
  close(): void {
    this.#forgetWriter();
    if (this.#fin === 'sent' || this.#isDead) return;
    this.#fin = 'sent';
    this.#send('fin');
  }

  /** The writer cuts the connection: RST follows what is on its way. */
  cut(): void {
    this.#forgetWriter();
    if (this.#isDead) return;
    this.#send('rst');
    this.#clock.arm(this.#lastDueMs - this.#clock.nowMs(), this, cutSlot);
  }

  /** The reader has begun to read, stopped, or closed. */
  settle(): void {
    const [first] = this.#flight;
    if (first === undefined || !this.#isVisible(first)) {
      if (this.#delivery !== null) this.#clock.cancel(this.#delivery);
      this.#delivery = null;
    } else {
      this.#delivery ??= this.#clock.arm(Math.max(0, first.dueMs - this.#clock.nowMs()), this, deliverySlot);
    }
  }

  onTimer(slot: number): void {
    if (slot === writerSlot) {
      this.#writerStep = null;
      this.#stepped();
    } else if (slot === deliverySlot) {
      this.#delivery = null;
      this.#deliver();
    } else {
      this.#cutArrived();
    }
  }

  /** Moves what the window takes, in pieces of its own making. */
  #fill(): void {
    let room = this.#options.windowBytes - this.#flightBytes;
    if (this.#options.stepBytes !== null) room = Math.min(room, this.#options.stepBytes);
    while (room > 0) {
      const [chunk] = this.#queue;
      if (chunk === undefined) break;
      // Not `slice`, which copies nothing where the chunk is a Buffer.
      const piece = new Uint8Array(chunk.subarray(0, room));
      if (piece.length === chunk.length) this.#queue.shift();
      else this.#queue[0] = chunk.subarray(piece.length);
      room -= piece.length;
      this.queuedBytes -= piece.length;
      this.#flightBytes += piece.length;
      this.#send(piece);
    }
    const isHeldUp = this.#queue.length > 0 && this.#flightBytes < this.#options.windowBytes;
    if (isHeldUp || (this.#queue.length === 0 && (this.#owesDrained || this.#fin === 'asked'))) this.#stepWriter();
  }

  /** The writer's turn: everything is handed over, or more of it can be. */
  #stepped(): void {
    if (this.#owesBreak) return this.#writer.pipeBroke();
    if (this.#queue.length > 0) return this.#fill();
    if (this.#owesDrained) {
      this.#owesDrained = false;
      this.#writer.pipeDrained();
    }
    if (this.#fin !== 'asked' || this.#queue.length > 0) return undefined;
    this.#fin = 'sent';
    if (!this.#isDead) this.#send('fin');
    return this.#writer.pipeFlushed();
  }

  #send(what: Arrival['what']): void {
    const delayMs = this.#options.latencyMs() + (what === 'fin' ? this.#options.finDelayMs : 0);
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#clock.nowMs() + delayMs);
    this.#flight.push({ dueMs: this.#lastDueMs, what });
    this.settle();
  }

  /** Bytes wait for a reader that reads; FIN and RST at the front do not, nor does anything for one that has closed. */
  #isVisible(first: Arrival): boolean {
    return this.#reader.wantsBytes || !this.#reader.isOpen || typeof first.what === 'string';
  }

  #deliver(): void {
    if (!this.#reader.isOpen) return this.#answerFromTheGrave();
    const first = this.#flight.shift();
    if (first === undefined) return undefined;
    if (typeof first.what === 'string') {
      this.#signal(first.what);
    } else {
      this.#flightBytes -= first.what.length;
      this.#reader.pipeArrived(first.what);
    }
    if (this.#queue.length > 0 && !this.#isDead) this.#fill();
    return this.settle();
  }

  #signal(what: 'fin' | 'rst'): void {
    if (what === 'rst') return this.#reader.pipeReset();
    this.#reader.pipeEnded();
    if (this.#options.bytesAfterFin > 0)
      this.#reader.pipeArrived(new Uint8Array(this.#options.bytesAfterFin).fill(0xaf));
    return undefined;
  }

  /** A reader that does not read sees RST all the same while Node would still look, which is until a window is full. */
  #cutArrived(): void {
    if (!this.#reader.isOpen || this.#reader.wantsBytes || this.#flightBytes >= this.#options.windowBytes) return;
    this.#drop();
    this.#reader.pipeReset();
  }

  /** Bytes for a closed socket are answered with RST; FIN and RST are not. */
  #answerFromTheGrave(): void {
    const hasBytes = this.#flightBytes > 0;
    this.#drop();
    if (!hasBytes) return;
    this.#isDead = true;
    this.#break();
  }

  #break(): void {
    this.#owesBreak = true;
    this.#stepWriter();
  }

  #drop(): void {
    this.#flight = [];
    this.#flightBytes = 0;
    this.settle();
  }

  #stepWriter(): void {
    this.#writerStep ??= this.#clock.arm(0, this, writerSlot);
  }

  #forgetWriter(): void {
    this.#queue = [];
    this.#owesDrained = false;
    this.#owesBreak = false;
    if (this.#writerStep !== null) this.#clock.cancel(this.#writerStep);
    this.#writerStep = null;
  }
}
