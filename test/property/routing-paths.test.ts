/**
 * Paths in their one normalised form, and the patterns that are compared with them.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePathPattern, encodeParam, parsePathPattern } from '../../src/routing/match-path.ts';
import { normalisePath } from '../../src/routing/path.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

/** The path in its form, or null where it is malformed. */
function normal(target: string): string | null {
  const found = normalisePath(target);
  return found.malformed === null ? found.path : null;
}

const pieces = [
  '/',
  '/',
  '/',
  'a',
  'b',
  '.',
  '..',
  '%2e',
  '%2E',
  '%61',
  '%2F',
  '%2f',
  '%5c',
  '\\',
  ';',
  '%3b',
  '%25',
  '%C3%A9',
  '\u00E9',
  '%20',
  '~',
  ':',
  '"',
  '%7e',
  '!',
  '%21',
  '@',
];
const somePath = fc.array(fc.constantFrom(...pieces), { maxLength: 10 }).map((parts) => `/${parts.join('')}`);
/** What servers read in different ways, and little else. */
const oddPath = fc
  .array(fc.constantFrom('/', '/', 'a', 'b', '.', '..', '%2e', '%2F', '%5c', '\\', ';', '%3B'), { maxLength: 9 })
  .map((parts) => `/${parts.join('')}`);
const anyTarget = fc.oneof(
  somePath,
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 12 }).map((codes) => `/${String.fromCharCode(...codes)}`),
);

