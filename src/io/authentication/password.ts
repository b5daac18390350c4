/**
 * Makes and checks the password hashes of a configuration, for the command `hash-password`.
 *
 * Decides: what a new hash costs. N = 2^14, r = 8, p = 5 is one of the five equal settings that OWASP's password storage
 * advice names as the least; it holds 16 MiB and takes about a fifth of a second, once for each credential.
 * Must never do: check a password of a request; that goes through the gate in `hash-gate.ts`.
 */
import { randomBytes } from 'node:crypto';
import { computeScrypt, createHashing, hasHash } from './hashing.ts';
import { formatScrypt, parsePassword } from './password-format.ts';

const defaults = { cost: 16_384, blockSize: 8, parallelization: 5 } as const;
const saltBytes = 16;
const hashBytes = 32;

/**
 * @param password any text; hashed in its composed form (NFC), as clients send it
 * @param random that many bytes that nobody can guess
 * @returns `scrypt:<N>:<r>:<p>:<salt base64>:<hash base64>`
 */
export async function hashPassword(
  password: string,
  random: (bytes: number) => Uint8Array = randomBytes,
): Promise<string> {
  const salt = Buffer.from(random(saltBytes));
  return formatScrypt(defaults, salt, await computeScrypt(password.normalize('NFC'), salt, hashBytes, defaults));
}

/**
 * @param stored a scrypt hash of ours, or a bcrypt hash
 * @returns true exactly when the password is the one that was hashed; false for a plain text, whatever it is
 * @throws ProxyError SALLYPORT_CONFIG_INVALID for a hash that is malformed or costs too much
 */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const parsed = parsePassword(stored);
  if (parsed.form === 'plain') return false;
  const hashing = createHashing();
  try {
    return await hasHash(hashing, password.normalize('NFC'), parsed);
  } finally {
    hashing.close();
  }
}
