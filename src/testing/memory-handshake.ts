/**
 * A TLS handshake in memory, without cryptography: hello, answer, last word; what was inside follows as it is.
 *
 * Decides: the protocol (ALPN) both agree on, and what of the bytes belongs to the handshake. The client's hello is a real
 * ClientHello with SNI and ALPN, so that what a proxy reads in it is what any client would send, and any other client's
 * real hello is understood as well. The answer and the last word are a record each; an alert is an alert.
 * Must never do: own a timer; `memory-leg.ts` does what the plan says.
 * @see RFC 8446 §4.1.2, RFC 6066 §3 and RFC 7301 §3.1 for the hello
 */
import type { Handshake } from '../io/leg.ts';
import type { Secured } from '../io/tls/identity.ts';
import { tlsClientHello } from '../protocols/tls-client-hello.ts';

/** What becomes of a handshake, once all the bytes for it are there. `hangs`: until it is completed or failed by hand. */
export type HandshakePlan =
  | { readonly type: 'succeeds'; readonly afterMs: number; readonly by?: Partial<Secured> }
  | { readonly type: 'fails'; readonly afterMs: number; readonly code: string }
  | { readonly type: 'hangs' };

/** What the bytes so far amount to: more are needed, the plan has its turn, all is done; or a code, and it fails. */
type HandshakeState = 'needsMore' | 'ready' | 'done' | { readonly code: string };

export class MemoryHandshake {
  readonly how: Handshake;
  #bytes = Buffer.alloc(0);
  #agreed: Partial<Secured> = {};
  #stage: 'begun' | 'ready' | 'answered' = 'begun';

  constructor(how: Handshake) {
    this.how = how;
  }

  /** What is sent at once; null for the one that waits. */
  get opening(): Uint8Array | null {
    return this.how.role === 'client' ? helloOf(this.how) : null;
  }

