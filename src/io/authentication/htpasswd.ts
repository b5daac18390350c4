/**
 * Reads what `htpasswd -B` writes: one `user:hash` a line, for basic authentication.
 *
 * Decides: which lines count, and which hashes are refused. Blank lines and those that begin with `#` do not count. What a
 * hash may look like and cost is said by `password-format.ts`; beside it the hashes without a prefix that such files may
 * hold are told from plain passwords, which would let in whoever has read the file.
 * Pure. Must never do: repeat a user or a password in what it says; the line number is enough.
 */
import { ProxyError } from '../../errors.ts';
import type { BasicCredential } from '../../routing/http-plan.ts';
import { parsePassword } from './password-format.ts';

export interface Htpasswd {
  readonly credentials: readonly BasicCredential[];
  /** Line 1 is the first; 0 is the file as a whole. */
  readonly problems: readonly { readonly line: number; readonly message: string }[];
  /** Lines whose password is plain text. */
  readonly plainLines: readonly number[];
}

/** The largest file that is read: ten thousand users and more. */
export const htpasswdBytesMax = 1_048_576;

/** @param taken names that have a password elsewhere. */
export function parseHtpasswd(text: string, taken: readonly string[] = []): Htpasswd {
  const credentials: BasicCredential[] = [];
  const problems: { line: number; message: string }[] = [];
  const plainLines: number[] = [];
  const seen = new Set(taken.map((name) => name.normalize('NFC')));
  for (const [at, written] of text.split('\n').entries()) {
    const line = at + 1;
    const entry = written.trimEnd();
    if (entry === '' || entry.startsWith('#')) continue;
    const colon = entry.indexOf(':');
    const username = entry.slice(0, Math.max(0, colon));
    const password = entry.slice(colon + 1);
    const message = lineProblem(username, password, seen);
    seen.add(username.normalize('NFC'));
    if (message !== null) problems.push({ line, message });
    else if (parsePassword(password).form === 'plain') plainLines.push(line);
    credentials.push({ username, password });
  }
  if (credentials.length === 0)
    problems.push({ line: 0, message: 'there is no user in this file, so nobody could pass' });
  return { credentials: problems.length === 0 ? credentials : [], problems, plainLines };
}

/** DES and BSDi hashes of crypt(3), which have no prefix that no password has. */
const unmarkedHash = /^(?:[./0-9A-Za-z]{13}|_[./0-9A-Za-z]{19})$/;

function lineProblem(username: string, password: string, seen: ReadonlySet<string>): string | null {
  if (username === '') return 'this is not user:hash, as htpasswd -B writes it';
  if (username.length > 128 || /\p{Cc}/u.test(username)) return 'this is not the name of a user';
  if (seen.has(username.normalize('NFC'))) return 'this user is there already; a user has one password';
  if (password === '') return 'an empty password lets everybody in';
  if (password.length > 512) return 'a password has at most 512 characters';
  if (unmarkedHash.test(password))
    return 'this looks like a hash of crypt, which is not read: htpasswd -B makes one of bcrypt, sallyport hash-password one of scrypt';
  return hashProblem(password);
}

function hashProblem(password: string): string | null {
  try {
    parsePassword(password);
    return null;
  } catch (error) {
    if (error instanceof ProxyError) return error.message;
    throw error;
  }
}
