/**
 * The worker that compares passwords with bcrypt hashes, one after the other.
 *
 * Must never do: import anything of the proxy, keep or tell what it was asked. Read first: `hashing.ts`, which owns it.
 */
import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

interface Question {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

parentPort?.on('message', ({ id, password, hash }: Question) => {
  parentPort?.postMessage({ id, matches: compareSync(password, hash) }, []);
});
