/**
 * Password files: which lines let somebody in, and what is said of the others without repeating a character of them.
 */
import { hashSync } from 'bcryptjs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHtpasswd } from '../../src/io/authentication/htpasswd.ts';
import { runs, seed } from '../support/fuzz.ts';

const bcrypt = hashSync('right', 4).replace('$2b$', '$2y$');
const scrypt = `scrypt:16384:8:5:${Buffer.alloc(16, 1).toString('base64')}:${Buffer.alloc(32, 2).toString('base64')}`;

function messagesOf(text: string): readonly string[] {
  return parseHtpasswd(text).problems.map(({ line, message }) => `${line}: ${message}`);
}

describe('a password file', () => {
  test('X05: is a user and a hash a line; blank lines, comments and the line ends of other systems do not matter', () => {
    const text = `# who may pass\n\nana:${bcrypt}\r\n  \nben:${scrypt}\n# end\nöne:${bcrypt}  \n`;
    expect(parseHtpasswd(text)).toEqual({
      credentials: [
        { username: 'ana', password: bcrypt },
        { username: 'ben', password: scrypt },
        { username: 'öne', password: bcrypt },
      ],
      problems: [],
      plainLines: [],
    });
  });

  test('X05: every line that is wrong is told by its number, all at once, and then nobody is let in', () => {
    const text = [
      `ana:${bcrypt}`,
      'no colon',
      ':x',
      'ben:',
      `ana:${bcrypt}`,
      `be\u0000n:${bcrypt}`,
      'cem:$2y$05$short',
    ].join('\n');
    const { credentials } = parseHtpasswd(text);
    expect(credentials).toEqual([]);
    expect(messagesOf(text)).toEqual([
      '2: this is not user:hash, as htpasswd -B writes it',
      '3: this is not user:hash, as htpasswd -B writes it',
      '4: an empty password lets everybody in',
      '5: this user is there already; a user has one password',
      '6: this is not the name of a user',
      '7: the only hashes that are read are scrypt and bcrypt ($2a$, $2b$, $2y$)',
    ]);
  });

  test.each([
    ['apr1 (MD5)', '$apr1$tFdSnAYh$mR8RVgZ6cSSvDsIS1HHuu.'],
    ['crypt MD5', '$1$GX.6b6oR$kKbhRXZQhmoqLrcq8GlQ01'],
    ['SHA-1', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
    ['salted SHA-1', '{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr'],
    ['SHA-256', '$5$9ks3nNEqv31FX.F$gdEoLFsCRsn/WRN3wxUnzfeZLoooVlzeF4WjLomTRFD'],
    ['SHA-512', '$6$qoE2letU$wWPRl.PVczjzeMVgjiA8LLy2nOyZbf7Amj3qLIL978o18gbMySdKZ7uepq9tmMQXxyTIrS12Pln.2Q/6Xscao0'],
    ['DES', 'rqXexS6ZhobKA'],
    ['BSDi', '_J9..CCCCXBrJUJV154M'],
  ])('X05: a hash by %s is refused in words, and not taken for a plain password', (_name, hash) => {
    const [message = ''] = messagesOf(`ana:${hash}`);
    expect(message).toMatch(/^1: .*(?:bcrypt|scrypt)/);
    expect(message).not.toContain(hash);
    expect(parseHtpasswd(`ana:${hash}`).credentials).toEqual([]);
  });

  test('X05: a plain password loads, and its line is told', () => {
    expect(parseHtpasswd(`ana:${bcrypt}\nben:open sesame\n`)).toMatchObject({ problems: [], plainLines: [2] });
  });

  test('X05: nobody in it is a mistake, and so is who has a password elsewhere', () => {
    expect(messagesOf('# nobody yet\n')).toEqual(['0: there is no user in this file, so nobody could pass']);
    expect(parseHtpasswd(`ana:${bcrypt}`, ['ana']).problems).toMatchObject([{ line: 1 }]);
  });

  test('X04: nothing of a line is ever repeated', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 8, maxLength: 30 }), { maxLength: 3 }), (lines) => {
        const said = parseHtpasswd(lines.map((line) => `§${line}`).join('\n')).problems.map(({ message }) => message);
        for (const line of lines) expect(said.join('\n')).not.toContain(`§${line}`);
        expect(said.join('\n')).not.toContain('§');
      }),
      { seed: seed(), numRuns: runs(200) },
    );
  });
});
