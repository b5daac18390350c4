/**
 * Rewritten targets and the Locations of redirects.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePathPattern, matchAnyPath } from '../../src/routing/match-path.ts';
import { normalisePath } from '../../src/routing/path.ts';
import {
  pathTemplateProblem,
  redirectLocation,
  redirectProblem,
  type RedirectFacts,
  rewriteTarget,
} from '../../src/routing/rewrite.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });
const noRewrite = { path: null, stripPrefix: null };

function rewritten(
  target: string,
  rewrite: { path?: string; stripPrefix?: string },
  pattern: string | null = null,
): string {
  const normal = normalisePath(target);
  const path = normal.malformed === null ? normal.path : '';
  const match = (pattern === null ? matchAnyPath(path) : compilePathPattern(pattern).match(path)) ?? matchAnyPath(path);
  return rewriteTarget(target, match, { ...noRewrite, ...rewrite });
}

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const someTarget = fc
  .array(fc.oneof(fc.constantFrom('/', '/', 'v1', 'a', '%2F', '%2e', '..', '?', '//', '\\', '%20', '\u00E9'), byte), {
    maxLength: 10,
  })
  .map((parts) => `/${parts.join('')}`);

describe('rewriting', () => {
  test.each([
    ['/v1/users?x=%20+', '/users?x=%20+'],
    ['/v1', '/'],
    ['/v1?x', '/?x'],
    ['/v1/', '/'],
    ['/v10/users', '/v10/users'],
    ['/V1/users', '/V1/users'],
    ['/a/v1/b', '/a/v1/b'],
    ['/%76%31//users', '/users'],
    ['/x//%7e/../y', '/x//%7e/../y'],
    ['*', '*'],
  ])('R03: /v1 stripped off %s leaves %s', (target, left) => {
    expect(rewritten(target, { stripPrefix: '/v1' })).toBe(left);
    expect(rewritten(target, { stripPrefix: '/v1/' })).toBe(left);
  });

  test.each([
    ['/users/:id', '/v1/users/:id/*', '/v1/users/7/posts?x=1', '/users/7?x=1'],
    ['/users/:id/*', '/v1/users/:id/*', '/v1/users/7/posts/', '/users/7/posts/'],
    ['/users/:id/*', '/v1/users/:id/*', '/v1/users/7', '/users/7'],
    ['/*', '/v1/*', '/v1', '/'],
    ['/new/*', null, '/a/b?c', '/new/a/b?c'],
    ['/fixed', null, '/a/b', '/fixed'],
    ['/:b/:a', '/:a/:b', '/1/2', '/2/1'],
    ['/x/:id', '/:id', '/a%20b%2Fc', '/x/a%20b%2Fc'],
    ['/x/:id', '/:id', '/caf%c3%a9%3b', '/x/caf%C3%A9%3B'],
    ['/x/v:id', '/:id', '/7', '/x/v:id'],
    ['/caf\u00E9', null, '/7', '/caf%C3%A9'],
  ])('R03: the template %s of %s makes of %s the target %s', (path, pattern, target, expected) => {
    expect(pathTemplateProblem(path, pattern)).toBeNull();
    expect(rewritten(target, { path, stripPrefix: '/v1' }, pattern)).toBe(expected);
  });

  test.each([
    ['users', null, 'slash'],
    ['/a?b', null, 'query'],
    ['/a*', null, '*'],
    ['/:id', '/:name', ':id'],
    ['/:id', null, ':id'],
    ['/*', '/a', '*'],
    ['/a b', null, 'no path'],
  ])('R03: the template %s of %s is refused, and the phrase says why: %s', (template, pattern, why) => {
    expect(pathTemplateProblem(template, pattern)).toContain(why);
  });

  test('R03: a target that no rewrite applies to is forwarded byte for byte', () => {
    fc.assert(
      fc.property(someTarget, (target) => {
        expect(rewritten(target, {})).toBe(target);
        const normal = normalisePath(target);
        const isBelow = normal.malformed === null && (normal.path === '/v1' || normal.path.startsWith('/v1/'));
        if (!isBelow) expect(rewritten(target, { stripPrefix: '/v1' })).toBe(target);
      }),
      settings(2_000),
    );
  });

  test('R03: a rewritten path is in the normalised form, and the query is the one that came', () => {
    fc.assert(
      fc.property(
        someTarget,
        fc.constantFrom({ stripPrefix: '/v1' }, { path: '/x/*' }, { path: '/:id/x', pattern: '/:id' }),
        (target, { pattern, ...rewrite }: { pattern?: string; path?: string; stripPrefix?: string }) => {
          const before = normalisePath(target);
          if (before.malformed !== null || (pattern !== undefined && !compilePathPattern(pattern).takes(before.path)))
            return;
          const result = rewritten(target, rewrite, pattern ?? null);
          const after = normalisePath(result);
          expect(after).toMatchObject({ malformed: null, query: before.query });
          if (result !== target) expect(result.split('?')[0]).toBe(after.malformed === null ? after.path : '');
        },
      ),
      settings(2_000),
    );
  });
});

describe('redirects', () => {
  const facts: RedirectFacts = { scheme: 'http', host: 'a.x', port: 80, target: '/p/q?x=1', pathParams: { id: 'a b' } };

  test.each([
    ['https://{host}{path}', {}, 'https://a.x/p/q?x=1'],
    ['https://{host}{path}', { target: '/p' }, 'https://a.x/p'],
    ['https://{host}{path}', { target: '/p?' }, 'https://a.x/p'],
    ['https://{host}{path}{query}', {}, 'https://a.x/p/q?x=1'],
    ['https://{host}{path}?from=proxy', {}, 'https://a.x/p/q?from=proxy'],
    ['https://{host}/new?old=1&{query}', {}, 'https://a.x/new?old=1&x=1'],
    ['https://{host}:{port}{path}', {}, 'https://a.x/p/q?x=1'],
    ['https://{host}:{port}/', { port: 443 }, 'https://a.x/'],
    ['https://{host}:{port}/', { port: 8080 }, 'https://a.x:8080/'],
    ['{scheme}://www.{host}/', {}, 'http://www.a.x/'],
    ['{scheme}://{host}/', { scheme: 'https' }, 'https://a.x/'],
    ['http://{host}/?p={port}', {}, 'http://a.x/?p=80'],
    ['/users/{param:id}', {}, '/users/a%20b'],
    ['/users/{param:none}', {}, '/users/'],
    ['/{param:id}', { pathParams: { id: '\u00E9\u0159' } }, '/%C3%A9%C5%99'],
    ['/{param:id}', { pathParams: { id: 'a%2Fb' } }, '/a%2Fb'],
    ['https://a.x{param:id}/', { pathParams: { id: '@evil.example:1' } }, 'https://a.x%40evil.example%3A1/'],
    ['{path}', { target: '//evil.example/x' }, '/evil.example/x'],
    ['{path}', { target: '/\\evil.example/x' }, '/evil.example/x'],
    ['{path}', { target: '/a//b\\c' }, '/a//b%5Cc'],
    ['{path}', { target: '*' }, '/'],
    ['https://{host}/', { host: '[::1]' }, 'https://[::1]/'],
    ['https://{host}/', { host: '' }, null],
    ['https://b.x/', { host: '' }, 'https://b.x/'],
    ['/caf\u00E9', {}, '/caf%C3%A9'],
    ['{path}', { target: '/caf\u00C3\u00A9' }, '/caf%C3%A9'],
  ] as const)('R09: %s with %o leads to %s', (template, given, location) => {
    expect(redirectLocation(template, { ...facts, ...given })).toBe(location);
  });

  test.each([
    ['ftp://a.x/', 'starts with none'],
    ['//a.x/', 'starts with none'],
    ['/\\a.x', 'starts with none'],
    ['/{path}', 'starts with none'],
    ['https:///x', 'starts with none'],
    ['javascript:alert(1)', 'starts with none'],
    ['https://a.x/\r\nset-cookie:x', 'control character'],
    ['https://a.x/a b', 'blank'],
    ['https://{hots}/', '{hots}'],
    ['https://{host', '{host'],
    ['https://{host}/{param:id}', '{param:id}'],
  ])('R09: the template %s is refused, and the phrase says why: %s', (template, why) => {
    expect(redirectProblem(template, '/:name')).toContain(why);
  });

  test('R09: templates of every placeholder are accepted', () => {
    for (const template of ['https://{host}:{port}{path}{query}', '{scheme}://b.x/{param:name}', '/x', '{path}']) {
      expect(redirectProblem(template, '/:name')).toBeNull();
    }
  });

  test('R09: whatever a client sends, no Location has a control byte or a blank, and none of ours leads to another host', () => {
    const anything = fc.string({ unit: byte, maxLength: 12 });
    fc.assert(
      fc.property(
        fc.constantFrom('{path}', 'https://a.x{path}', '/x/{param:id}?y={query}', 'https://a.x/{param:id}{query}'),
        fc.oneof(
          someTarget,
          anything.map((text) => `/${text}`),
        ),
        fc.oneof(anything, fc.string()),
        (template, target, id) => {
          expect(redirectProblem(template, '/:id')).toBeNull();
          const location = redirectLocation(template, { ...facts, target, pathParams: { id } }) ?? '';
          expect(location).toMatch(/^[!-~]+$/);
          expect(new URL(location, 'https://a.x/base').origin).toBe('https://a.x');
        },
      ),
      settings(3_000),
    );
  });
});
