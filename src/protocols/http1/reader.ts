/**
 * What a reader of HTTP/1.1 messages tells, and how it is fed: the contract between the codec and the shell.
 *
 * A reader is incremental and sans-IO. It is fed the bytes of one connection in order and tells what they mean to its
 * sink, synchronously, within the call. It stops after each message, because what follows belongs to the next one.
 * Must never do: keep a chunk (it copies what it needs of an incomplete head), throw, or tell anything after `malformed`.
 */
import type { Fields, HttpProblem, RequestHead, ResponseHead } from '../http/message.ts';

export interface HttpLimits {
  /** Bytes of a head, first line and fields: 32 KiB. More is 431, or 414 where the first line alone is too long. */
  readonly headBytesMax: number;
  /** Field lines of a head: 100. */
  readonly fieldsMax: number;
}

/** More than any browser sends, with room for what several proxies add. */
export const headBytesMax = 32_768;
export const fieldsMax = 100;

export const defaultHttpLimits: HttpLimits = { headBytesMax, fieldsMax };

/** What both kinds of reader tell after the head. */
export interface BodySink {
  /** Some bytes of the body, unframed. A view of the chunk that was fed: valid for the call. */
  body(bytes: Uint8Array): void;
  /** The message is complete. Told for messages without a body too, right after the head. */
  ended(trailers: Fields): void;
  /** The bytes are no clean message; nothing more is told, and nothing more may be fed. */
  malformed(problem: HttpProblem): void;
}

export interface RequestSink extends BodySink {
  requestHead(head: RequestHead): void;
}

export interface ResponseSink extends BodySink {
  /** 1xx other than 101. Any number of them may come before `responseHead`; more than 16 are `malformed`. */
  interim(head: ResponseHead): void;
  /** The final head, or 101: after that every byte belongs to the new protocol, and the reader consumes nothing more. */
  responseHead(head: ResponseHead): void;
}

export interface MessageReader {
  /** True exactly between messages: not a byte of the next one has been consumed. */
  readonly isIdle: boolean;
  /**
   * Consumes from `start`.
   * @returns the index after the last byte consumed: the end of the chunk, or the end of the message if that comes first.
   * Feed the rest again for the next message.
   */
  read(chunk: Uint8Array, start: number): number;
  /** FIN came. Ends a body until close; anything else that is under way is told as `malformed`. */
  end(): void;
}
