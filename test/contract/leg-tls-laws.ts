/**
 * Law 11 of `src/io/leg.ts`, executable: TLS begins in place, on every leg that can carry it, in either role.
 *
 * Read first: `leg-laws.ts`. What a leg does inside TLS is told there: the same laws, over a pair that is secured.
 */
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Leg } from '../../src/io/leg.ts';
import { closeReasonOf } from '../../src/io/os-codes.ts';
import { bytesOf, repeated, writeAll, Watch } from '../support/leg-watch.ts';
import { sharedIdentities, type HandshakeOptions, type Role } from '../support/secured-pairs.ts';
import type { LegPair } from '../support/sockets.ts';
import { describeSkippingFirst } from './leg-skip-laws.ts';

const roles: readonly Role[] = ['server', 'client'];
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

/** A fresh pair with the handshakes of both sides, and the moment at which each begins in the hands of the test. */
interface Stage extends AsyncDisposable {
  readonly pair: LegPair;
  readonly near: Watch;
  readonly far: Watch;
  readonly begin: (side: 'near' | 'far') => void;
  /** Begins on both sides in turn, and waits until both are done. */
  readonly secure: () => Promise<void>;
}

/** @param make a fresh pair, joined, silent, with nobody subscribed. */
export function describeTlsLaws(name: string, make: () => Promise<LegPair>): void {
  describe.each(roles)(`TLS begins in place: ${name}, as a %s`, (role) => {
    describeHandshakes(make, role);
    describeBytesAround(make, role);
    describeBroken(make, role);
    describeLettingGo(make, role);
    describeSkippingFirst(make, role);
  });
}

