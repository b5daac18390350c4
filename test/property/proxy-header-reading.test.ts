/**
 * A PROXY header before a whole connection, in memory: whether it is believed, whose bytes follow, and who the client is.
 *
 * The reader has its own tests (`proxy-protocol.test.ts`); here the listener's word, the chart and the legs are asked.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readProxyHeader } from '../../src/protocols/proxy-protocol/reader.ts';
import { writeProxyBinary, writeProxyText } from '../../src/protocols/proxy-protocol/writer.ts';
import type { Interpreter, ProxyHeaderPlan } from '../../src/routing/plan.ts';
import { runs, seed } from '../support/fuzz.ts';
import {
  barredHost,
  IntroducedWorld,
  nothingLeft,
  serverFirstMs,
  sniffMs,
  strangerHost,
  trusted,
  trustedHost,
  type PortName,
} from '../support/introduced-world.ts';
import { concat } from '../support/tls-hello.ts';
import { ascii, binary, inet, proxyCorpus, secondOpinion, tlv } from './proxy-protocol-corpus.ts';

const interpreters: readonly Interpreter[] = ['compiled', 'xstate'];
const required: ProxyHeaderPlan = { from: trusted, required: true };
const optional: ProxyHeaderPlan = { from: trusted, required: false };
const plans = { required, optional, forbidden: null } as const;

const ping = '*1\r\n$4\r\nPING\r\n';
const v1 = ascii('PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n');
const v2 = binary(0x21, 0x11, [inet, tlv(5, 'id-1'), tlv(2, 'a.example')]);
const client = { host: '192.0.2.7', port: 51_000 };

/** What became of one client, as far as anybody outside can tell. */
function outcomeOf(world: IntroducedWorld, at = 0): readonly [end: string, client: string, heard: string | null] {
  const connection = world.connections[at];
  const upstream = world.upstreamOf(connection);
  const heard = upstream === null ? null : Buffer.from(upstream.received.view()).toString('latin1');
  const { host = '', port = 0 } = connection?.client ?? {};
  const isPeer = host === connection?.peer.host && port === connection.peer.port;
  return [world.recordOf(connection)?.reason ?? 'live', isPeer ? 'itself' : `${host} ${port}`, heard];
}

