/**
 * Writes log lines to a file descriptor: asynchronous, bounded, and never the reason why a process hangs or ends.
 *
 * Decides: what is dropped (the newest, when too much waits; everything that waits, when the descriptor fails) and that
 * the drop is counted and told when there is room again. Must never do: block the event loop on a slow reader (a pipe
 * must be non-blocking; Node makes standard output so when it is touched), throw, or wait without bound in `flush`.
 * Law: lines given = lines written + `dropped` + lines that wait.
 */
import { fstatSync, write, writeSync } from 'node:fs';
import type { Clock, Timer, TimerTarget } from '../io/clock.ts';

export interface LogDestinationOptions {
  readonly fileDescriptor: number;
  /** Bytes that may wait; 1 MiB unless given. */
  readonly bytesMax?: number;
  readonly clock: Clock;
  /** Writes one line, by `write`, that tells of `count` lost lines. */
  readonly tellDropped: (count: number) => void;
}

const bytesMaxDefault = 1_048_576;
/** How soon a full pipe is tried again. */
const retryMs = 20;
/** `flush` waits for a reader that takes something; one that takes nothing for half a second is gone. */
const flushTriesMax = 50;
const flushWaitMs = 10;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

interface Batch {
  /** What is left of it. */
  bytes: Buffer;
  readonly lines: number;
  /** Lost lines that it tells of. */
  readonly tells: number;
}

export class LogDestination implements TimerTarget {
  readonly #options: LogDestinationOptions;
  readonly #bytesMax: number;
  /** A regular file is always ready, so only another thread can keep it from blocking this one. */
  readonly #isFile: boolean;
  #texts: string[] = [];
  #waitingBytes = 0;
  #lines = 0;
  #tells = 0;
  #batch: Batch | null = null;
  /** The batch that another thread writes. */
  #elsewhere: Batch | null = null;
  #untold = 0;
  #telling = 0;
  #timer: Timer | null = null;
  #isScheduled = false;
  /** True exactly when the last attempt failed. */
  #isBroken = false;
  #dropped = 0;

  constructor(options: LogDestinationOptions) {
    this.#options = options;
    this.#bytesMax = options.bytesMax ?? bytesMaxDefault;
    this.#isFile = isRegularFile(options.fileDescriptor);
  }

  /** Lines lost since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param line with its line feed */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    const isNotice = this.#telling > 0;
    if (!isNotice && this.#waitingBytes + bytes > this.#bytesMax) return this.#lose(1, 0);
    if (!isNotice) this.#tellDropped();
    this.#texts.push(line);
    this.#waitingBytes += bytes;
    if (isNotice) this.#tells += this.#telling;
    else this.#lines += 1;
    this.#schedule();
  }

  /** Writes what waits before it returns, as far as there is somebody to take it. A file's last batch may be under way. */
  flush(): void {
    this.#disarm();
    let tries = 0;
    while (tries < flushTriesMax && this.#fill()) {
      if (this.#writeSome() !== 'full') {
        tries = 0;
      } else {
        tries += 1;
        Atomics.wait(sleeper, 0, 0, flushWaitMs);
      }
    }
    this.#schedule();
  }

  onTimer(): void {
    this.#timer = null;
    this.#pump();
  }

  /** The lines of one turn of the event loop become one write. */
  #schedule(): void {
    if (this.#isScheduled || this.#timer !== null || this.#elsewhere !== null || !this.#isWaiting) return;
    this.#isScheduled = true;
    unwritten.add(this);
    setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#elsewhere !== null || this.#timer !== null) return;
    if (this.#isFile) return this.#pumpElsewhere();
    while (this.#fill()) {
      if (this.#writeSome() === 'full') {
        this.#timer = this.#options.clock.arm(retryMs, this, 0);
        return;
      }
    }
    this.#rest();
  }

  #pumpElsewhere(): void {
    if (!this.#fill() || this.#batch === null) return this.#rest();
    const batch = this.#batch;
    this.#batch = null;
    this.#elsewhere = batch;
    write(this.#options.fileDescriptor, batch.bytes, (error, written) => {
      this.#elsewhere = null;
      if (error === null) this.#wrote(batch, written);
      else this.#failed(batch);
      if (batch.bytes.length > 0) this.#batch = batch;
      this.#pump();
    });
  }

  /** @returns false when nothing waits */
  #fill(): boolean {
    if (this.#batch === null && this.#texts.length > 0) {
      this.#batch = { bytes: Buffer.from(this.#texts.join('')), lines: this.#lines, tells: this.#tells };
      this.#texts = [];
      this.#lines = 0;
      this.#tells = 0;
    }
    return this.#batch !== null;
  }

  #writeSome(): 'full' | 'moved' {
    const batch = this.#batch;
    if (batch === null) return 'moved';
    try {
      const bytes = writeSync(this.#options.fileDescriptor, batch.bytes);
      if (bytes === 0) return 'full';
      this.#wrote(batch, bytes);
    } catch (error) {
      if (isFull(error)) return 'full';
      this.#failed(batch);
    }
    if (batch.bytes.length === 0) this.#batch = null;
    return 'moved';
  }

  #wrote(batch: Batch, bytes: number): void {
    this.#isBroken = false;
    batch.bytes = batch.bytes.subarray(bytes);
    this.#waitingBytes = Math.max(0, this.#waitingBytes - bytes);
  }

  /** A broken pipe, a full disk: what waits is lost, later lines try again. */
  #failed(batch: Batch): void {
    this.#isBroken = true;
    this.#waitingBytes = 0;
    batch.bytes = batch.bytes.subarray(batch.bytes.length);
    this.#lose(batch.lines + this.#lines, batch.tells + this.#tells);
    this.#texts = [];
    this.#lines = 0;
    this.#tells = 0;
  }

  #lose(lines: number, tells: number): void {
    this.#dropped += lines;
    this.#untold += lines + tells;
  }

  #tellDropped(): void {
    if (this.#untold === 0) return;
    this.#telling = this.#untold;
    this.#untold = 0;
    this.#options.tellDropped(this.#telling);
    this.#telling = 0;
  }

  /** Nothing waits any more; a notice of what was lost may, unless it would be lost, too. */
  #rest(): void {
    unwritten.delete(this);
    if (!this.#isBroken) this.#tellDropped();
  }

  #disarm(): void {
    if (this.#timer !== null) this.#options.clock.cancel(this.#timer);
    this.#timer = null;
  }

  get #isWaiting(): boolean {
    return this.#batch !== null || this.#texts.length > 0;
  }
}

/** Destinations with lines that wait: written when the process ends, however it ends. */
const unwritten = new Set<LogDestination>();

process.on('exit', () => {
  for (const destination of unwritten) destination.flush();
});

function isRegularFile(fileDescriptor: number): boolean {
  try {
    return fstatSync(fileDescriptor).isFile();
  } catch {
    return false;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');
}
