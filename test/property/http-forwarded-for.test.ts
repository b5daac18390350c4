/**
 * Whose request it is behind trusted proxies, against a model of clients and hops that append what they see.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { forwardedClient } from '../../src/protocols/http/forwarded-for.ts';
import { compileAddressList } from '../../src/routing/access.ts';
import { runs, seed } from '../support/fuzz.ts';

const trusted = compileAddressList(['10.0.0.0/8', 'fd00::/8']);
const peer = '10.9.9.9';

function clientOf(...fields: readonly string[]) {
  return forwardedClient(fields, peer, (ip) => trusted.matches(ip));
}

const listed = (said: string): string => clientOf('X-Forwarded-For', said).ip;
const told = (...said: readonly string[]): string => clientOf(...said.flatMap((value) => ['forwarded', value])).ip;

describe('R04, X01: one entry of X-Forwarded-For', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['203.0.113.9:4711', '203.0.113.9'],
    ['"203.0.113.9"', '203.0.113.9'],
    ['"203.0.113.9:4711"', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['[::ffff:cb00:7109]:80', '203.0.113.9'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['"[2001:db8::1]:_hidden"', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%eth0]:1', 'fe80::1'],
    ['203.0.113.9,', '203.0.113.9'],
    [' 203.0.113.9 ,, \t', '203.0.113.9'],
  ])('%j is %s, however it is written', (said, ip) => {
    expect(listed(said)).toBe(ip);
  });

  test.each([
    'unknown',
    '_hidden',
    'localhost',
    '203.0.113',
    '203.0.113.09',
    '203.0.113.9:port',
    '[203.0.113.9]',
    '[2001:db8::1',
    '2001:db8::1]',
    '[2001:db8::1]443',
    '203.0.113.9:123456',
    '"203.0.113.9',
    '203.0.113.9 1',
    'for=203.0.113.9',
  ])('%j is no address: it ends the walk at the hop that said it', (said) => {
    expect(listed(said)).toBe(peer);
    expect(listed(`198.51.100.1, ${said}`)).toBe(peer);
    expect(listed(`198.51.100.1, ${said}, 10.1.1.1:99`)).toBe('10.1.1.1');
  });

  test('where every hop is trusted the leftmost is the client, and without fields the peer', () => {
    expect(listed('10.1.2.3, 10.0.0.7')).toBe('10.1.2.3');
    expect(listed('[fd00::7]:1,10.0.0.7')).toBe('fd00::7');
    expect(clientOf('X-Forwarded-For', '10.1.2.3', 'x-forwarded-for', '10.0.0.7').ip).toBe('10.1.2.3');
    expect([listed(''), listed(' , '), clientOf().ip, told('')]).toEqual([peer, peer, peer, peer]);
  });
});

describe('R04: Forwarded', () => {
  test('is read where X-Forwarded-For is not there: any case, order, field lines, quotes, ports', () => {
    expect(told('for=203.0.113.9')).toBe('203.0.113.9');
    expect(told('proto=https;FOR="203.0.113.9:4711" ; host="a, b;for=1.1.1.1";')).toBe('203.0.113.9');
    expect(told('For="[2001:db8:cafe::17]:4711"')).toBe('2001:db8:cafe::17');
    expect(told(';;for=203.0.113.9;;by=_x,')).toBe('203.0.113.9');
    expect(told(String.raw`for="203.0.113\.9"`)).toBe('203.0.113.9');
    expect(told('for=198.51.100.1, for=203.0.113.9', 'for=10.0.0.1;by=10.0.0.2, for="[fd00::1]"')).toBe('203.0.113.9');
    expect(told('for=10.1.2.3', 'for=10.0.0.1')).toBe('10.1.2.3');
  });

  test.each([
    'for=unknown',
    'for=_hidden',
    'for="_hidden:80"',
    'for=',
    'proto=https',
    'by=203.0.113.9',
    'for=203.0.113.9;for=203.0.113.9',
    'for="203.0.113.9',
    'for=203.0.113.9"',
    'for="203.0.113.9"x',
    'for 203.0.113.9',
    'for = 203.0.113.9',
    '203.0.113.9',
    'xfor=203.0.113.9',
  ])('%j names no client: the hop that said it counts', (said) => {
    expect(told(said)).toBe(peer);
    expect(told('for=198.51.100.1', said)).toBe(peer);
    expect(told(`for=198.51.100.1, ${said}, for=10.1.1.1`)).toBe('10.1.1.1');
  });

  test('where both name a client they must name the same, else nobody is believed', () => {
    const both = (xff: string, forwarded: string) => clientOf('X-Forwarded-For', xff, 'Forwarded', forwarded);
    expect(both('203.0.113.9:1', 'for="203.0.113.9:2"')).toEqual({ ip: '203.0.113.9', isCertain: true });
    expect(both('203.0.113.9, 10.0.0.1', 'for=10.0.0.1')).toEqual({ ip: '203.0.113.9', isCertain: true });
    expect(both('10.0.0.1', 'for=203.0.113.9')).toEqual({ ip: '203.0.113.9', isCertain: true });
    expect(both('203.0.113.9', 'for=198.51.100.1')).toEqual({ ip: peer, isCertain: false });
    expect(both('203.0.113.9', 'for=_hidden')).toEqual({ ip: peer, isCertain: false });
    expect(both('unknown', 'for=203.0.113.9')).toEqual({ ip: peer, isCertain: false });
  });
});

/** Which of both fields a hop appends to; it passes the other on as it came. */
type Writes = 'listed' | 'told' | 'both';
type Spelling = (ip: string, port: number) => string;