describe('the normalised form', () => {
  test.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/', '/a/'],
    ['/%61%7E%2D', '/a~-'],
    ['/a%2fb', '/a%2Fb'],
    ['/a%3ab', '/a%3Ab'],
    ['/a:b@c;d=e', '/a:b@c;d=e'],
    ['/a%20b', '/a%20b'],
    ['/"<>\\^`{|}', '/%22%3C%3E%5C%5E%60%7B%7C%7D'],
    ['/\u00C3\u00A9', '/%C3%A9'],
    ['//a///b', '/a/b'],
    ['/a//', '/a/'],
    ['/a/./b', '/a/b'],
    ['/a/.', '/a/'],
    ['/a/b/../c', '/a/c'],
    ['/a/%2e%2E', '/'],
    ['/a/b/..', '/a/'],
    ['/.well-known/x', '/.well-known/x'],
    ['/...', '/...'],
    ['/a..', '/a..'],
    ['*', '*'],
    ['/*', '/*'],
    ['/a?/../%00', '/a'],
  ])('R03: %s is compared as %s', (target, path) => {
    expect(normal(target)).toBe(path);
  });

  test.each([
    ['above the root', '/..'],
    ['above the root, escaped', '/%2e%2e'],
    ['above the root after going down', '/a/../../b'],
    ['an escaped NUL', '/a%00'],
    ['an escaped line feed', '/a%0ab'],
    ['an escaped DEL', '/%7F'],
    ['a blank', '/a b'],
    ['a control byte', '/a\u0001'],
    ['a broken escape', '/a%2'],
    ['an escape of no digits', '/%zz'],
    ['an escape of an escape that would be one', '/%2%35'],
    ['a fragment', '/a#b'],
    ['dot segments that only some servers see, by parameters', '/a/..;x/b'],
    ['the same, escaped', '/a/..%3Bx/b'],
    ['dot segments behind an escaped slash', '/a/..%2Fb'],
    ['the same, in front', '/a/b%2f../c'],
    ['dot segments behind a backslash', '/a/..\\b'],
    ['dot segments behind an escaped backslash', '/a/..%5Cb'],
    ['going up from an empty segment', '/a//../b'],
    ['going up from parameters alone', '/a/;x/../b'],
    ['going up from a segment that may be two', '/a/b%2Fc/../d'],
    ['no path', 'a'],
    ['nothing', ''],
    ['an authority', 'a.x:443'],
  ])('R03: %s is malformed', (_, target) => {
    const found = normalisePath(target);
    expect(found.malformed).toMatch(/^[a-z].*[^.]$/);
  });

  test('R03: the form is a fixed point: a path in it is compared as it is', () => {
    fc.assert(
      fc.property(anyTarget, (target) => {
        const path = normal(target);
        if (path !== null) expect(normal(path)).toBe(path);
      }),
      settings(5_000),
    );
  });

  test('R03: no form has an empty or a dot segment, a control byte, a raw byte that no path holds, or a lower-case escape', () => {
    fc.assert(
      fc.property(anyTarget, (target) => {
        const path = normal(target);
        if (path === null) return;
        expect(path).toMatch(/^(?:\/|(?:\/(?!\.{1,2}(?:\/|$))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+)+\/?)$/);
        for (const [, digits = ''] of path.matchAll(/%(..)/g)) {
          const code = Number.parseInt(digits, 16);
          expect(code < 0x20 || code === 0x7f || /[A-Za-z0-9._~-]/.test(String.fromCodePoint(code))).toBe(false);
        }
      }),
      settings(5_000),
    );
  });

  test('R03: two servers that read a path in different ways agree on where its dot segments lead, or it is malformed', () => {
    const resolve = (path: string, merges: boolean) => {
      const kept: string[] = [];
      for (const segment of path.split('/').slice(1)) {
        if (segment === '..') kept.pop();
        else if (segment !== '.' && !(merges && segment === '')) kept.push(segment);
      }
      return kept.filter((segment) => segment !== '').join('/');
    };
    const decodes = (path: string) =>
      path
        .replaceAll(/%2F|%5C|\\/gi, '/')
        .replaceAll(/%2E/gi, '.')
        .replaceAll(/(?:;|%3B)[^/]*/gi, '');
    fc.assert(
      fc.property(oddPath, (target) => {
        const path = normal(target);
        if (path === null) return;
        expect(resolve(decodes(target), true)).toBe(resolve(decodes(target), false));
        expect(resolve(decodes(target), true)).toBe(resolve(decodes(path), true));
      }),
      settings(5_000),
    );
  });

  test('R03: an escaped slash is never a slash: it adds no segment', () => {
    const segment = fc.stringMatching(/^[a-z]{1,3}$/);
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 2, maxLength: 5 }),
        fc.constantFrom('%2F', '%2f'),
        (segments, escaped) => {
          const path = normal(`/${segments.join(escaped)}`) ?? '';
          expect(path).toBe(`/${segments.join('%2F')}`);
          expect(compilePathPattern('/:one').takes(path)).toBe(true);
          expect(compilePathPattern(`/${segments.join('/')}`).takes(path)).toBe(false);
          expect(compilePathPattern(`/${segments[0] ?? ''}/*`).takes(path)).toBe(false);
        },
      ),
      settings(300),
    );
  });

  test('R03: the query is everything behind the first question mark, as it came', () => {
    fc.assert(
      fc.property(fc.string(), (query) => {
        expect(normalisePath(`/a?${query}`)).toEqual({ malformed: null, path: '/a', query });
      }),
      settings(300),
    );
  });
});

