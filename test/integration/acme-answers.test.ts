/**
 * Answers to validations that several processes have through one store: whichever of them the authority comes to.
 *
 * Each process is a store of its own on the same folder. Read first: `src/certificates/shared-answers.ts`.
 */
import { expect, test } from 'vitest';
import { ChallengeBook } from '../../src/certificates/acme-challenges.ts';
import { answerLifeMs, SharedAnswers } from '../../src/certificates/shared-answers.ts';
import { systemClock } from '../../src/io/clock.ts';
import { openFileStore, type FileStore } from '../../src/store/file-store.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { acmePlan, storeFolder } from '../support/acme-world.ts';

const plan = acmePlan({ directoryUrl: 'https://ca.example/directory', directoryCa: '' });

interface Process extends AsyncDisposable {
  readonly store: FileStore;
  readonly book: ChallengeBook;
  readonly shared: SharedAnswers;
}

async function process(folder: string, clock: StepClock): Promise<Process> {
  const store = await openFileStore(folder, systemClock());
  const shared = new SharedAnswers(store, clock);
  shared.start();
  return {
    store,
    shared,
    book: new ChallengeBook(clock, shared),
    async [Symbol.asyncDispose]() {
      shared.stop();
      await store.close();
    },
  };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

function publish({ book }: Process, type: 'http-01' | 'tls-alpn-01', name = 'a.example') {
  const challenges = [{ type, url: '', token: `token-of-${name.slice(0, 1)}`, proof: `proof-of-${name}` }];
  const authorization = { url: '', name, status: 'pending', challenges, error: null };
  return book.publish(authorization, { ...plan, challenges: [type] }, 0, new AbortController().signal);
}

test('S04: what one process publishes another answers, until it is withdrawn; nobody else knows of it', async () => {
  await using folder = await storeFolder();
  const clock = new StepClock({ wallMs: systemClock().wallMs() });
  await using one = await process(folder.path, clock);
  await using other = await process(folder.path, clock);
  expect([one.book.isProving, other.book.isProving]).toEqual([false, false]);
  const http = await publish(one, 'http-01');
  await until(() => other.book.httpChallenge('token-of-a') !== null);
  expect(other.book.httpChallenge('token-of-a')).toBe('proof-of-a.example');
  expect([other.book.isProving, other.book.httpChallenge('another'), other.book.httpChallenge('../x')]).toEqual([
    true,
    null,
    null,
  ]);
  const tls = await publish(other, 'tls-alpn-01', 'b.example');
  await until(() => one.book.tlsChallenge('B.example') !== null);
  expect(one.book.tlsChallenge('b.example')?.names).toEqual(['b.example']);
  await http.withdraw();
  await tls.withdraw();
  await until(() => !one.book.isProving && !other.book.isProving);
  expect(await one.store.list('acme/answers')).toEqual([]);
});

test('S04: a process that starts later answers too; what a dead one left ends by itself, and is cleared away', async () => {
  await using folder = await storeFolder();
  const clock = new StepClock({ wallMs: systemClock().wallMs() });
  await using one = await process(folder.path, clock);
  await publish(one, 'http-01');
  await one.store.put('acme/answers/http-damaged', Buffer.from('{'));
  await using other = await process(folder.path, clock);
  await until(() => other.book.httpChallenge('token-of-a') !== null);
  clock.advance(answerLifeMs);
  expect([other.book.httpChallenge('token-of-a'), other.book.isProving]).toEqual([null, false]);
  await using late = await process(folder.path, clock);
  for (;;) if ((await late.store.list('acme/answers')).join() === 'acme/answers/http-damaged') break;
  expect(late.book.isProving).toBe(false);
});

test('S04: an answer that cannot be written is answered by the process that ordered all the same', async () => {
  await using folder = await storeFolder();
  const clock = new StepClock();
  await using one = await process(folder.path, clock);
  await one.store.close();
  const http = await publish(one, 'http-01');
  expect(one.book.httpChallenge('token-of-a')).toBe('proof-of-a.example');
  await http.withdraw();
  expect(one.book.isProving).toBe(false);
});
