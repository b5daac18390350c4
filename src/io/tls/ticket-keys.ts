/**
 * The keys that session tickets are sealed with: the same for all contexts of a proxy, replaced in the course of time.
 *
 * Decides: how long a key seals, that the one before still opens for as long, and that whoever resumes gets a new ticket,
 * because clients such as browsers use each of them once (RFC 8446 §C.4). Where Node does not let itself be asked for keys,
 * contexts have one key, and a client that uses tickets once resumes every other time. Needs no timer: the age of a key is
 * looked at when it is asked for. Must never do: write a key anywhere. Read first: `contexts.ts`.
 * @see RFC 5077 §5.5
 */
import { randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';

/** 12 h: whoever takes the keys off the process reads no more of TLS 1.2 than a day. */
export const ticketKeyLifeMs = 43_200_000;

/** What Node wants: a name of 16 bytes, and two keys of 16. */
const keyBytes = 48;
const partBytes = 16;

export interface TicketKey {
  /** Counts the keys there have been. */
  readonly generation: number;
  /** All of it, and its parts: of the same memory. */
  readonly bytes: Buffer;
  readonly name: Buffer;
  readonly hmacKey: Buffer;
  readonly cipherKey: Buffer;
}

export class TicketKeys {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #current: TicketKey;
  #before: TicketKey | null = null;
  #madeAtMs: number;
  /** Fresh random bytes, and how many of them were given out: asking for 16 costs as much as asking for all. */
  #random = noBytes;
  #taken = 0;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
    this.#current = newKey(1);
    this.#madeAtMs = clock.nowMs();
  }

  /** A new one where the last has had its time. One that nobody asked for during a whole life opens nothing any more. */
  current(): TicketKey {
    const ageMs = this.#clock.nowMs() - this.#madeAtMs;
    if (ageMs < ticketKeyLifeMs) return this.#current;
    this.#madeAtMs += ageMs;
    this.#before = ageMs < 2 * ticketKeyLifeMs ? this.#current : null;
    this.#current = newKey(this.#current.generation + 1);
    return this.#current;
  }

  /** The key of that name, where it still opens. */
  named(name: Uint8Array): TicketKey | null {
    const keys = [this.current(), this.#before];
    return keys.find((key) => key !== null && key.name.equals(name)) ?? null;
  }

  /** Lets OpenSSL ask for keys ticket by ticket. Nothing where Node has no such door; it is none that is documented. */
  serve(context: SecureContext): void {
    const native: unknown = Reflect.get(context, 'context');
    if (typeof native !== 'object' || native === null) return;
    const enable: unknown = Reflect.get(native, 'enableTicketKeyCallback');
    if (typeof enable !== 'function') return;
    Reflect.set(native, 'onticketkeycallback', (name: Uint8Array, _iv: Uint8Array, isSealing: boolean) =>
      isSealing ? this.#sealing() : this.#opening(name),
    );
    Reflect.apply(enable, native, []);
  }

  /** What is given to OpenSSL: success, the two keys, the name and a fresh initialisation vector. */
  #sealing(): readonly (number | Buffer)[] {
    const { name, hmacKey, cipherKey } = this.current();
    return [sealed, hmacKey, cipherKey, name, this.#initialVector()];
  }

  /** A ticket of an unknown key is ignored, and the handshake is a whole one. */
  #opening(name: Uint8Array): readonly (number | Buffer)[] {
    const key = this.named(name);
    const { hmacKey, cipherKey } = key ?? this.#current;
    return [key === null ? ignored : openedAndRenewed, hmacKey, cipherKey];
  }

  /** Bytes that nobody was given before. Node copies them before the call returns. */
  #initialVector(): Buffer {
    if (this.#taken === this.#random.length) {
      this.#random = randomBytes(randomAtOnce);
      this.#taken = 0;
    }
    this.#taken += partBytes;
    return this.#random.subarray(this.#taken - partBytes, this.#taken);
  }
}

/** What SSL_CTX_set_tlsext_ticket_key_cb(3) says its answers mean. */
const ignored = 0;
const sealed = 1;
const openedAndRenewed = 2;

const noBytes = Buffer.alloc(0);
const randomAtOnce = 64 * partBytes;

/** The name, the key for the HMAC, the one for AES-128-CBC. */
function newKey(generation: number): TicketKey {
  const bytes = randomBytes(keyBytes);
  const part = (index: number): Buffer => bytes.subarray(index * partBytes, (index + 1) * partBytes);
  return { generation, bytes, name: part(0), hmacKey: part(1), cipherKey: part(2) };
}