describe.each(interpreters)('under the %s interpreter', (interpreter) => {
  const broken = 'PROXY TCP4 192.0.2.256 198.51.100.1 51000 443\r\n';
  const known = '192.0.2.7 51000';
  test.each([
    ['required', 'trusted', 'v1', ['live', known, ping]],
    ['required', 'trusted', 'v2', ['live', known, ping]],
    ['required', 'trusted', 'LOCAL', ['live', 'itself', ping]],
    ['required', 'trusted', 'UNKNOWN', ['live', 'itself', ping]],
    ['required', 'trusted', 'none', ['refused.protocol', 'itself', null]],
    ['required', 'trusted', 'broken', ['downstream.malformed', 'itself', null]],
    ['required', 'stranger', 'v1', ['refused.address', 'itself', null]],
    ['required', 'stranger', 'v2', ['refused.address', 'itself', null]],
    ['required', 'stranger', 'none', ['refused.address', 'itself', null]],
    ['required', 'stranger', 'broken', ['refused.address', 'itself', null]],
    ['optional', 'trusted', 'v1', ['live', known, ping]],
    ['optional', 'trusted', 'v2', ['live', known, ping]],
    ['optional', 'trusted', 'none', ['live', 'itself', ping]],
    ['optional', 'trusted', 'broken', ['downstream.malformed', 'itself', null]],
    ['optional', 'stranger', 'v1', ['live', 'itself', `${Buffer.from(v1).toString()}${ping}`]],
    ['optional', 'stranger', 'v2', ['live', 'itself', `${Buffer.from(v2).toString('latin1')}${ping}`]],
    ['optional', 'stranger', 'none', ['live', 'itself', ping]],
    ['optional', 'stranger', 'broken', ['live', 'itself', `${broken}${ping}`]],
    ['forbidden', 'trusted', 'v1', ['live', 'itself', `${Buffer.from(v1).toString()}${ping}`]],
    ['forbidden', 'trusted', 'v2', ['live', 'itself', `${Buffer.from(v2).toString('latin1')}${ping}`]],
    ['forbidden', 'trusted', 'none', ['live', 'itself', ping]],
    ['forbidden', 'stranger', 'broken', ['live', 'itself', `${broken}${ping}`]],
  ] as const)('X07, P08: a header that is %s here, from somebody %s who sends %s', (plan, who, what, expected) => {
    const world = new IntroducedWorld(plans[plan], interpreter);
    const peer = world.connect('plain', who === 'trusted' ? trustedHost : strangerHost);
    const headers = { v1, v2, LOCAL: binary(0x20, 0, []), UNKNOWN: ascii('PROXY UNKNOWN\r\n'), none: '', broken };
    peer.say(headers[what]).say(ping);
    world.settle();
    expect(outcomeOf(world)).toEqual(expected);
    const cause = world.records[0]?.cause ?? null;
    expect(cause === null).toBe(expected[0] === 'live');
    expect(world.end()).toEqual(nothingLeft);
  });

  test('X07: who may not send a required header is refused before it says anything, and its word changes nothing', () => {
    const world = new IntroducedWorld(required, interpreter);
    world.connect('plain', strangerHost);
    expect(outcomeOf(world)).toEqual(['refused.address', 'itself', null]);
    expect(world.records[0]).toMatchObject({ peer: null, proxyHeader: null, uniqueId: null, state: 'SNIFFING' });
    expect(world.end()).toEqual(nothingLeft);
  });

  test('P02: a client that only waits after its header is dialled for, and hears the server that speaks first', () => {
    for (const [port, waitMs] of [
      ['plain', 0],
      ['serverFirst', serverFirstMs],
    ] as const) {
      const world = new IntroducedWorld(required, interpreter);
      const peer = world.connect(port).say(v2);
      world.settle();
      world.clock.advance(waitMs);
      world.settle();
      world.upstreamOf(world.connections[0])?.leg.write(ascii('220 hello'), 'owned');
      world.settle();
      expect([outcomeOf(world), Buffer.from(peer.received.view()).toString()]).toEqual([
        ['live', known, ''],
        '220 hello',
      ]);
      expect(world.connections[0]?.snapshot()).toMatchObject({
        client,
        peer: { host: trustedHost },
        proxyHeader: 'v2',
        uniqueId: Buffer.from('id-1').toString('hex'),
        bufferedBytes: 0,
      });
      expect(world.end()).toEqual(nothingLeft);
    }
  });

  test('X07: the sniff deadline covers the header and what follows it, together', () => {
    for (const said of [new Uint8Array(0), v1.subarray(0, 20), v2.subarray(0, 30)]) {
      const world = new IntroducedWorld(required, interpreter);
      world.connect('sniffed').say(said);
      world.clock.advance(sniffMs - 1);
      expect(outcomeOf(world)[0]).toBe('live');
      world.clock.advance(1);
      expect(outcomeOf(world)).toEqual(['timeout.sniff', 'itself', null]);
      expect(world.end()).toEqual(nothingLeft);
    }
    const world = new IntroducedWorld(required, interpreter);
    const peer = world.connect('sniffed');
    world.clock.advance(sniffMs - 10);
    peer.say(v1);
    world.clock.advance(9);
    expect(outcomeOf(world)).toEqual(['live', known, null]);
    world.clock.advance(1);
    expect(outcomeOf(world)).toEqual(['timeout.sniff', known, null]);
    expect(world.end()).toEqual(nothingLeft);
  });

  test.each([
    ['v1', v1],
    ['v2', v2],
  ] as const)(
    'P02: FIN or RST at every byte of a %s header ends the connection, and its record says whose it was',
    (_, header) => {
      for (const how of ['end', 'reset'] as const) {
        const world = new IntroducedWorld(required, interpreter);
        for (let at = 0; at <= header.length; at += 1) {
          const peer = world.connect('sniffed').say(header.subarray(0, at));
          if (how === 'reset') world.settle();
          peer[how]();
        }
        world.settle();
        const ends = world.connections.map((_one, at) => outcomeOf(world, at));
        const half = how === 'reset' ? 'downstream.reset' : 'downstream.malformed';
        // Before the signature is whole, the bytes may be anybody's.
        const unclear = how === 'reset' ? 'downstream.reset' : 'refused.protocol';
        const clearAt = header === v1 ? 5 : 12;
        expect(ends).toEqual(
          ends.map((_end, at) => {
            if (at === header.length) return [how === 'end' ? 'downstream.left' : 'downstream.reset', known, null];
            if (at === 0) return [how === 'end' ? 'downstream.left' : 'downstream.reset', 'itself', null];
            return [at < clearAt ? unclear : half, 'itself', null];
          }),
        );
        expect(world.end()).toEqual(nothingLeft);
      }
    },
  );

  test('P02: what came before the connection was admitted, FIN included, is read all the same, and claims one place', () => {
    for (const [said, port, expected] of [
      [concat([v2, ascii(ping)]), 'capped', ['live', known, ping]],
      [concat([v1, ascii(ping)]), 'plain', ['live', known, ping]],
      [concat([v1, ascii('*')]), 'sniffed', ['live', known, '*']],
      [v2, 'plain', ['downstream.left', known, null]],
      [v2.subarray(0, 20), 'plain', ['downstream.malformed', 'itself', null]],
    ] as const) {
      const world = new IntroducedWorld(required, interpreter);
      const { client: peer, connection } = world.queue(port);
      peer.say(said).end();
      world.settle();
      connection.admit();
      world.settle();
      expect(outcomeOf(world)).toEqual(expected);
      expect(world.records.filter(({ cause }) => cause !== null).map(({ reason }) => reason)).toEqual(
        expected[0] === 'downstream.malformed' ? ['downstream.malformed'] : [],
      );
      connection.hear({ type: 'kill.requested', reason: 'operator.killed' });
      // Both places of the route are free again: one was claimed, once.
      if (port === 'capped') {
        for (const at of [1, 2]) {
          world.connect(port).say(v2).say(ping);
          world.settle();
          expect(outcomeOf(world, at)).toEqual(['live', known, ping]);
        }
      }
      expect(world.end()).toEqual(nothingLeft);
    }
  });

  test('P07: lists and matches are asked of the address in the header, never of the peer', () => {
    const world = new IntroducedWorld(required, interpreter);
    const from = (host: string) => ascii(`PROXY TCP4 ${host} 198.51.100.1 51000 443\r\n`);
    for (const host of [barredHost, '192.0.2.8', '192.0.2.9']) world.connect('barred').say(from(host)).say(ping);
    world.settle();
    expect(world.connections.map(({ route }) => route?.name)).toEqual(['barred', 'byAddress', 'barred']);
    expect([0, 1, 2].map((at) => outcomeOf(world, at)[0])).toEqual(['refused.address', 'live', 'live']);
    expect(world.end()).toEqual(nothingLeft);
  });
});

