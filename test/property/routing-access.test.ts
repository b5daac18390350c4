/**
 * Lists of client addresses: CIDR is arithmetic, globs are text, and one address has one form.
 */
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressSpecificity, compileAddressList, parseAddressPattern } from '../../src/routing/access.ts';
import { canonicalAddress } from '../../src/routing/ip-address.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });
const matches = (patterns: readonly string[], ip: string): boolean => compileAddressList(patterns).matches(ip);

const byte = fc.nat({ max: 255 });
const ipv4 = fc.tuple(byte, byte, byte, byte);
const groups = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 65_535 })), { minLength: 8, maxLength: 8 });

/** Eight groups as text in one of the many ways to write them. */
function written(
  values: readonly number[],
  zeros: { readonly from: number; readonly to: number } | null,
  isUpper: boolean,
  width: number,
): string {
  const parts = values.map((value) => value.toString(16).padStart(width, '0'));
  const text =
    zeros === null ? parts.join(':') : `${parts.slice(0, zeros.from).join(':')}::${parts.slice(zeros.to).join(':')}`;
  return isUpper ? text.toUpperCase() : text;
}

/** A run of zero groups that `::` may stand for, if there is one. */
function zeroRun(values: readonly number[], seedNumber: number): { readonly from: number; readonly to: number } | null {
  const starts = values.flatMap((value, index) => (value === 0 ? [index] : []));
  const from = starts[seedNumber % Math.max(1, starts.length)];
  if (from === undefined) return null;
  let to = from;
  while (values[to] === 0) to += 1;
  return { from, to };
}

function bitsOf(values: readonly number[], width: number): string {
  return values.map((value) => value.toString(2).padStart(width, '0')).join('');
}

describe('the canonical form', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:0a00:0001', '10.0.0.1'],
    ['0:0:0:0:0:ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1%eth0', '10.0.0.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['FE80:0:0:0:0:0:0:1', 'fe80::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1::', '1::'],
    ['::1.2.3.4', '::102:304'],
    ['1::ffff:10.0.0.1', '1::ffff:a00:1'],
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
  ])('X01: %s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  test.each([
    '',
    '10',
    '10.0.0',
    '10.0.0.0.1',
    '010.0.0.1',
    '10.0.0.01',
    '10.0.0.256',
    '10.0.0.-1',
    '0x0a.0.0.1',
    ' 10.0.0.1',
    '10.0.0.1 ',
    '10.0.0.1%eth0',
    '::1::',
    ':::',
    ':1',
    '1:',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    '::1%',
    '::10.0.0',
    '10.0.0.1::',
    '::ffff:010.0.0.1',
    'a.example',
  ])('X01: %j is no address', (text) => {
    expect(canonicalAddress(text)).toBeNull();
  });

  test('X01: however an IPv6 address is written, it has one form, which is an address again', () => {
    fc.assert(
      fc.property(
        groups,
        fc.nat(),
        fc.boolean(),
        fc.constantFrom(1, 4),
        fc.boolean(),
        (values, which, isUpper, width, isShort) => {
          const plain = canonicalAddress(written(values, null, false, 1));
          const run = isShort ? zeroRun(values, which) : null;
          expect(canonicalAddress(written(values, run, isUpper, width))).toBe(plain);
          expect(plain).not.toBeNull();
          if (plain === null) return;
          expect(isIP(plain)).not.toBe(0);
          expect(canonicalAddress(plain)).toBe(plain);
          expect(new URL(`http://[${written(values, null, false, 1)}]/`).hostname.slice(1, -1)).toBe(
            plain.includes(':') ? plain : expect.stringMatching(/^::ffff:/),
          );
        },
      ),
      settings(1_000),
    );
  });

  test('X01: what Node does not take for an address has no canonical form, and the reverse', () => {
    const text = fc.oneof(
      fc.stringMatching(/^[0-9a-f:.]{0,20}$/),
      fc.stringMatching(/^([0-9]{1,3}\.){3}[0-9]{1,3}$/),
      fc.ipV6(),
      fc.ipV4(),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        expect(canonicalAddress(candidate) !== null, `address ${candidate}`).toBe(isIP(candidate) !== 0);
      }),
      settings(3_000),
    );
  });
});