async function stageOf(make: () => Promise<LegPair>, role: Role, options: HandshakeOptions = {}): Promise<Stage> {
  const { handshakes } = await sharedIdentities();
  const how = handshakes(options);
  const pair = await make();
  const stage: Stage = {
    pair,
    near: new Watch(pair.near),
    far: new Watch(pair.far),
    begin: (side) => pair[side].secure((side === 'near') === (role === 'client') ? how.client : how.server),
    secure: async () => {
      const [client, server] = role === 'client' ? (['near', 'far'] as const) : (['far', 'near'] as const);
      stage.begin(client);
      await pair.until(() => pair[server].heldBytes > 0);
      stage.begin(server);
      await pair.until(() => stage.near.count('secured') === 1 && stage.far.count('secured') === 1);
    },
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
  return stage;
}

function describeHandshakes(make: () => Promise<LegPair>, role: Role): void {
  test.each(versions)(
    'law 11: secured comes once, with what both agreed on, and nothing before it (%s)',
    async (version) => {
      await using stage = await stageOf(make, role, {
        version,
        clientAlpn: ['h2', 'http/1.1'],
        serverAlpn: ['http/1.1'],
      });
      await stage.secure();
      await stage.pair.settle();
      expect(stage.near.log.filter((entry) => entry !== 'held')).toEqual(['secured']);
      expect(stage.near.facts.at(-1)).toMatchObject({
        by: { alpn: 'http/1.1', serverName: 'a.test', isResumed: false },
      });
      expect([stage.pair.near.heldBytes, stage.pair.near.receivedBytes, stage.pair.near.sentBytes]).toEqual([0, 0, 0]);
    },
  );

  test('law 11: no protocol is agreed on where a side names none', async () => {
    await using stage = await stageOf(make, role, { clientAlpn: ['h2'] });
    await stage.secure();
    expect(stage.near.facts.at(-1)).toMatchObject({ by: { alpn: null } });
  });

  test('law 11: TLS begins once, before anybody takes, and not after the end; anything else is a bug of the caller', async () => {
    const invariant: unknown = expect.objectContaining({ code: 'SALLYPORT_INVARIANT' });
    await using stage = await stageOf(make, role);
    stage.begin('near');
    expect(() => stage.begin('near')).toThrow(invariant);
    await using taken = await stageOf(make, role);
    taken.near.take();
    expect(() => taken.begin('near')).toThrow(invariant);
    await using ended = await stageOf(make, role);
    ended.pair.near.end();
    expect(() => ended.begin('near')).toThrow(invariant);
  });

  test('law 1: who waits for secured leaves the facts to another, and none is lost or told twice', async () => {
    await using stage = await stageOf(make, role);
    await stage.secure();
    stage.near.unwatch();
    stage.pair.far.write(bytesOf('between'), 'owned');
    await stage.pair.until(() => stage.pair.near.heldBytes === 7);
    const next = new Watch(stage.pair.near);
    expect(new Set(next.log)).toEqual(new Set(['held']));
    next.take();
    stage.pair.far.end();
    await stage.pair.until(() => next.isComplete);
    expect([next.text, next.log.at(-1)]).toEqual(['between', 'ended 0']);
  });
}

function describeBytesAround(make: () => Promise<LegPair>, role: Role): void {
  test.each(versions)(
    'law 11: what is written behind the handshake arrives, in order, also what was written in it (%s)',
    async (version) => {
      await using stage = await stageOf(make, role, { version });
      const { pair, near, far } = stage;
      far.onFact = (fact) => fact.type === 'secured' && pair.far.write(bytesOf('second'), 'owned');
      const [client, server] = role === 'client' ? (['near', 'far'] as const) : (['far', 'near'] as const);
      stage.begin(client);
      pair[client].write(bytesOf('first '), 'owned');
      await pair.until(() => pair[server].heldBytes > 0);
      stage.begin(server);
      pair[server].write(bytesOf('first '), 'owned');
      await pair.until(() => far.count('secured') === 1 && near.count('secured') === 1);
      await pair.until(() => pair.near.heldBytes === 12);
      expect(near.log.slice(near.log.indexOf('secured')).filter((entry) => entry !== 'held')).toEqual(['secured']);
      near.take();
      expect([near.text, pair.near.receivedBytes]).toEqual(['first second', 12]);
      await pair.until(() => pair.near.sentBytes === 6);
      far.take();
      await pair.until(() => far.text === 'first ');
    },
  );

  test('law 11: the handshake may come in any pieces, and TLS may begin after any of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
        fc.nat({ max: 700 }),
        async (sizes, beginsAfter) => {
          await using stage = await stageOf(make, role);
          await using relay = await make();
          await handshakeThrough(stage, relay, role, sizes, beginsAfter);
        },
      ),
      { numRuns: 12 },
    );
  });

  test('law 11: what was written before is outside TLS, and goes first', async () => {
    await using stage = await stageOf(make, role);
    const { pair } = stage;
    pair.near.write(bytesOf('PROXY UNKNOWN\r\n'), 'owned');
    stage.begin('near');
    await pair.until(() => pair.far.heldBytes >= (role === 'client' ? 17 : 15));
    const held = Buffer.concat(pair.far.held).toString('latin1');
    expect(held.slice(0, 17)).toBe(role === 'client' ? 'PROXY UNKNOWN\r\n\x16\x03' : 'PROXY UNKNOWN\r\n');
    expect(pair.near.sentBytes).toBe(0);
  });

  test('law 11: the handshake may come byte by byte', async () => {
    await using stage = await stageOf(make, role, { version: 'TLSv1.2' });
    await using relay = await make();
    await handshakeThrough(stage, relay, role, [1], 40);
  });

  test('law 11: a leg that is paused shakes hands all the same, and delivers when it is resumed', async () => {
    await using stage = await stageOf(make, role);
    const [client, server] = role === 'client' ? (['near', 'far'] as const) : (['far', 'near'] as const);
    if (role === 'client') stage.pair.near.pause();
    stage.begin(client);
    await stage.pair.until(() => stage.pair[server].heldBytes > 0);
    stage.pair.near.pause();
    stage.begin(server);
    await stage.pair.until(() => stage.near.count('secured') === 1);
    stage.near.take();
    stage.pair.far.write(bytesOf('late'), 'owned');
    await stage.pair.settle();
    expect(stage.near.text).toBe('');
    stage.pair.near.resume();
    await stage.pair.until(() => stage.near.text === 'late');
  });

  test('laws 7, 11: an end that is asked for during the handshake comes after it', async () => {
    await using stage = await stageOf(make, role);
    const [client, server] = role === 'client' ? (['near', 'far'] as const) : (['far', 'near'] as const);
    stage.begin(client);
    await stage.pair.until(() => stage.pair[server].heldBytes > 0);
    if (role === 'client') stage.pair.near.end();
    stage.begin(server);
    if (role === 'server') stage.pair.near.end();
    await stage.pair.until(() => stage.near.count('flushed') === 1 && stage.far.count('ended') === 1);
    expect(stage.near.log.filter((entry) => entry !== 'held')).toEqual(['secured', 'flushed']);
    expect(stage.far.log.filter((entry) => entry !== 'held')).toEqual(['secured', 'ended 0']);
  });

  test('laws 4, 11: FIN inside TLS never ends the writing side, in either direction', async () => {
    for (const first of ['near', 'far'] as const) {
      await using stage = await stageOf(make, role);
      await stage.secure();
      const { pair, near, far } = stage;
      const second = first === 'near' ? 'far' : 'near';
      near.take();
      far.take();
      await writeAll(pair[first], repeated(10_000));
      pair[first].end();
      await pair.until(() => stage[second].isComplete);
      await writeAll(pair[second], repeated(300_000));
      pair[second].end();
      await pair.until(() => near.isOver && far.isOver);
      expect([stage[first].bytes.equals(repeated(300_000)), stage[second].bytes.length]).toEqual([true, 10_000]);
      expect([near.count('failed'), far.count('failed')]).toEqual([0, 0]);
    }
  });
}

