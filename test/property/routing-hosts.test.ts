/**
 * Host patterns and globs: a table of what people expect, and properties against a matcher that is slow and obvious.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGlob } from '../../src/routing/glob.ts';
import { HostIndex, RankedList } from '../../src/routing/host-index.ts';
import { compileHostPattern, hostPatternProblem, normaliseHost } from '../../src/routing/match-host.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });
const matches = (pattern: string, name: string): boolean => compileHostPattern(pattern).matches(name);

/** What a glob means, as a regular expression: slow on hostile names, but readable at a glance. */
function obviousGlob(pattern: string, separator: string): RegExp {
  const other = `[^\\${separator}]`;
  const labels = pattern.split(separator).map((label) => {
    if (label === '*') return `${other}*(?:\\${separator}${other}*)*`;
    return label.replaceAll(/[^a-z0-9]/g, (character) =>
      character === '*' ? `${other}*` : character === '?' ? other : `\\${character}`,
    );
  });
  return new RegExp(`^${labels.join(`\\${separator}`)}$`);
}

const label = fc.stringMatching(/^[ab]{1,3}$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const pattern = fc
  .array(fc.oneof(label, fc.constant('*'), fc.stringMatching(/^[ab*?]{1,4}$/)), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));

describe('patterns', () => {
  test.each([
    ['a.example.com', 'a.example.com', true],
    ['a.example.com', 'b.example.com', false],
    ['a.example.com', 'x.a.example.com', false],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'a.b.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', 'badexample.com', false],
    ['*.example.com', 'a.example.com.evil.net', false],
    ['example.*', 'example.com', true],
    ['example.*', 'example.co.uk', true],
    ['example.*', 'example', false],
    ['example.*', 'www.example.com', false],
    ['example.*', 'examples.com', false],
    ['*.example.*', 'www.example.com', true],
    ['*.example.*', 'example.com', false],
    ['api-*.example.com', 'api-7.example.com', true],
    ['api-*.example.com', 'api-.example.com', true],
    ['api-*.example.com', 'api-7.x.example.com', false],
    ['a?.example.com', 'ab.example.com', true],
    ['a?.example.com', 'a.example.com', false],
    ['a?.example.com', 'a..example.com', false],
    ['a.*.example.com', 'a.b.c.example.com', true],
    ['a.*.example.com', 'a.example.com', false],
    ['*', 'anything.at.all', true],
    ['*', 'localhost', true],
    ['*.*', 'localhost', false],
    ['::1', '::1', true],
    ['[2001:DB8::1]:443', '2001:db8::1', true],
    ['127.0.0.1', '127.0.0.1', true],
  ])('R02: %s takes %s: %s', (text, host, expected) => {
    expect(matches(text, host)).toBe(expected);
  });

  test.each([
    ['Example.COM', 'example.com'],
    ['example.com.', 'example.com'],
    ['example.com:8443', 'example.com'],
    ['Example.com.:8443', 'example.com'],
    ['example.com:', 'example.com'],
    [' example.com ', 'example.com'],
    ['[::1]:8080', '::1'],
    ['[::1]', '::1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['.', '.'],
    ['', ''],
  ])('R02: the host %j is %j', (host, normalised) => {
    expect(normaliseHost(host)).toBe(normalised);
    expect(normaliseHost(normalised)).toBe(normalised);
  });

  test('R02: a pattern is normalised like a name', () => {
    expect(matches('*.Example.COM.', 'a.example.com')).toBe(true);
    expect(matches('Example.com:443', 'example.com')).toBe(true);
  });

  test.each([
    '',
    '.',
    'a..b',
    '.a',
    '*..a',
    'a b',
    'a/b',
    'a_b:x',
    'bücher.example',
    '{a,b}.example',
    '[ab].example',
    `${'a'.repeat(64)}.b`,
    'abcdefg.'.repeat(40),
  ])('R02: %j is no pattern, and the reason is said', (text) => {
    expect(hostPatternProblem(text)).toMatch(/^[a-z].*[^.]$/);
  });

  test.each([
    'a',
    'a.example',
    '*.a',
    'a.*',
    '*',
    'a?b*.c',
    'xn--bcher-kva.example',
    'under_score.a',
    '::1',
    '[::1]:443',
    'A.Example.',
    'a.example:443',
    '10.0.0.1',
  ])('R02: %j is a pattern', (text) => {
    expect(hostPatternProblem(text)).toBeNull();
  });

  test('R02: what is wrong with a pattern is said precisely', () => {
    expect(hostPatternProblem('')).toContain('empty');
    expect(hostPatternProblem('a b')).toContain('" "');
    expect(hostPatternProblem('bücher.example')).toContain('xn--');
    expect(hostPatternProblem('2001:db8::10')).toBeNull();
    expect(hostPatternProblem('0::1')).toBeNull();
  });

  test('R02: exact is more specific than a longer wildcard, that than a shorter one, then TLD patterns, then other globs', () => {
    const ordered = [
      'a.b',
      'a',
      '*.long.example.com',
      '*.example.com',
      '*.com',
      'example.*',
      'ex.*',
      'api-*.example.com',
      'a*.com',
      '*',
    ];
    const specificities = ordered.map((text) => compileHostPattern(text).specificity);
    expect(specificities).toEqual(specificities.toSorted((one, other) => other - one));
    expect(new Set(specificities).size).toBe(ordered.length);
    expect(Math.min(...specificities)).toBeGreaterThan(0);
  });
});