describe('patterns', () => {
  const found = (pattern: string, target: string) => compilePathPattern(pattern).match(normal(target) ?? '');

  test.each([
    ['/a', '/a', { pathParams: {}, pathMatch: '/a', pathRemainder: '' }],
    ['/caf\u00E9', '/caf%c3%a9', { pathParams: {}, pathMatch: '/caf%C3%A9', pathRemainder: '' }],
    ['/a b', '/a%20b', null],
    ['/%7Eme', '/~me', { pathParams: {}, pathMatch: '/~me', pathRemainder: '' }],
    ['/users/:id', '/users/7', { pathParams: { id: '7' }, pathMatch: '/users/7', pathRemainder: '' }],
    ['/users/:id', '/users/', null],
    ['/users/:id', '/users/7/', null],
    ['/users/:id/', '/users/7/', { pathParams: { id: '7' }, pathMatch: '/users/7/', pathRemainder: '' }],
    ['/:a/x/:b', '/1/x/2', { pathParams: { a: '1', b: '2' }, pathMatch: '/1/x/2', pathRemainder: '' }],
    ['/files/*', '/files', { pathParams: {}, pathMatch: '/files', pathRemainder: '' }],
    ['/files/*', '/files/', { pathParams: {}, pathMatch: '/files', pathRemainder: '/' }],
    ['/files/*', '/files/a/b', { pathParams: {}, pathMatch: '/files', pathRemainder: '/a/b' }],
    ['/files/*', '/filesystem', null],
    ['/*', '/', { pathParams: {}, pathMatch: '', pathRemainder: '/' }],
    ['/*', '*', null],
    ['/v1:batch', '/v1:batch', { pathParams: {}, pathMatch: '/v1:batch', pathRemainder: '' }],
    ['/:constructor', '/x', { pathParams: { constructor: 'x' }, pathMatch: '/x', pathRemainder: '' }],
  ])('R03: %s of %s finds %o', (pattern, target, expected) => {
    if (pattern !== '/a b') expect(parsePathPattern(pattern)).toBeNull();
    expect(found(pattern, target)).toEqual(expected);
    expect(compilePathPattern(pattern).takes(normal(target) ?? '')).toBe(expected !== null);
  });

  test.each([
    ['a', 'slash'],
    ['*', 'slash'],
    ['', 'slash'],
    ['/a?x=1', 'query'],
    ['/a#x', 'fragment'],
    ['/a//b', 'empty segment'],
    ['/a*', '*'],
    ['/*/b', '*'],
    ['/**', '*'],
    ['/./a', 'dot segment'],
    ['/a/%2E%2e', 'dot segment'],
    ['/:', 'name'],
    ['/:a-b', 'name'],
    ['/:__proto__', 'name'],
    ['/:a/:a', 'twice'],
    ['/a b', 'no path'],
    ['/%', 'no path'],
    ['/a%00', 'no path'],
  ])('R03: %s is no pattern, and the phrase says why: %s', (pattern, why) => {
    expect(parsePathPattern(pattern)).toContain(why);
  });

  test('R03: a parameter is decoded where the text means the same; what has an escape left is as it stood in the path', () => {
    const id = (target: string) => found('/:id', target)?.pathParams['id'];
    expect(id('/a%40b%20%C3%A9')).toBe('a@b \u00E9');
    expect(id('/a%2Fb%20')).toBe('a%2Fb%20');
    expect(id('/a%5cb')).toBe('a%5Cb');
    expect(id('/100%25')).toBe('100%25');
    expect(id('/%252F')).toBe('%252F');
    expect(id('/%FF%20')).toBe('%FF%20');
  });

  test('R03: a parameter escaped again is one segment that finds the same parameter', () => {
    fc.assert(
      fc.property(anyTarget, (target) => {
        const path = normal(target) ?? '/';
        const id = compilePathPattern('/:id').match(path)?.pathParams['id'];
        if (id === undefined) return;
        expect(id).not.toContain('/');
        expect(compilePathPattern('/:id').match(normal(`/${encodeParam(id)}`) ?? '')?.pathParams['id']).toBe(id);
      }),
      settings(3_000),
    );
  });

  test('R03: an exact pattern takes its own text, and whatever it takes the wildcard of the same text takes too', () => {
    fc.assert(
      fc.property(somePath, somePath, (written, target) => {
        const [pattern, path] = [normal(written) ?? '/a', normal(target) ?? '/b'];
        if (parsePathPattern(pattern) === null && !/[*]|\/:/.test(pattern))
          expect(compilePathPattern(pattern).takes(pattern)).toBe(true);
        if (parsePathPattern(pattern) === null && compilePathPattern(pattern).takes(path)) {
          expect(compilePathPattern('/*').takes(path)).toBe(true);
        }
      }),
      settings(1_000),
    );
  });
});