  /** What the handshake is known by. */
  secured(): Secured {
    const defaults = { alpn: null, serverName: null, isResumed: false, peer: null };
    return { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', ...defaults, ...this.#agreed };
  }

  /** The plan's turn is over, and all is well: what is sent now. A server then waits for the client's last word. */
  proceed(by: Partial<Secured>): Uint8Array {
    this.#stage = 'answered';
    this.#agreed = { ...this.#agreed, ...by };
    if (this.how.role === 'client') return finished;
    const alpn = Buffer.from(this.#agreed.alpn ?? '');
    return recordOf(handshakeRecord, [2, 0, 0, alpn.length, ...alpn]);
  }

  keep(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  /** Looks at what is there. */
  state(): HandshakeState {
    if (this.#stage === 'answered') return this.how.role === 'client' ? 'done' : this.#readFinished();
    const state = this.how.role === 'server' ? this.#readHello(this.how.alpn) : this.#readAnswer();
    if (state === 'ready') this.#stage = 'ready';
    return state;
  }

  /** True exactly when it is the plan's turn. */
  get isReady(): boolean {
    return this.#stage === 'ready';
  }

  /** What came behind the handshake: it was inside. */
  rest(): Uint8Array {
    return this.#bytes;
  }

  #readHello(spoken: readonly string[]): HandshakeState {
    const hello = tlsClientHello.detect(this.#bytes, false);
    if (hello.verdict === 'needsMore') return 'needsMore';
    if (hello.verdict !== 'match') return notTls;
    const { serverName, alpn: offered } = hello.preface;
    const alpn = spoken.find((name) => offered.includes(name)) ?? null;
    if (alpn === null && spoken.length > 0 && offered.length > 0) return { code: 'ERR_SSL_NO_APPLICATION_PROTOCOL' };
    this.#agreed = { serverName, alpn };
    this.#take(lengthOfHello(this.#bytes));
    return 'ready';
  }

  #readAnswer(): HandshakeState {
    const content = this.#readRecord();
    if (!Buffer.isBuffer(content)) return content;
    const alpn = content.subarray(messageHeadLength).toString();
    const serverName = this.how.role === 'client' && isName(this.how.serverName) ? this.how.serverName : null;
    this.#agreed = { serverName, alpn: alpn === '' ? null : alpn };
    return 'ready';
  }

  #readFinished(): HandshakeState {
    const content = this.#readRecord();
    return Buffer.isBuffer(content) ? 'done' : content;
  }

  /** The content of the handshake record at the front, taken; or why there is none. */
  #readRecord(): Buffer | 'needsMore' | { readonly code: string } {
    if (this.#bytes.length < headLength) return 'needsMore';
    const type = this.#bytes.readUInt8(0);
    if (type !== handshakeRecord && type !== alertRecord) return notTls;
    const length = headLength + this.#bytes.readUInt16BE(3);
    if (this.#bytes.length < length) return 'needsMore';
    const content = this.#bytes.subarray(headLength, length);
    this.#take(length);
    return type === handshakeRecord ? content : { code: codeOfAlert(content.readUInt8(1)) };
  }

  #take(length: number): void {
    this.#bytes = this.#bytes.subarray(length);
  }
}

/** The fatal alert that goes with a failure. */
export function alertFor(code: string): Uint8Array {
  return recordOf(alertRecord, [
    2,
    code === 'ERR_SSL_NO_APPLICATION_PROTOCOL' ? noApplicationProtocol : handshakeFailure,
  ]);
}

const notTls = { code: 'ERR_SSL_WRONG_VERSION_NUMBER' };
const handshakeRecord = 0x16;
const alertRecord = 0x15;
const headLength = 5;
const messageHeadLength = 4;
const handshakeFailure = 40;
const unrecognizedName = 112;
const noApplicationProtocol = 120;

/** As OpenSSL calls what the peer said. */
function codeOfAlert(description: number): string {
  if (description === unrecognizedName) return 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME';
  if (description === noApplicationProtocol) return 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';
  return 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE';
}

/** The records that a hello takes, which is known to be whole. */
function lengthOfHello(bytes: Buffer): number {
  const first = bytes.readUInt16BE(3);
  // A first record may be shorter than the head of the message; nobody writes such a hello here.
  const needed = first < messageHeadLength ? first : messageHeadLength + bytes.readUIntBE(headLength + 1, 3);
  let collected = 0;
  let at = 0;
  while (collected < needed) {
    const length = bytes.readUInt16BE(at + 3);
    collected += length;
    at += headLength + length;
  }
  return at;
}

function helloOf({ serverName, alpn }: Extract<Handshake, { role: 'client' }>): Uint8Array {
  const names = isName(serverName) ? extension(0, sized16([0, ...sized16([...Buffer.from(serverName)])])) : [];
  const protocols = alpn.flatMap((name) => [name.length, ...Buffer.from(name)]);
  const offers = alpn.length > 0 ? extension(16, sized16(protocols)) : [];
  const versions = extension(43, [2, 3, 4]);
  const random = Array.from({ length: 32 }, () => 0);
  const body = [3, 3, ...random, 0, 0, 2, 0x13, 1, 1, 0, ...sized16([...versions, ...names, ...offers])];
  return recordOf(handshakeRecord, [1, 0, ...sized16(body)]);
}

/** An address is never sent as SNI. */
function isName(serverName: string): boolean {
  return serverName !== '' && !/^[\d.]+$|:/.test(serverName);
}

function extension(type: number, body: readonly number[]): number[] {
  return [0, type, ...sized16(body)];
}

function sized16(bytes: readonly number[]): number[] {
  return [bytes.length >>> 8, bytes.length & 0xff, ...bytes];
}

function recordOf(type: number, content: readonly number[]): Uint8Array {
  return Buffer.from([type, 3, 3, ...sized16(content)]);
}

/** The client's last word. */
const finished = recordOf(handshakeRecord, [20, 0, 0, 0]);