describe('globs', () => {
  test('R02: a glob matches exactly what its regular expression would', () => {
    fc.assert(
      fc.property(pattern, name, fc.constantFrom('.', ':'), (glob, text, separator) => {
        const written = glob.replaceAll('.', separator);
        const host = text.replaceAll('.', separator);
        expect(compileGlob(written, separator)(host)).toBe(obviousGlob(written, separator).test(host));
      }),
      settings(5_000),
    );
  });

  test('R02: every kind of pattern matches what the glob of the same text matches', () => {
    fc.assert(
      fc.property(pattern, name, (text, host) => {
        expect(matches(text, host)).toBe(obviousGlob(text, '.').test(host));
      }),
      settings(5_000),
    );
  });

  test('R02: a pattern full of stars answers at once on a name full of almost', () => {
    const stars = compileGlob(`${'*a'.repeat(30)}b`, '.');
    expect(stars('a'.repeat(250))).toBe(false);
    const labels = compileGlob(`${'*.a.'.repeat(20)}b`, '.');
    expect(labels('a.'.repeat(125))).toBe(false);
  });
});

describe('the index', () => {
  test('R02: it finds the candidate of the lowest rank that matches and is accepted', () => {
    const wishes = fc.array(fc.tuple(pattern, fc.boolean()), { maxLength: 12 });
    fc.assert(
      fc.property(wishes, name, fc.option(fc.nat({ max: 14 })), (list, host, bestRank) => {
        const index = new HostIndex<{ rank: number; isAccepted: boolean }, null>(
          () => new RankedList((candidate) => candidate.isAccepted),
        );
        const entries = list.map(([text, isAccepted], rank) => ({
          pattern: compileHostPattern(text),
          candidate: { rank, isAccepted },
        }));
        for (const entry of entries) index.add(entry.pattern, entry.candidate);
        const best = bestRank === null ? null : { rank: bestRank - 0.5, isAccepted: true };
        const expected =
          entries.find((entry) => entry.candidate.isAccepted && entry.pattern.matches(host))?.candidate ?? null;
        const isBetter = expected !== null && (best === null || expected.rank < best.rank);
        expect(index.find(host, null, best)).toBe(isBetter ? expected : best);
      }),
      settings(3_000),
    );
  });
});
