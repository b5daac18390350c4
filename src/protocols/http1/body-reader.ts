/**
 * What follows a head: nothing, so many bytes, chunks with trailers, or everything until FIN.
 *
 * Decides where the body ends, and tells its bytes without framing as views of the chunk that was fed.
 * Must never do: read past the end of the message, keep a chunk, or tell anything after `malformed`.
 * Trailers: see `trailers.ts`.
 * @see RFC 9112 §6.3 and §7.1
 */
import { type Body, type Fields, type HttpProblem, noFields } from '../http/message.ts';
import { carriageReturn, lineFeed } from './byte-kinds.ts';
import { ChunkSizeLine } from './chunk-size-line.ts';
import { FieldScanner, ranOut, refused } from './field-scanner.ts';
import type { SharedProblems } from './problems.ts';
import type { BodySink } from './reader.ts';
import { Section } from './section.ts';
import { readTrailers } from './trailers.ts';

const trailerBytesMax = 8_192;
const trailersMax = 32;

const phaseOver = 0;
const phaseLength = 1;
const phaseUntilClose = 2;
const phaseSize = 3;
const phaseData = 4;
const phaseDataEnd = 5;
const phaseDataLineFeed = 6;
const phaseTrailers = 7;

/** A trailer section that is under way: rare, so it is made when its first byte comes. */
interface TrailerState {
  readonly section: Section;
  readonly scanner: FieldScanner;
}

export class BodyReader {
  /** True exactly when no body is under way: before the first head, after `ended`, after `malformed`. */
  isOver = true;
  /** True exactly after `ended`. */
  isComplete = false;
  readonly #sink: BodySink;
  readonly #problems: SharedProblems;
  #phase = phaseOver;
  /** Of the length, or of the chunk. */
  #remaining = 0;
  #sizeLine: ChunkSizeLine | null = null;
  #trailers: TrailerState | null = null;

  constructor(sink: BodySink, problems: SharedProblems) {
    this.#sink = sink;
    this.#problems = problems;
  }

  /** Begins with the first byte after a head. A body without bytes is told as ended at once. */
  begin(body: Body): void {
    this.isOver = false;
    this.isComplete = false;
    if (body.kind === 'length' && body.bytes > 0) {
      this.#phase = phaseLength;
      this.#remaining = body.bytes;
    } else if (body.kind === 'stream') {
      this.#phase = phaseSize;
      this.#sizeLine ??= new ChunkSizeLine(this.#problems);
      this.#sizeLine.reset();
    } else if (body.kind === 'untilClose') {
      this.#phase = phaseUntilClose;
    } else {
      this.#end(noFields);
    }
  }

  /** @returns the index after the last byte consumed. */
  read(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && !this.isOver) at = this.#step(bytes, at);
    return at;
  }

  /** FIN. */
  finish(): void {
    if (this.#phase === phaseUntilClose) this.#end(noFields);
    else this.#fail(this.#problems.endedInBody);
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#phase) {
      case phaseUntilClose:
        this.#sink.body(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
      case phaseLength:
      case phaseData:
        return this.#readData(bytes, at);
      case phaseSize:
        return this.#readSize(bytes, at);
      case phaseDataEnd:
        return this.#expectByte(bytes, at, carriageReturn, phaseDataLineFeed);
      case phaseDataLineFeed:
        this.#sizeLine?.reset();
        return this.#expectByte(bytes, at, lineFeed, phaseSize);
      default:
        return this.#readTrailers(bytes, at);
    }
  }

  #readData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    const isLength = this.#phase === phaseLength;
    if (this.#remaining === 0 && !isLength) this.#phase = phaseDataEnd;
    this.#sink.body(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#remaining === 0 && isLength) this.#end(noFields);
    return end;
  }

  #readSize(bytes: Buffer, at: number): number {
    const line = this.#sizeLine;
    if (line === null) return bytes.length;
    const next = line.scan(bytes, at);
    if (next === ranOut) return bytes.length;
    if (next === refused) return this.#fail(line.problem ?? this.#problems.chunkLine, bytes.length);
    this.#remaining = line.size;
    this.#phase = line.size === 0 ? phaseTrailers : phaseData;
    return next;
  }

  #expectByte(bytes: Buffer, at: number, byte: number, phase: number): number {
    if (bytes[at] !== byte) return this.#fail(this.#problems.chunkEnd, bytes.length);
    this.#phase = phase;
    return at + 1;
  }

  #readTrailers(bytes: Buffer, at: number): number {
    // Nearly always there are none, and the empty line is here.
    if (this.#trailers === null && bytes[at] === carriageReturn && bytes[at + 1] === lineFeed) {
      this.#end(noFields);
      return at + 2;
    }
    const { section, scanner } = (this.#trailers ??= newTrailers(this.#problems));
    section.open(bytes, at);
    const next = scanner.scan(section.bytes, section.base, section.end);
    if (next === refused) return this.#fail(scanner.problem ?? this.#problems.name, bytes.length);
    if (next === ranOut) {
      if (section.isFull) return this.#fail(this.#problems.trailersTooLong, bytes.length);
      section.keep();
      return bytes.length;
    }
    const trailers = readTrailers(section.bytes, section.base, next, scanner);
    const consumed = section.indexInChunk(at, next);
    this.#trailers = null;
    if (trailers === null) return this.#fail(this.#problems.framingTrailer, bytes.length);
    this.#end(trailers);
    return consumed;
  }

  #end(trailers: Fields): void {
    this.#phase = phaseOver;
    this.isOver = true;
    this.isComplete = true;
    this.#sink.ended(trailers);
  }

  #fail(problem: HttpProblem, consumed = 0): number {
    this.#phase = phaseOver;
    this.#trailers = null;
    this.isOver = true;
    this.#sink.malformed(problem);
    return consumed;
  }
}

function newTrailers(problems: SharedProblems): TrailerState {
  const scanner = new FieldScanner(problems, problems.tooManyTrailers, trailersMax);
  scanner.reset(0);
  return { section: new Section(trailerBytesMax), scanner };
}
