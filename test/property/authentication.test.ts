/**
 * Ring 0 of Basic authentication: who passes, what it costs whom, and what a flood can take.
 *
 * Time is never measured: the same work is shown by counting hashes. The real ones are in the integration ring.
 */
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answersKept } from '../../src/io/authentication/answer-cache.ts';
import type { AuthenticationOutcome } from '../../src/io/authentication/authenticator.ts';
import { BasicAuthenticator } from '../../src/io/authentication/basic.ts';
import { basicBytesMax, readBasic } from '../../src/io/authentication/authorization.ts';
import { hashesAtOnce, hashesWaitingMax } from '../../src/io/authentication/hash-gate.ts';
import { runs, seed } from '../support/fuzz.ts';
import {
  anyForm,
  anyName,
  anyPassword,
  ask,
  basicField,
  basicOf,
  CountedHashing,
  never,
  stored,
  turns,
  type Form,
} from './authentication-samples.ts';

const anyByte = fc.nat(255).map((code) => String.fromCharCode(code));
const challenge = 'Basic realm="a realm", charset="UTF-8"';

describe('who passes', () => {
  const anyList = fc.uniqueArray(fc.record({ username: anyName, password: anyPassword, form: anyForm }), {
    selector: ({ username }) => username,
    minLength: 1,
    maxLength: 6,
  });

  test('X05: exactly the names of the list pass, each with its own password, in whatever form that is stored', async () => {
    await fc.assert(
      fc.asyncProperty(anyList, fc.array(fc.tuple(fc.nat(5), fc.nat(5), anyName, fc.boolean())), async (list, plan) => {
        const credentials = list.map(({ username, password, form }) => ({
          username,
          password: stored(password, form),
        }));
        const { authenticator } = basicOf(credentials);
        for (const [nameIndex, passwordIndex, stranger, isStranger] of plan) {
          const username = isStranger ? stranger : (list[nameIndex % list.length]?.username ?? '');
          const password = list[passwordIndex % list.length]?.password ?? '';
          const isRight = list.some((one) => one.username === username && one.password === password);
          const outcome = await authenticator.check(basicField(username, password), never);
          expect(outcome.kind).toBe(isRight ? 'granted' : 'denied');
        }
      }),
      { seed: seed(), numRuns: runs(100) },
    );
  });

  test('X05: who gives no credentials is asked for them, and so is who gives another scheme’s', () => {
    const { authenticator, hashing } = basicOf([{ username: 'a', password: stored('b', 'scrypt') }]);
    for (const field of [null, '', 'Bearer abc', 'Basics YTpi', 'Digest username="a"']) {
      expect(authenticator.check(field, never)).toEqual({
        kind: 'denied',
        status: 401,
        challenge,
        detail: 'no credentials were given',
      });
    }
    expect(hashing.calls).toEqual([]);
  });

  test('a list without credentials lets nobody pass', () => {
    expect(basicOf([]).authenticator.check(basicField('a', ''), never)).toMatchObject({ kind: 'denied', status: 401 });
  });

  test('the scheme’s name may be written in any case, and any number of blanks may follow it', () => {
    for (const scheme of ['Basic', 'basic', 'BASIC', 'bAsIc'])
      expect(readBasic(`${scheme}   YTpi`)).toEqual({ kind: 'read', value: { username: 'a', password: 'b' } });
  });

  test('the first colon ends the name, and every byte before and behind it counts', () => {
    const read = (text: string) => readBasic(`Basic ${Buffer.from(text).toString('base64')}`);
    const pair = (username: string, password: string) => ({ kind: 'read', value: { username, password } });
    expect(read('a:b:c:')).toEqual(pair('a', 'b:c:'));
    expect(read(':')).toEqual(pair('', ''));
    expect(read('\ufeffa: b ')).toEqual(pair('\ufeffa', ' b '));
  });

  test('a realm is quoted as the grammar wants it, and cannot add a line', () => {
    const plan = {
      type: 'basic',
      realm: 'a "b" \\c\r\nX: ü',
      credentials: [],
      htpasswd: null,
      forwardCredentials: false,
    } as const;
    const { gate, hashing } = basicOf([]);
    expect(new BasicAuthenticator(plan, { gate, hashing }).check(null, never)).toMatchObject({
      challenge: 'Basic realm="a \\"b\\" \\\\c??X: ?", charset="UTF-8"',
    });
  });
});