/** Both sides shake hands through a relay that cuts what comes from the far one; then a message goes each way. */
async function handshakeThrough(
  stage: Stage,
  relay: LegPair,
  role: Role,
  sizes: readonly number[],
  after: number,
): Promise<void> {
  const { pair, near, far } = stage;
  const { handshakes } = await sharedIdentities();
  const how = handshakes();
  const relayed = new Watch(relay.far);
  const cutter = new Cutter(relay.near, pair.far, sizes);
  pair.far.bytes$.subscribe((chunk) => void relay.near.write(chunk, 'shared'));
  let hasBegun = false;
  const begin = (): void => {
    hasBegun = true;
    stage.begin('near');
  };
  if (role === 'client') begin();
  relay.far.secure(role === 'client' ? how.server : how.client);
  while (relayed.count('secured') === 0 || near.count('secured') === 0) {
    await relay.settle();
    const isLast = !cutter.pass();
    await pair.settle();
    if (!hasBegun && (pair.near.heldBytes >= after || (isLast && pair.near.heldBytes > 0))) begin();
    expect([near.count('failed'), relayed.count('failed'), far.count('failed')]).toEqual([0, 0, 0]);
    await setImmediate();
  }
  relay.far.write(bytesOf('hello'), 'owned');
  pair.near.write(bytesOf('and back'), 'owned');
  near.take();
  relayed.take();
  while (near.text !== 'hello' || relayed.text !== 'and back') {
    await relay.settle();
    cutter.pass();
    await pair.settle();
  }
}

/** Passes bytes on in pieces of given sizes, one at each call. */
class Cutter {
  readonly #to: Leg;
  readonly #sizes: readonly number[];
  #kept = Buffer.alloc(0);
  #count = 0;