describe('lists', () => {
  test('trap 15: 10.0.0.0/8 takes what a glob of the same text never would', () => {
    expect(matches(['10.0.0.0/8'], '10.1.2.3')).toBe(true);
    expect(matches(['10.0.0.0/8'], '11.0.0.1')).toBe(false);
  });

  test.each([
    [['192.168.*'], '192.168.7.9', true],
    [['192.168.*'], '192.169.7.9', false],
    [['192.168.1.*'], '192.168.1.9', true],
    [['192.168.1.*'], '192.168.11.9', false],
    [['10.?.?.1'], '10.2.3.1', true],
    [['10.?.?.1'], '10.22.3.1', false],
    [['10.*.1'], '10.2.3.1', true],
    [['1?2.0.0.1'], '172.0.0.1', true],
    [['10.0.0.1'], '10.0.0.1', true],
    [['10.0.0.1'], '::ffff:10.0.0.1', true],
    [['::ffff:10.0.0.1'], '10.0.0.1', true],
    [['10.0.0.0/8'], '::ffff:10.9.9.9', true],
    [['::ffff:10.0.0.0/104'], '10.9.9.9', true],
    [['::ffff:10.0.0.0/104'], '11.9.9.9', false],
    [['10.*'], '::ffff:10.9.9.9', true],
    [['fe80::/10'], 'fe80::1%eth0', true],
    [['2001:db8::/32'], '2001:db8:ffff::1', true],
    [['2001:db8::/32'], '2001:db9::1', false],
    [['::1'], '0:0:0:0:0:0:0:1', true],
    [['0.0.0.0/0'], '203.0.113.9', true],
    [['0.0.0.0/0'], '::1', false],
    [['::/0'], '::1', true],
    [['::/0'], '10.0.0.1', false],
    [['*'], '10.0.0.1', true],
    [['*'], '::1', true],
    [['*'], '', false],
    [['*'], 'not an address', false],
    [['10.0.0.0/8'], '010.0.0.1', false],
    [[], '10.0.0.1', false],
    [['172.16.0.0/12', '10.0.0.1'], '10.0.0.1', true],
    [['nonsense', '10.0.0.1'], '10.0.0.1', true],
  ])('X01: %j takes %s: %s', (patterns, ip, expected) => {
    expect(matches(patterns, ip)).toBe(expected);
  });

  test('X01: an IPv4 block takes exactly the addresses that share its first bits, mapped or not', () => {
    fc.assert(
      fc.property(ipv4, fc.nat({ max: 32 }), ipv4, fc.nat({ max: 32 }), (network, bits, other, shared) => {
        const near = bitsOf(network, 8).slice(0, shared) + bitsOf(other, 8).slice(shared);
        const address = [0, 8, 16, 24].map((start) => Number.parseInt(near.slice(start, start + 8), 2)).join('.');
        const expected = near.startsWith(bitsOf(network, 8).slice(0, bits));
        expect(matches([`${network.join('.')}/${bits}`], address)).toBe(expected);
        expect(matches([`${network.join('.')}/${bits}`], `::ffff:${address}`)).toBe(expected);
      }),
      settings(1_000),
    );
  });

  test('X01: an IPv6 block takes exactly the addresses that share its first bits', () => {
    fc.assert(
      fc.property(groups, fc.nat({ max: 128 }), groups, fc.nat({ max: 128 }), (network, bits, other, shared) => {
        const near = bitsOf(network, 16).slice(0, shared) + bitsOf(other, 16).slice(shared);
        const address = Array.from({ length: 8 }, (_, index) =>
          Number.parseInt(near.slice(index * 16, index * 16 + 16), 2).toString(16),
        ).join(':');
        const expected = near.startsWith(bitsOf(network, 16).slice(0, bits));
        fc.pre(
          canonicalAddress(address)?.includes(':') === true &&
            canonicalAddress(written(network, null, false, 1))?.includes(':') === true,
        );
        expect(matches([`${written(network, null, false, 1)}/${bits}`], address)).toBe(expected);
      }),
      settings(1_000),
    );
  });
});

describe('patterns', () => {
  test.each([
    '',
    'localhost',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/',
    '/8',
    '010.0.0.0/8',
    '10.0.0.0/8/8',
    '::/129',
    '::ffff:10.0.0.0/90',
    '::ffff:10.0.0.0/129',
    'fe80::1%eth0',
    'fe80::/10%eth0',
    '2001:db8:*',
    '256.*',
    '10.01.*',
    '10.a*',
    '10.0.0.0.*',
    '10.?',
    '10.?.?',
    '1.2.3.4.?',
    '10..*',
    '????.0.0.1',
  ])('X01: %j is no pattern, and the reason is said', (pattern) => {
    expect(parseAddressPattern(pattern)).toMatch(/^[a-z].*[^.]$/);
    expect(matches([pattern], '10.0.0.1')).toBe(false);
  });

  test.each([
    '10.0.0.1',
    '10.0.0.0/8',
    '10.0.0.5/8',
    '0.0.0.0/0',
    '::/0',
    '::1',
    '2001:db8::/32',
    '::ffff:10.0.0.1',
    '::ffff:10.0.0.0/104',
    '192.168.*',
    '10.?.?.1',
    '10.*.1',
    '*',
    '1?.*',
    ' 10.0.0.1 ',
  ])('X01: %j is a pattern', (pattern) => {
    expect(parseAddressPattern(pattern)).toBeNull();
  });

  test('R02: a narrower pattern is more specific than a wider one', () => {
    const ordered = [
      '10.0.0.1',
      '10.0.0.0/31',
      '10.0.0.0/24',
      '10.0.*',
      '10.*',
      '10.0.0.0/7',
      '0.0.0.0/0',
      '2001:db8::/32',
      '::/0',
      '*',
    ];
    const specificities = ordered.map(addressSpecificity);
    expect(specificities).toEqual(specificities.toSorted((one, other) => other - one));
    expect(new Set(specificities).size).toBe(ordered.length);
    expect(addressSpecificity('::1')).toBe(addressSpecificity('10.0.0.1'));
  });
});