describe('what is no credential', () => {
  /** A field, and what is said of it. */
  const unclean: readonly (readonly [field: string, says: string])[] = [
    ['Basic', 'empty'],
    ['Basic ', 'empty'],
    ['Basic =', 'base64'],
    ['Basic !!!!', 'base64'],
    ['Basic YTpi YTpi', 'base64'],
    ['Basic YTpi,', 'base64'],
    ['Basic\tYTpi', 'none'],
    // Missing padding, padding too much, the alphabet of URLs, bits that stand for nothing.
    ['Basic YTpiYw', 'base64'],
    ['Basic YTpi====', 'base64'],
    ['Basic YTo_', 'base64'],
    ['Basic YTpiYx==', 'base64'],
    [`Basic ${Buffer.from('no-colon').toString('base64')}`, 'colon'],
    [`Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`, 'UTF-8'],
    [`Basic ${Buffer.from([0x61, 0x3a, 0xc0, 0x80]).toString('base64')}`, 'UTF-8'],
    [`Basic ${Buffer.from([0x61, 0x3a, 0xed, 0xa0, 0x80]).toString('base64')}`, 'UTF-8'],
    [`Basic ${Buffer.from('a:b\0').toString('base64')}`, 'control'],
    [`Basic ${Buffer.from('a:b\n').toString('base64')}`, 'control'],
    [`Basic ${Buffer.from('a\u007f:b').toString('base64')}`, 'control'],
    [`Basic ${Buffer.from('a:\u0085').toString('base64')}`, 'control'],
    [`Basic ${'QUJD'.repeat(262_144)}`, 'longer'],
    [`Basic ${Buffer.from(`a:${'b'.repeat(basicBytesMax)}`).toString('base64')}`, 'longer'],
  ];

  test('a field that is not clean Basic is 401 without a hash, and what is said of it quotes nothing of it', () => {
    const { authenticator, hashing } = basicOf([{ username: 'a', password: stored('b', 'scrypt') }]);
    for (const [field, says] of unclean) {
      const outcome = authenticator.check(field, never);
      expect(outcome).toMatchObject({ kind: 'denied', status: 401, challenge });
      const detail = outcome instanceof Promise || outcome.kind === 'granted' ? '' : outcome.detail;
      expect(detail).toContain(says === 'none' ? 'no credentials were given' : says);
    }
    expect(hashing.calls).toEqual([]);
    expect(authenticator.sizes).toEqual({ right: 0, wrong: 0, pending: 0 });
  });

  test('any bytes at all are read or refused, and what is read is what was sent', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const reading = readBasic(`Basic ${Buffer.from(bytes).toString('base64')}`);
        if (reading.kind !== 'read') return;
        const { username, password } = reading.value;
        expect(username).not.toContain(':');
        expect(Buffer.from(`${username}:${password}`)).toEqual(Buffer.from(bytes));
      }),
      { seed: seed(), numRuns: runs(300) },
    );
  });

  test('any text at all is read or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyByte, maxLength: 60 }), (text) => {
        expect(['read', 'missing', 'malformed']).toContain(readBasic(text).kind);
        expect(readBasic(`Basic ${text}`).kind).not.toBe('missing');
      }),
      { seed: seed(), numRuns: runs(300) },
    );
  });
});