interface Story {
  /** What the client itself sent; null: nothing of the kind. */
  readonly lines: { readonly listed: readonly string[]; readonly told: readonly string[] };
  readonly client: string;
  readonly hops: readonly { readonly ip: string; readonly newLine: boolean; readonly port: number }[];
}

const byte = fc.integer({ min: 0, max: 255 });
const outside = fc.oneof(
  fc.tuple(byte, byte).map(([a, b]) => `203.0.${a}.${b}`),
  byte.map((a) => `2001:db8::${(a + 1).toString(16)}`),
);
const hop = fc.record({
  ip: fc.oneof(
    byte.map((a) => `10.0.0.${a}`),
    byte.map((a) => `fd00::${(a + 1).toString(16)}`),
  ),
  newLine: fc.boolean(),
  port: fc.integer({ min: 0, max: 65_535 }),
});
const line = fc.oneof(
  outside,
  outside.map((ip) => `for="${ip}`),
  outside.map((ip) => `for=${ip};host="`),
  fc.constantFrom('10.0.0.1', 'for=10.0.0.1', '"', 'for="\\', 'for="a\\\\', ',', ';', 'unknown', 'for=unknown', '\\"'),
  fc
    .array(fc.constantFrom('"', '\\', ',', ';', '=', 'for', '1.2.3.4', ' '), { maxLength: 12 })
    .map((of) => of.join('')),
);
const story: fc.Arbitrary<Story> = fc.record({
  lines: fc.record({ listed: fc.array(line, { maxLength: 3 }), told: fc.array(line, { maxLength: 3 }) }),
  client: outside,
  hops: fc.array(hop, { minLength: 1, maxLength: 4 }),
});

const spellings: Record<'listed' | 'told', readonly Spelling[]> = {
  listed: [(ip) => ip, (ip, port) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`), (ip) => `"${ip}"`],
  told: [
    (ip) => (ip.includes(':') ? `for="[${ip}]"` : `for=${ip}`),
    (ip, port) => `proto=http;For="${ip.includes(':') ? `[${ip}]` : ip}:${port}";host="a\\"b,c"`,
  ],
};

/** The fields that the last hop sends us: each hop has told of whom it was asked by. */
function fieldsOf({ lines, client, hops }: Story, writes: (index: number) => Writes): readonly string[] {
  const sent = { listed: [...lines.listed], told: [...lines.told] };
  for (const [index, { newLine, port }] of hops.entries()) {
    const from = hops[index - 1]?.ip ?? client;
    for (const field of ['listed', 'told'] as const) {
      if (writes(index) !== field && writes(index) !== 'both') continue;
      const spell = spellings[field][port % spellings[field].length] ?? ((ip: string) => ip);
      const before = newLine ? undefined : sent[field].pop();
      sent[field].push(before === undefined ? spell(from, port) : `${before}, ${spell(from, port)}`);
    }
  }
  return [
    ...sent.listed.flatMap((value) => ['X-Forwarded-For', value]),
    ...sent.told.flatMap((value) => ['Forwarded', value]),
  ];
}

function judged(of: Story, writes: (index: number) => Writes) {
  const last = of.hops.at(-1)?.ip ?? '';
  return { last, ...forwardedClient(fieldsOf(of, writes), last, (ip) => trusted.matches(ip)) };
}

describe('R04, X01: a chain of trusted hops', () => {
  test('that write one field, or both, says the first address from the right that is not theirs, whatever the client sent of what they write', () => {
    fc.assert(
      fc.property(story, fc.constantFrom<Writes>('listed', 'told', 'both'), (of, writes) => {
        const lines = {
          listed: writes === 'told' ? [] : of.lines.listed,
          told: writes === 'listed' ? [] : of.lines.told,
        };
        expect(judged({ ...of, lines }, () => writes)).toMatchObject({ ip: of.client, isCertain: true });
      }),
      { seed: seed(), numRuns: runs(600) },
    );
  });

  test('that differ in what they write lets no client be somebody else: it is itself, or nobody is believed', () => {
    fc.assert(
      fc.property(
        story,
        fc.constantFrom<Writes>('listed', 'told'),
        fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
        (of, common, writesBoth) => {
          // One field is continued by all of them; which one it is, nobody can tell from what comes.
          const writes = (index: number): Writes => (writesBoth[index] === true ? 'both' : common);
          const { ip, isCertain, last } = judged(of, writes);
          if (isCertain) expect(ip).toBe(of.client);
          else expect(ip).toBe(last);
        },
      ),
      { seed: seed(), numRuns: runs(600) },
    );
  });

  test('says the same in time that grows with the length alone, quotes and backslashes or not', () => {
    for (const piece of ['"', '\\', '\\"', ',', '10.0.0.1,', 'for=10.0.0.1,', 'a=b;', '[', ' ']) {
      const long = piece.repeat(20_000);
      expect(clientOf('X-Forwarded-For', `${long}, 203.0.113.9`, 'Forwarded', `${long}, for=203.0.113.9`).ip).toBe(
        '203.0.113.9',
      );
      expect(trusted.matches(clientOf('X-Forwarded-For', long, 'Forwarded', long).ip)).toBe(true);
    }
  });
});
