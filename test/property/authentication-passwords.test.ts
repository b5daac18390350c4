/** Ring 0 of stored passwords: which forms are read, what they may cost, and that nothing of them is repeated. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProxyError } from '../../src/errors.ts';
import { computeScrypt } from '../../src/io/authentication/hashing.ts';
import { formatScrypt, parsePassword, scryptMemoryBytes } from '../../src/io/authentication/password-format.ts';
import { hashPassword, verifyPassword } from '../../src/io/authentication/password.ts';
import { runs, seed } from '../support/fuzz.ts';
import { basicOf, stored } from './authentication-samples.ts';

const salt = Buffer.from('12345678').toString('base64');
const hash = Buffer.alloc(32, 7).toString('base64');
const bcryptTail = 'a'.repeat(53);

test('a scrypt hash within bounds is read back as it was written, and holds no more than 129 MiB', () => {
  const bytes = (minLength: number) => fc.uint8Array({ minLength, maxLength: 64 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 64 }),
      bytes(8),
      bytes(16),
      (power, blockSize, parallelization, saltBytes, hashBytes) => {
        const parameters = { cost: 2 ** power, blockSize, parallelization };
        const text = formatScrypt(parameters, Buffer.from(saltBytes), Buffer.from(hashBytes));
        const isAffordable =
          scryptMemoryBytes(parameters) <= 135_266_304 && parameters.cost * blockSize * parallelization <= 4_194_304;
        if (!isAffordable) {
          expect(() => parsePassword(text)).toThrow(/costs too much/);
          return;
        }
        expect(parsePassword(text)).toEqual({
          form: 'scrypt',
          ...parameters,
          salt: Buffer.from(saltBytes),
          hash: Buffer.from(hashBytes),
        });
      },
    ),
    { seed: seed(), numRuns: runs(300) },
  );
});

test('what looks like a hash and cannot be used is refused, never taken for the password itself', () => {
  const refused = [
    'scrypt:',
    'scrypt:secret',
    `scrypt:16384:8:1:${salt}`,
    `scrypt:16384:8:1:${salt}:${hash}:`,
    `scrypt:16383:8:1:${salt}:${hash}`,
    `scrypt:1:8:1:${salt}:${hash}`,
    `scrypt:0:8:1:${salt}:${hash}`,
    `scrypt:-16384:8:1:${salt}:${hash}`,
    `scrypt:0x4000:8:1:${salt}:${hash}`,
    `scrypt:16384:0:1:${salt}:${hash}`,
    `scrypt:16384:8:0:${salt}:${hash}`,
    `scrypt:16384:8:99999999:${salt}:${hash}`,
    `scrypt:1073741824:8:1:${salt}:${hash}`,
    `scrypt:16384:8:1:AAAA:${hash}`,
    `scrypt:16384:8:1:${salt}:AAAA`,
    `scrypt:16384:8:1:${salt}=:${hash}`,
    `scrypt:16384:8:1:${salt}:${hash.slice(0, -1)}`,
    `$2y$03$${bcryptTail}`,
    `$2y$15$${bcryptTail}`,
    `$2y$31$${bcryptTail}`,
    `$2x$10$${bcryptTail}`,
    `$2y$10$${bcryptTail}a`,
    `$2y$10$${bcryptTail.slice(1)}`,
    '$apr1$salt$hash',
    '$1$salt$hash',
    '$5$salt$hash',
    '$6$salt$hash',
    '$y$j9T$salt$hash',
    '$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA',
    '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
  ];
  for (const text of refused) {
    expect(() => parsePassword(text)).toThrow(ProxyError);
    expect(() => basicOf([{ username: 'a', password: text }])).toThrow(ProxyError);
    try {
      parsePassword(text);
    } catch (error) {
      expect(String(error)).not.toMatch(/secret|aaaa|W6ph5|BwcHB/);
    }
  }
});

test('bcrypt hashes of a bearable cost are read, and everything else is a plain password', () => {
  for (const text of [`$2a$04$${bcryptTail}`, `$2b$10$${bcryptTail}`, `$2y$14$${bcryptTail}`])
    expect(parsePassword(text)).toEqual({ form: 'bcrypt', text });
  for (const text of ['secret', '$ecret', '$$', 'a:b:c', 'Scrypt:1', '{secret}', '$5', '']) {
    expect(parsePassword(text)).toEqual({ form: 'plain', text });
  }
});

test('a name with two passwords is refused: one of them would be a back door that nobody sees', () => {
  const twice = [
    { username: 'a', password: stored('b', 'scrypt') },
    { username: 'a', password: 'c' },
  ];
  expect(() => basicOf(twice)).toThrow(ProxyError);
});

test('hash-password: a password is told from another by the hash that was made of it, in our own format', async () => {
  const made = await hashPassword('pässword', (bytes) => new Uint8Array(bytes).fill(9));
  expect(made).toMatch(/^scrypt:16384:8:5:CQkJCQkJCQkJCQkJCQkJCQ==:[A-Za-z0-9+/]{43}=$/);
  expect(await verifyPassword('pässword', made)).toBe(true);
  // The same letters in their other form: what a client sends is composed.
  expect(await verifyPassword('pa\u0308ssword', made)).toBe(true);
  expect(await verifyPassword('password', made)).toBe(false);
  expect(await verifyPassword('plain', 'plain')).toBe(false);
  const other = await hashPassword('pa\u0308ssword');
  expect(other).not.toBe(made);
  expect(await verifyPassword('pässword', other)).toBe(true);
});

test('hash-password: the bytes of scrypt are those of RFC 7914', async () => {
  // §12, the second vector.
  const parameters = { cost: 1024, blockSize: 8, parallelization: 16 };
  const bytes = await computeScrypt('password', Buffer.from('NaCl'), 64, parameters);
  expect(bytes.toString('hex')).toBe(
    'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162' +
      '2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
  );
});
