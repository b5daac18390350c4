/**
 * Header and query patterns, and the regular expressions in them against those of the language.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileExpression, expressionProblem } from '../../src/routing/linear-expression.ts';
import { compileValuePattern, headerNameProblem, parseValuePattern } from '../../src/routing/match-value.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

describe('value patterns', () => {
  test.each([
    ['json', 'json', true],
    ['json', 'JSON', false],
    ['json', 'jsonp', false],
    ['', '', true],
    ['*', '', true],
    ['*', 'anything', true],
    ['a*', 'abc', true],
    ['a*', 'ba', false],
    ['*z', 'abz', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'axxbxxc', true],
    ['a*b*c', 'axxcxxb', false],
    ['*b*b*', 'ab', false],
    ['a?', 'a?', true],
    ['a?', 'ab', false],
    ['/^a/', 'abc', true],
    ['/^a/', 'Abc', false],
    ['/^a/i', 'Abc', true],
    ['/b/', 'abc', true],
    ['/a\\/b/', 'xa/by', true],
    ['/path', '/path', true],
    ['/', '/', true],
    ['//', '//', true],
    ['/\u00E9/', 'caf\u00E9', true],
  ])('R11: the pattern %s of the value %s: %s', (pattern, value, isTaken) => {
    expect(parseValuePattern(pattern)).toBeNull();
    expect(compileValuePattern(pattern)(value)).toBe(isTaken);
  });

  test.each([
    ['/a/g', 'flags g'],
    ['/a/ig', 'flags ig'],
    ['/(a/', 'open'],
    ['/a)/', 'not open'],
    ['/[a/', 'not closed'],
    ['/[z-a]/', 'out of order'],
    ['/*a/', 'nothing to repeat'],
    ['/a**/', 'nothing to repeat'],
    ['/a{2,1}/', 'at least'],
    ['/^*/', 'takes no character'],
    ['/a(?=b)/', 'looks ahead'],
    ['/(?<!a)b/', 'looks ahead or behind'],
    ['/(a)\\1/', 'refers back'],
    ['/(?<x>a)\\k<x>/', 'refers back'],
    ['/\\p{L}/', 'escape'],
    ['/a{/', 'loose'],
    ['/a]/', 'loose'],
    ['/(?:a{99}){99}/', 'steps'],
    ['/a{999999999}/', 'steps'],
    [`/${'a'.repeat(1_001)}/`, 'longer'],
  ])('R11: %s is refused, and the phrase says why: %s', (pattern, why) => {
    expect(parseValuePattern(pattern)).toContain(why);
  });

  test('R11: a glob takes exactly what its regular expression takes', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab*]{1,6}$/), fc.stringMatching(/^[ab]{0,8}$/), (pattern, value) => {
        const obvious = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
        expect(compileValuePattern(pattern)(value)).toBe(obvious.test(value));
      }),
      settings(3_000),
    );
  });

  test('R11: a header that no route ever sees cannot be asked for', () => {
    for (const name of ['x-tenant', 'Accept', 'authorization']) expect(headerNameProblem(name)).toBeNull();
    expect(headerNameProblem('Host')).toContain('match.domains');
    expect(headerNameProblem('upgrade')).toContain('websocket');
    expect(headerNameProblem('content-length')).toContain('cannot be matched');
    expect(headerNameProblem('a b')).toContain('not the name');
    expect(headerNameProblem('')).toContain('not the name');
  });
});

describe('regular expressions', () => {
  const character = fc.constantFrom(
    'a',
    'b',
    'A',
    '.',
    '[ab]',
    '[^a]',
    '[a-c1]',
    '[\\d\\]]',
    '\\d',
    '\\w',
    '\\S',
    '\\x61',
    '\\.',
    '\u00E9',
  );
  const assertion = fc.constantFrom('^', '$', '\\b', '\\B', '(?:)');
  const quantifier = fc.constantFrom('*', '+', '?', '{2}', '{0,2}', '{1,}', '*?', '+?', '??');
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { maxDepth: 4 },
      character,
      assertion,
      fc.tuple(character, quantifier).map((parts) => parts.join('')),
      fc.array(tie('expression'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
      fc.array(tie('expression'), { minLength: 1, maxLength: 3 }).map((parts) => `(?:${parts.join('|')})`),
      fc.tuple(tie('expression'), quantifier).map(([inner, often]) => `(${inner})${often}`),
    ),
  }));
  const text = fc
    .array(fc.constantFrom('a', 'b', 'A', '1', '_', '.', ' ', '\n', '\u00E9', '\u0159'), { maxLength: 8 })
    .map((all) => all.join(''));

  test('R11: an expression is found exactly where the language finds it', () => {
    fc.assert(
      fc.property(
        expression,
        fc.boolean(),
        fc.array(text, { minLength: 1, maxLength: 4 }),
        (source, ignoresCase, texts) => {
          fc.pre(expressionProblem(source) === null);
          const finds = compileExpression(source, ignoresCase);
          for (const each of texts) {
            expect(finds(each)).toBe(new RegExp(source, ignoresCase ? 'i' : '').test(each));
          }
        },
      ),
      settings(1_500),
    );
  });

  test('R11: whatever is accepted is an expression of the language', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab(){}[\]^$.|*+?\\:<>=!,\-0-9dwbkxu]{0,9}$/), text, (source, each) => {
        fc.pre(source !== '' && expressionProblem(source) === null);
        expect(compileExpression(source, false)(each)).toBe(new RegExp(source).test(each));
      }),
      settings(1_500),
    );
  });

  test('R11: no value makes an expression slow: a text of 32 KiB is done where backtracking would not end', () => {
    const hostile = `${'a'.repeat(32_767)}!`;
    for (const source of [
      '^(a+)+$',
      '(a|a)*$',
      '(?:a?){20}b',
      '^(?:.*a){9}b',
      '(\\w+\\s?)*$b',
      '^\\w*\\w*\\w*\\w*b',
      '\\w*b$',
    ]) {
      expect(expressionProblem(source)).toBeNull();
      expect([source, compileExpression(source, false)(hostile)]).toEqual([source, source === '(a|a)*$']);
    }
  });
});