  constructor(from: Leg, to: Leg, sizes: readonly number[]) {
    this.#to = to;
    this.#sizes = sizes;
    from.bytes$.subscribe((chunk) => (this.#kept = Buffer.concat([this.#kept, chunk])));
  }

  /** False when there was nothing to pass. */
  pass(): boolean {
    const size = this.#sizes[this.#count % this.#sizes.length] ?? 1;
    const piece = this.#kept.subarray(0, size);
    if (piece.length === 0) return false;
    this.#count += 1;
    this.#kept = this.#kept.subarray(size);
    this.#to.write(piece, 'shared');
    return true;
  }
}

function describeBroken(make: () => Promise<LegPair>, role: Role): void {
  test('law 11: FIN before TLS begins, or during the handshake, is a failure of TLS, told once', async () => {
    for (const moment of ['before', 'during'] as const) {
      await using stage = await stageOf(make, role);
      const { pair, near } = stage;
      pair.far.write(bytesOf('\x16\x03'), 'owned');
      await pair.until(() => pair.near.heldBytes === 2);
      if (moment === 'during') stage.begin('near');
      pair.far.end();
      await pair.settle();
      if (moment === 'before') stage.begin('near');
      await pair.until(() => near.isOver);
      expect(near.log.slice(near.log.indexOf('failed SALLYPORT_TLS_ENDED'))).toEqual([
        'failed SALLYPORT_TLS_ENDED',
        'released',
      ]);
      expect(near.count('secured')).toBe(0);
    }
  });

  test.each(['before', 'during', 'after'] as const)('law 11: RST is a reset, %s the handshake', async (moment) => {
    await using stage = await stageOf(make, role);
    const { pair, near } = stage;
    if (moment === 'after') await stage.secure();
    if (moment === 'during') stage.begin('near');
    await pair.settle();
    pair.far.reset();
    await pair.until(() => near.isOver);
    stage.pair.near.release();
    expect(near.log.slice(-2)).toEqual(['failed ECONNRESET', 'released']);
    expect(near.count('secured')).toBe(moment === 'after' ? 1 : 0);
    if (moment === 'before') stage.begin('near');
  });

  test('law 11: what is not TLS is a failure of TLS, and reported as nothing else', async () => {
    await using stage = await stageOf(make, role);
    const { pair, near } = stage;
    stage.begin('near');
    pair.far.write(bytesOf('SSH-2.0-OpenSSH_9.9\r\n'), 'owned');
    await pair.until(() => near.isOver);
    expect(near.log.filter((entry) => entry !== 'held')).toEqual([
      expect.stringMatching(/^failed ERR_SSL_/),
      'released',
    ]);
    const code = near.facts.flatMap((fact) => (fact.type === 'failed' ? [fact.code] : [])).join();
    expect([closeReasonOf('downstream', code), pair.troubles]).toEqual(['downstream.tls', []]);
  });

  test('law 11: a handshake that cannot succeed fails on both sides, and the other end is told by its alert', async () => {
    await using stage = await stageOf(make, role, { clientAlpn: ['h2'], serverAlpn: ['acme-tls/1'] });
    const { pair, near, far } = stage;
    const [client, server] = role === 'client' ? (['near', 'far'] as const) : (['far', 'near'] as const);
    stage.begin(client);
    await pair.until(() => pair[server].heldBytes > 0);
    stage.begin(server);
    await pair.until(() => near.isOver && far.isOver);
    const [ofClient, ofServer] = role === 'client' ? [near, far] : [far, near];
    const failures = [ofClient, ofServer].map(({ log }) => log.filter((entry) => entry.startsWith('failed')));
    expect(failures).toEqual([
      ['failed ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'],
      ['failed ERR_SSL_NO_APPLICATION_PROTOCOL'],
    ]);
  });
}

function describeLettingGo(make: () => Promise<LegPair>, role: Role): void {
  test.each(['reset', 'release'] as const)(
    'laws 8, 11: %s during the handshake silences it, and the other end hears of it',
    async (way) => {
      await using stage = await stageOf(make, role);
      const { pair, near, far } = stage;
      const [client, server] = role === 'client' ? (['near', 'far'] as const) : (['far', 'near'] as const);
      stage.begin(client);
      await pair.until(() => pair[server].heldBytes > 0);
      stage.begin(server);
      pair.near[way]();
      pair.near[way]();
      await pair.until(() => near.isOver && far.isOver);
      expect(near.log.filter((entry) => entry !== 'held')).toEqual(['released']);
      expect(far.log.filter((entry) => entry !== 'held')).toEqual([expect.stringMatching(/^failed /), 'released']);
      stage.begin('near');
      expect(near.log.at(-1)).toBe('released');
    },
  );

  test.each(['reset', 'release', 'end'] as const)('law 8: %s in the very call that tells of secured', async (way) => {
    await using stage = await stageOf(make, role);
    const { pair, near, far } = stage;
    const [client, server] = role === 'client' ? (['near', 'far'] as const) : (['far', 'near'] as const);
    near.onFact = (fact) => fact.type === 'secured' && pair.near[way]();
    stage.begin(client);
    await pair.until(() => pair[server].heldBytes > 0);
    stage.begin(server);
    if (way === 'end') {
      await pair.until(() => near.count('flushed') === 1 && far.count('ended') === 1);
      return;
    }
    await pair.until(() => near.isOver && (far.isOver || far.count('ended') === 1));
    expect(near.log.filter((entry) => entry !== 'held')).toEqual(['secured', 'released']);
  });

  test('law 2: a transport that someone destroys during the handshake is gone or failed, and released', async () => {
    await using stage = await stageOf(make, role);
    stage.begin('near');
    stage.pair.destroyNear(false);
    await stage.pair.settle();
    if (!stage.near.isOver) {
      expect(stage.pair.near.isGone).toBe(true);
      stage.pair.near.release();
    }
    await stage.pair.until(() => stage.near.isOver);
    expect(stage.near.log.at(-1)).toBe('released');
  });
}
