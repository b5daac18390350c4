/**
 * Remembers what was found out about a credential, without the credential.
 *
 * Decides: an entry's name is a MAC of the field under a key that this process made for itself, so that neither a memory
 * dump nor a guess offline gets the credential back; the least recently used is forgotten first.
 * Must never do: hold a credential, or more than 1,000 answers.
 */
import { createHmac, generateKeySync, timingSafeEqual, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';

export const answersKept = 1000;

export class AnswerCache<Answer extends object> {
  readonly #answers = new LRUCache<string, Answer>({ max: answersKept });

  get size(): number {
    return this.#answers.size;
  }

  get(name: string): Answer | null {
    return this.#answers.get(name) ?? null;
  }

  put(name: string, answer: Answer): void {
    this.#answers.set(name, answer);
  }

  clear(): void {
    this.#answers.clear();
  }
}

/** Names for secrets: alike exactly for the same one, and worth nothing outside this process. */
export class SecretNames {
  readonly #key: KeyObject = generateKeySync('hmac', { length: 256 });

  of(secret: string): string {
    return this.bytesOf(secret).toString('base64');
  }

  bytesOf(secret: string): Buffer {
    return createHmac('sha256', this.#key).update(secret, 'utf8').digest();
  }

  /** As many instructions wherever they differ, and however long they are. */
  isSame(one: Buffer, secret: string): boolean {
    return timingSafeEqual(one, this.bytesOf(secret));
  }

  /** A whole number from 0 below `count` (1 to 2^32), the same each time for the same text. */
  numberOf(text: string, count: number): number {
    return this.bytesOf(text).readUInt32BE(0) % count;
  }
}