test.each([
  ['v1', v1],
  ['v2', v2],
] as const)('P02: every split of a %s header with payload behind it is read alike, also in three', (_, header) => {
  const world = new IntroducedWorld(required);
  const whole = concat([header, ascii(ping)]);
  for (const port of ['plain', 'sniffed'] as const) {
    for (let at = 0; at <= whole.length; at += 1) {
      for (const second of [whole.length, Math.min(whole.length, at + 1), Math.min(whole.length, at + 7)]) {
        const peer = world.connect(port).say(whole.subarray(0, at));
        world.settle();
        peer.say(whole.subarray(at, second));
        world.settle();
        peer.say(whole.subarray(second));
        world.settle();
      }
    }
  }
  const outcomes = new Set(world.connections.map((_one, at) => outcomeOf(world, at).join('|')));
  expect([...outcomes]).toEqual([`live|192.0.2.7 51000|${ping}`]);
  expect(world.end()).toEqual(nothingLeft);
});

test('P02: the last byte of the longest header is enough, however slowly it came', () => {
  const longest = binary(0x21, 0x11, [inet, tlv(4, new Uint8Array(4_065))]);
  const world = new IntroducedWorld(required);
  const peer = world.connect();
  for (const byte of longest.subarray(0, -1)) {
    peer.say(Uint8Array.of(byte));
    world.settle();
  }
  expect(world.connections[0]?.chart.leaf).toBe('SNIFFING.PROXY_HEADER');
  peer.say(longest.subarray(-1));
  world.settle();
  expect(outcomeOf(world)).toEqual(['live', '192.0.2.7 51000', '']);
  expect(world.end()).toEqual(nothingLeft);
});

test('P02: more than a leg may hold, behind a header that came in two pieces, arrives whole', () => {
  const world = new IntroducedWorld(required);
  const payload = new Uint8Array(300_000).map((_, at) => at % 251);
  const peer = world.connect().say(v2.subarray(0, 9));
  world.settle();
  peer.say(concat([v2.subarray(9), payload]));
  world.settle();
  const upstream = world.upstreamOf(world.connections[0]);
  expect(Buffer.from(upstream?.received.view() ?? []).equals(payload)).toBe(true);
  expect(world.connections[0]?.snapshot()).toMatchObject({ bytesIn: v2.length + payload.length, bufferedBytes: 0 });
  expect(world.end()).toEqual(nothingLeft);
});

test('X07: every sample of the corpus is taken by a whole connection for what it is', () => {
  for (const plan of [required, optional]) {
    const world = new IntroducedWorld(plan);
    for (const { bytes } of proxyCorpus) world.connect().say(bytes).end();
    world.settle();
    for (const [at, { name, is }] of proxyCorpus.entries()) {
      const [end, who] = outcomeOf(world, at);
      const said = [end === 'downstream.malformed', who];
      const isKnown = !['malformed', 'none', '-', 'checksum'].includes(is);
      if (is === 'none')
        expect([name, end, who]).toEqual([name, plan.required ? 'refused.protocol' : 'live', 'itself']);
      else if (isKnown) expect([name, ...said]).toEqual([name, false, is]);
      else if (is !== 'checksum') expect([name, ...said]).toEqual([name, is === 'malformed', 'itself']);
    }
    expect(world.end()).toEqual(nothingLeft);
  }
});