describe('what it costs', () => {
  const hashForm: fc.Arbitrary<Form> = fc.constantFrom('scrypt', 'costly scrypt', 'bcrypt');

  test('a right password, a wrong one and an unknown name cost one hash each, of the same kind', async () => {
    await fc.assert(
      fc.asyncProperty(hashForm, anyName, anyName, anyPassword, async (form, username, stranger, password) => {
        fc.pre(username !== stranger);
        const costOf = async (field: string): Promise<readonly string[]> => {
          const { authenticator, hashing } = basicOf([{ username, password: stored(password, form) }]);
          await authenticator.check(field, never);
          return hashing.calls;
        };
        const right = await costOf(basicField(username, password));
        expect(right).toHaveLength(1);
        expect(await costOf(basicField(username, `${password}x`))).toEqual(right);
        expect(await costOf(basicField(stranger, password))).toEqual(right);
      }),
      { seed: seed(), numRuns: runs(60) },
    );
  });

  test('among hashes of several costs an unknown name costs what one of the list does, always the same', async () => {
    const credentials = (['scrypt', 'costly scrypt', 'bcrypt'] as const).map((form) => ({
      username: form,
      password: stored('right', form),
    }));
    const { authenticator, hashing } = basicOf(credentials);
    const costs = new Set<string>();
    for (let stranger = 0; stranger < 60; stranger += 1) {
      hashing.calls.length = 0;
      for (const password of ['one', 'two', 'three'])
        await authenticator.check(basicField(`s${stranger}`, password), never);
      expect(hashing.calls).toHaveLength(3);
      expect(new Set(hashing.calls).size).toBe(1);
      costs.add(hashing.calls[0] ?? '');
    }
    expect([...costs].toSorted()).toEqual(['$2y$04$', 'scrypt 16', 'scrypt 32']);
  });

  test('an unknown name never passes with the password of the one whose work it does', async () => {
    const { authenticator } = basicOf([{ username: 'known', password: stored('right', 'scrypt') }]);
    const plain = basicOf([{ username: 'known', password: 'right' }]).authenticator;
    expect(await authenticator.check(basicField('unknown', 'right'), never)).toMatchObject({ kind: 'denied' });
    expect(plain.check(basicField('unknown', 'right'), never)).toMatchObject({ kind: 'denied' });
  });

  test('what is known is told at once, without another hash, right or wrong', async () => {
    const { authenticator, hashing } = basicOf([{ username: 'a', password: stored('b', 'scrypt') }]);
    const fields = [basicField('a', 'b'), basicField('a', 'c'), basicField('x', 'b')];
    const first: AuthenticationOutcome[] = [];
    for (const field of fields) first.push(await authenticator.check(field, never));
    expect(hashing.calls).toHaveLength(3);
    expect(fields.map((field) => authenticator.check(field, never))).toEqual(first);
    expect(hashing.calls).toHaveLength(3);
    expect(authenticator.sizes).toEqual({ right: 1, wrong: 2, pending: 0 });
  });

  test('a flood of wrong passwords is remembered within bounds and forgets nobody who was right', async () => {
    const { authenticator, hashing } = basicOf([{ username: 'a', password: stored('b', 'scrypt') }]);
    await authenticator.check(basicField('a', 'b'), never);
    for (let guess = 0; guess < answersKept + 500; guess += 1)
      await authenticator.check(basicField('a', `${guess}`), never);
    expect(authenticator.sizes).toEqual({ right: 1, wrong: answersKept, pending: 0 });
    const before = hashing.calls.length;
    expect(authenticator.check(basicField('a', 'b'), never)).toEqual({ kind: 'granted' });
    expect(hashing.calls).toHaveLength(before);
  });

  test('askers for the same credential at the same time share one hash', async () => {
    const { authenticator, hashing } = basicOf([{ username: 'a', password: stored('b', 'scrypt') }]);
    const asked = Array.from({ length: 50 }, () => ask(authenticator, basicField('a', 'b')));
    expect(new Set((await Promise.all(asked)).map(({ kind }) => kind))).toEqual(new Set(['granted']));
    expect(hashing.calls).toHaveLength(1);
  });
});

