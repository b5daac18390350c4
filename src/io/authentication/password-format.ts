/**
 * The three forms in which a configuration holds a password: a scrypt hash of ours, a bcrypt hash, or plain text.
 *
 * Decides: which costs are allowed, so that no stored hash can take the process's memory or minutes of its time.
 * Pure. Must never do: repeat a password or a hash in what it says about it.
 * @see RFC 7914 (scrypt)
 */
import { ProxyError } from '../../errors.ts';
import { strictBase64 } from './authorization.ts';

export interface ScryptParameters {
  /** N, a power of two. */
  readonly cost: number;
  /** r */
  readonly blockSize: number;
  /** p */
  readonly parallelization: number;
}

export type StoredPassword =
  | ({ readonly form: 'scrypt'; readonly salt: Buffer; readonly hash: Buffer } & ScryptParameters)
  | { readonly form: 'bcrypt'; readonly text: string }
  | { readonly form: 'plain'; readonly text: string };

/** One check: what N = 2^17 with r = 8 holds, 128 MiB and a little, and four times its work. */
const memoryBytesMax = 135_266_304;
const workMax = 4_194_304;
/** Each step doubles the time; 14 is a second and a half of the worker. */
const bcryptCostMax = 14;

/** @throws ProxyError SALLYPORT_CONFIG_INVALID for a hash that is malformed or costs too much */
export function parsePassword(text: string): StoredPassword {
  if (text.startsWith('scrypt:')) return parseScrypt(text);
  // What looks like any hash of crypt(3) is one: taken as plain text, it would let in who has read the file.
  if (/^(?:\$(?:\d[a-z]?|apr1|argon2\w+|y|gy|md5|sha1)\$|\{S?SHA\})/.test(text)) return parseBcrypt(text);
  return { form: 'plain', text: text.normalize('NFC') };
}

/** Bytes that one computation holds. */
export function scryptMemoryBytes({ cost, blockSize, parallelization }: ScryptParameters): number {
  return 128 * blockSize * (cost + parallelization + 2);
}

export function formatScrypt(parameters: ScryptParameters, salt: Buffer, hash: Buffer): string {
  const { cost, blockSize, parallelization } = parameters;
  const numbers = `${cost}:${blockSize}:${parallelization}`;
  return `scrypt:${numbers}:${salt.toString('base64')}:${hash.toString('base64')}`;
}

function parseScrypt(text: string): StoredPassword {
  const parts = text.split(':');
  if (parts.length !== 6) throw invalid('a scrypt hash has the form scrypt:<N>:<r>:<p>:<salt>:<hash>');
  const [, cost = '', blockSize = '', parallelization = '', salt = '', hash = ''] = parts;
  return {
    form: 'scrypt',
    ...affordable({
      cost: wholeNumber(cost),
      blockSize: wholeNumber(blockSize),
      parallelization: wholeNumber(parallelization),
    }),
    salt: bytesOf(salt, 8, 'the salt of a scrypt hash'),
    hash: bytesOf(hash, 16, 'a scrypt hash'),
  };
}

function affordable(parameters: ScryptParameters): ScryptParameters {
  const { cost, blockSize, parallelization } = parameters;
  if (cost < 2 || !Number.isInteger(Math.log2(cost))) throw invalid('the N of a scrypt hash must be a power of two');
  if (blockSize < 1 || parallelization < 1) throw invalid('r and p of a scrypt hash must be whole numbers from 1');
  if (scryptMemoryBytes(parameters) > memoryBytesMax || cost * blockSize * parallelization > workMax)
    throw invalid(`the scrypt hash costs too much: at most 128 MiB, and N × r × p at most ${workMax}`);
  return parameters;
}

function bytesOf(text: string, bytesMin: number, what: string): Buffer {
  const bytes = strictBase64(text);
  if (bytes === null || bytes.length < bytesMin || bytes.length > 64)
    throw invalid(`${what} must be ${bytesMin} to 64 bytes in base64`);
  return bytes;
}

function parseBcrypt(text: string): StoredPassword {
  const found = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text);
  if (found === null) throw invalid('the only hashes that are read are scrypt and bcrypt ($2a$, $2b$, $2y$)');
  const cost = Number(found[1]);
  if (cost < 4 || cost > bcryptCostMax) throw invalid(`the cost of a bcrypt hash must be 4 to ${bcryptCostMax}`);
  return { form: 'bcrypt', text };
}

/** 0 for what is none. */
function wholeNumber(text: string): number {
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
}

function invalid(message: string): ProxyError {
  return new ProxyError('SALLYPORT_CONFIG_INVALID', message);
}