interface Said {
  readonly bytes: Uint8Array;
  readonly ends: 'end' | 'reset' | 'stay';
  readonly host: string;
}

/** What is wrong with what became of those bytes; null where nothing is. */
function problemOf({ bytes, ends, host }: Said, [end, who, heard]: ReturnType<typeof outcomeOf>): string | null {
  const isTrusted = host === trustedHost;
  const read = readProxyHeader(bytes, false);
  const isUnread = read.verdict === 'needsMore' || end === 'downstream.malformed' || end === 'refused.address';
  const opinion = isTrusted ? secondOpinion(bytes) : null;
  if (who !== (opinion ?? 'itself') && !(who === 'itself' && isUnread)) return `the client is ${who}`;
  if (ends === 'reset') return end === 'live' ? 'a reset was not seen' : null;
  const rest = bytes.subarray(isTrusted && read.verdict === 'header' ? read.consumed : 0);
  return heard === null || heard === Buffer.from(rest).toString('latin1') ? null : 'the upstream heard something else';
}

describe('random bytes', () => {
  const headers = proxyCorpus.map(({ bytes }) => bytes);
  const payload = fc.uint8Array({ maxLength: 40 });
  const mangled = fc
    .tuple(fc.constantFrom(...headers), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), payload)
    .map(([header, changes, more]) => {
      const bytes = Uint8Array.from(header);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return concat([bytes, more]);
    });
  const begun = fc
    .tuple(fc.constantFrom(v1.subarray(0, 6), v1.subarray(0, 11), v2.subarray(0, 12), v2.subarray(0, 14)), payload)
    .map((parts) => concat(parts));
  const address = fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.nat(65_535) });
  const honest = fc
    .tuple(address, address, fc.uint8Array({ maxLength: 20 }), fc.boolean(), payload)
    .map(([source, destination, uniqueId, isText, more]) => {
      const header = isText
        ? writeProxyText({ source, destination })
        : writeProxyBinary({ source, destination }, { uniqueId, hasChecksum: uniqueId.length > 9 });
      return concat([header, more]);
    });
  const anything = fc.oneof(
    { weight: 5, arbitrary: mangled },
    { weight: 3, arbitrary: honest },
    { weight: 2, arbitrary: begun },
    { weight: 1, arbitrary: payload },
  );
  const told = fc.record({
    bytes: anything,
    cuts: fc.array(fc.nat(), { maxLength: 2 }),
    ends: fc.constantFrom('end', 'reset', 'stay'),
    host: fc.constantFrom(trustedHost, trustedHost, trustedHost, strangerHost),
    port: fc.constantFrom<PortName>('plain', 'sniffed', 'serverFirst', 'barred'),
  });

  test(
    'X07: 10,000 of them never crash or hang a connection, and never give it a wrong address',
    { timeout: 60_000 },
    () => {
      let believed = 0;
      const batch = fc.array(told, { minLength: 50, maxLength: 50 });
      const mostlyCompiled = fc.constantFrom<Interpreter>(...Array<Interpreter>(7).fill('compiled'), 'xstate');
      fc.assert(
        fc.property(batch, fc.boolean(), mostlyCompiled, (clients, isRequired, interpreter) => {
          const world = new IntroducedWorld(isRequired ? required : optional, interpreter);
          for (const { bytes, cuts, ends, host, port } of clients) {
            const peer = world.connect(port, host);
            const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
            for (const [index, from] of at.slice(0, -1).entries()) {
              peer.say(bytes.subarray(from, at[index + 1]));
              world.settle();
            }
            if (ends !== 'stay') peer[ends]();
            world.settle();
          }
          for (const [at, said] of clients.entries()) {
            const outcome = outcomeOf(world, at);
            if (outcome[1] !== 'itself') believed += 1;
            expect(problemOf(said, outcome)).toBeNull();
          }
          world.clock.advance(sniffMs);
          world.settle();
          const isSniffing = ({ chart }: { chart: { leaf: string } }) => chart.leaf.startsWith('SNIFFING');
          expect(world.connections.filter(isSniffing)).toHaveLength(0);
          expect(world.end()).toEqual(nothingLeft);
        }),
        { seed: seed(), numRuns: runs(200) },
      );
      expect(believed).toBeGreaterThan(runs(200) * 5);
    },
  );
});