describe('what a flood can take', () => {
  const scrypt = [{ username: 'a', password: stored('b', 'scrypt') }];

  test('A08, C06: few hashes are computed at once, a bounded number waits, and whoever comes then is told 503 at once', async () => {
    const hashing = new CountedHashing();
    hashing.hold();
    const { authenticator, gate } = basicOf(scrypt, hashing);
    const room = hashesAtOnce + hashesWaitingMax;
    const asked = Array.from({ length: room + 50 }, (_, guess) => ask(authenticator, basicField('a', `${guess}`)));
    const late = await Promise.all(asked.slice(room));
    for (const outcome of late) expect(outcome).toMatchObject({ kind: 'unavailable', status: 503 });
    expect(hashing.calls).toHaveLength(hashesAtOnce);
    expect(gate.waiting).toBe(hashesWaitingMax);
    expect(authenticator.sizes.pending).toBe(room);
    hashing.letGo();
    const early = await Promise.all(asked.slice(0, room));
    expect(new Set(early.map(({ kind }) => kind))).toEqual(new Set(['denied']));
    expect(hashing.runningMax).toBe(hashesAtOnce);
    expect([gate.running, gate.waiting, authenticator.sizes.pending]).toEqual([0, 0, 0]);
    expect(await authenticator.check(basicField('a', 'b'), never)).toEqual({ kind: 'granted' });
  });

  test('who leaves is answered at once, gives its place back and is never hashed for; who stays gets the answer', async () => {
    const hashing = new CountedHashing();
    hashing.hold();
    const { authenticator, gate } = basicOf(scrypt, hashing);
    const busy = Array.from({ length: hashesAtOnce }, (_, guess) => ask(authenticator, basicField('a', `${guess}`)));
    const leaving = new AbortController();
    const left = [1, 2, 3].map(() => ask(authenticator, basicField('a', 'left'), leaving.signal));
    const alsoWaited = ask(authenticator, basicField('a', 'b'), leaving.signal);
    const stays = authenticator.check(basicField('a', 'b'), never);
    expect(gate.waiting).toBe(2);
    leaving.abort();
    for (const outcome of await Promise.all([...left, alsoWaited]))
      expect(outcome).toMatchObject({ kind: 'unavailable', status: 503 });
    expect(gate.waiting).toBe(1);
    expect(getEventListeners(leaving.signal, 'abort')).toEqual([]);
    hashing.letGo();
    await Promise.all(busy);
    expect(await stays).toEqual({ kind: 'granted' });
    expect(hashing.calls).toHaveLength(hashesAtOnce + 1);
    expect(getEventListeners(never, 'abort')).toEqual([]);
  });

  test('who asks again after all have left gets an answer, however soon, and whether or not the hash had begun', async () => {
    for (const isBusy of [false, true]) {
      for (let turnsLater = 0; turnsLater < 12; turnsLater += 1) {
        const hashing = new CountedHashing();
        hashing.hold();
        const { authenticator } = basicOf(scrypt, hashing);
        const others = isBusy ? Array.from({ length: hashesAtOnce }, (_, guess) => `${guess}`) : [];
        const busy = others.map((guess) => ask(authenticator, basicField('a', guess)));
        const leaving = new AbortController();
        const left = ask(authenticator, basicField('a', 'b'), leaving.signal);
        leaving.abort();
        await turns(turnsLater);
        const again = ask(authenticator, basicField('a', 'b'));
        expect(await left).toMatchObject({ kind: 'unavailable' });
        hashing.letGo();
        expect(await again).toEqual({ kind: 'granted' });
        await Promise.all(busy);
        expect(hashing.calls).toHaveLength(others.length + 1);
      }
    }
  });

  test('a signal that is aborted before the question costs nothing that stays', async () => {
    const hashing = new CountedHashing();
    hashing.hold();
    const { authenticator, gate } = basicOf(scrypt, hashing);
    for (let guess = 0; guess < 20; guess += 1)
      await authenticator.check(basicField('a', `${guess}`), AbortSignal.abort());
    expect(gate.waiting).toBe(0);
    hashing.letGo();
  });

  test('a hash that fails is 503, remembered by nobody and tried again', async () => {
    const { authenticator, hashing } = basicOf(scrypt);
    hashing.failure = new Error('no memory');
    expect(await authenticator.check(basicField('a', 'b'), never)).toMatchObject({ kind: 'unavailable', status: 503 });
    expect(authenticator.sizes).toEqual({ right: 0, wrong: 0, pending: 0 });
    hashing.failure = null;
    expect(await authenticator.check(basicField('a', 'b'), never)).toEqual({ kind: 'granted' });
  });

  test('close tells who waits, and starts nothing that only waited', async () => {
    const hashing = new CountedHashing();
    hashing.hold();
    const { authenticator, gate } = basicOf(scrypt, hashing);
    const asked = Array.from({ length: 10 }, (_, guess) => ask(authenticator, basicField('a', `${guess}`)));
    authenticator.close();
    authenticator.close();
    expect(gate.waiting).toBe(0);
    hashing.letGo();
    const outcomes = (await Promise.all(asked)).map(({ kind }) => kind);
    expect(outcomes.slice(0, hashesAtOnce)).toEqual(outcomes.slice(0, hashesAtOnce).map(() => 'denied'));
    expect(new Set(outcomes.slice(hashesAtOnce))).toEqual(new Set(['unavailable']));
    expect(hashing.calls).toHaveLength(hashesAtOnce);
    expect(authenticator.check(basicField('a', 'new'), never)).toMatchObject({ kind: 'unavailable', status: 503 });
  });
});
