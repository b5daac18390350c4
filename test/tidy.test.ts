/**
 * Ring 0: is the house in order? Reads the source and the documentation, runs nothing of it.
 *
 * Every rule is first shown a bad example, so that a rule that cannot fail is noticed.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chartDocs } from '../scripts/chart-docs.ts';
import { staleFiles } from '../scripts/generated.ts';
import { referenceDocs } from '../scripts/reference-docs.ts';
import { idsOf, requirementIds, testsWanted } from './support/requirement-ids.ts';
import { importProblems, operatorProblems } from './support/tidy-imports.ts';
import { headerProblems, linesMax, nameProblems, placeProblems, sizeProblems } from './support/tidy-shape.ts';
import { importsOf, listFiles, readSource, readText, sourceOf } from './support/tidy-source.ts';
import { silencerProblems, staleHomes, wordProblems, wordRules } from './support/tidy-words.ts';

const codeFolders = ['src', 'test', 'scripts', 'examples', 'bench'];
const code = listFiles([...codeFolders, 'vitest.config.ts'])
  .filter((path) => path.endsWith('.ts'))
  .map(readSource);
const source = code.filter(({ path }) => path.startsWith('src/'));

describe('the scanner tells code from text', () => {
  test('comments, strings, templates and regular expressions are blanks, what is inside ${} is code', () => {
    const text = "a('x'); // b(\n/* c( */ d(`e( ${f(`${g('h(')}`)} i(`); const r = /j(['\"]/; k / l; m(n ? /o(/ : 1);";
    const scanned = sourceOf('x.ts', text);
    expect(scanned.code).toHaveLength(text.length);
    expect([...scanned.code.matchAll(/\w+(?=\()/g)].map(([name]) => name)).toEqual(['a', 'd', 'f', 'g', 'm']);
    expect(scanned.literals.map((literal) => literal.text)).toEqual(['x', 'e( ', '', 'h(', '', ' i(']);
  });

  test('imports are read with their kind, whatever their form', () => {
    const text = [
      "import { a, type B } from './a.ts';",
      "import type { C } from './c.ts';",
      "import { type D, type E } from './d.ts';",
      "import * as f from 'f';",
      "import './g.ts';",
      "export { h } from './h.ts';",
      "export type { I } from './i.ts';",
      "await import('./j.ts');",
      "// import { k } from './k.ts';",
      'const text = "import { l } from \'./l.ts\'";',
    ].join('\n');
    expect(importsOf(sourceOf('x.ts', text)).map(({ specifier, isType }) => [specifier, isType])).toEqual([
      ['./a.ts', false],
      ['./c.ts', true],
      ['./d.ts', true],
      ['f', false],
      ['./g.ts', false],
      ['./h.ts', false],
      ['./i.ts', true],
      ['./j.ts', false],
    ]);
  });
});

describe('every rule can fail', () => {
  test.each(wordRules)('A04: the word rule "$name" finds its bad example and leaves its good one', (rule) => {
    const path = ['src/machines/connection/x.ts', 'test/x.test.ts'].find((candidate) => rule.where(candidate)) ?? '';
    expect(wordProblems(sourceOf(path, rule.bad), [rule])).toHaveLength(1);
    expect(wordProblems(sourceOf(path, rule.good), [rule])).toEqual([]);
    expect(staleHomes([sourceOf(path, rule.bad)], [rule])).toHaveLength(Object.keys(rule.homes).length);
  });

  test.each([
    ['src/routing/x.ts', "import { a } from '../protocols/a.ts';", 'only types'],
    ['src/routing/x.ts', "import type { A } from '../io/a.ts';", 'may not know'],
    ['src/protocols/x.ts', "import { connect } from 'node:net';", 'belongs in'],
    ['src/machines/connection/x.ts', "import { Observable } from 'rxjs';", 'may not use the package'],
    ['src/machines/connection/x.ts', "import { a } from '../../io/a.ts';", 'may not know'],
    ['src/config/x.ts', "import { a } from '../machines/connection/machine.ts';", 'only types'],
    ['src/config/x.ts', "import { readFile } from 'node:fs/promises';", 'belongs in'],
    ['src/io/x.ts', "import { createActor } from 'xstate';", 'may not use the package'],
    ['src/io/x.ts', "import { connect } from 'node:net';", 'belongs in'],
    ['src/io/x.ts', "import { a } from '../observe/a.ts';", 'may not know'],
    ['src/io/x.ts', "import { a } from '../machines/connection/machine.ts';", 'only types'],
    ['src/observe/x.ts', "import { a } from '../io/a.ts';", 'only types'],
    ['src/proxy.ts', "import { createServer } from 'node:net';", 'belongs in'],
    ['src/cli/x.ts', "import { a } from '../routing/a.ts';", 'only types'],
    ['src/errors.ts', "import { a } from './proxy.ts';", 'may not know'],
    ['src/io/x.ts', "import { a } from './a.js';", 'with its .ts extension'],
    ['src/io/x.ts', "import { a } from '../../test/a.ts';", 'outside src/'],
    ['src/elsewhere/x.ts', '', 'has no row'],
  ])('the import law catches %s: %s', (path, text, said) => {
    expect(importProblems(sourceOf(path, text))).toEqual([expect.stringContaining(said)]);
  });

  test('the import law lets pass what it allows', () => {
    const text = [
      "import { BlockList } from 'node:net';",
      "import { ProxyError } from '../errors.ts';",
      "import type { Detector } from '../protocols/detector.ts';",
      "import { own } from './own.ts';",
    ].join('\n');
    expect(importProblems(sourceOf('src/routing/access.ts', text))).toEqual([]);
  });

  test('RxJS operators that hide time or a lifetime are caught', () => {
    const text = "import { Observable, timer, type Subject } from 'rxjs';\nimport { retry } from 'rxjs/operators';";
    expect(operatorProblems(sourceOf('src/io/x.ts', text.replace('type Subject', 'Subject')))).toHaveLength(3);
    expect(operatorProblems(sourceOf('src/io/x.ts', "import { Observable, type Subscriber } from 'rxjs';"))).toEqual(
      [],
    );
  });

  test('silenced checkers, sizes, names, headers and places are caught', () => {
    expect(silencerProblems(sourceOf('x.ts', '// @ts-ignore\n/* oxlint-disable */'))).toHaveLength(2);
    expect(silencerProblems(sourceOf('x.ts', "const pattern = '@ts-ignore';"))).toEqual([]);
    expect(sizeProblems(sourceOf('x.ts', '\n'.repeat(linesMax + 1)))).toHaveLength(1);
    expect(sizeProblems(sourceOf('x.ts', '\n'.repeat(linesMax)))).toEqual([]);
    expect(['src/Leg.ts', 'src/timer_wheel.ts', 'src/NOTE.md'].flatMap(nameProblems)).toHaveLength(3);
    expect(['src/io/timer-wheel.ts', 'test/http1.test.ts'].flatMap(nameProblems)).toEqual([]);
    expect(headerProblems(sourceOf('x.ts', 'const a = 1;'))).toHaveLength(1);
    expect(headerProblems(sourceOf('x.ts', '/** Leg. */'))).toHaveLength(1);
    expect(headerProblems(sourceOf('x.ts', `/**\n${' * more and more words\n'.repeat(11)} */`))).toHaveLength(1);
    expect(headerProblems(sourceOf('x.ts', '/** Says what it decides and what it must never do. */'))).toEqual([]);
    const places = ['/home/me/x', '/Users/me', join(import.meta.dirname, '..', 'src'), '../../elsewhere/x'];
    expect(places.flatMap((place) => placeProblems('docs/x.md', `see ${place} there`))).toHaveLength(places.length);
    expect(placeProblems('docs/guides/x.md', 'see ../../src and https://a.example/home/ and the root/folder')).toEqual(
      [],
    );
  });

  test('ids are read from the head of a title only', () => {
    const ids = ['L13', 'L17', 'connect-disconnect-cleanup.node'];
    expect(idsOf(`${ids.join(', ')}: a dial is aborted`)).toEqual(ids);
    expect(idsOf('a dial is aborted, as L13 says: at once')).toEqual([]);
  });
});

describe('the house', () => {
  test('imports follow the law', () => {
    expect(source.flatMap(importProblems)).toEqual([]);
  });

  test('L37: no RxJS operator hides a timer, a buffer or a lifetime', () => {
    expect(source.flatMap(operatorProblems)).toEqual([]);
  });

  test('L36, L37: banned words are nowhere but in their homes', () => {
    expect(code.flatMap((file) => wordProblems(file))).toEqual([]);
    expect(staleHomes(code)).toEqual([]);
  });

  test('A01: no checker is silenced', () => {
    expect(code.flatMap(silencerProblems)).toEqual([]);
  });

  test('A04: files are small, named alike and say what they are for', () => {
    expect(code.flatMap(sizeProblems)).toEqual([]);
    expect(listFiles(['src', 'scripts']).flatMap(nameProblems)).toEqual([]);
    expect(code.filter(({ path }) => /^(?:src|scripts|test)\//.test(path)).flatMap(headerProblems)).toEqual([]);
  });

  test('A04: the linter refuses functions of a complexity beyond 15', () => {
    expect(JSON.parse(readText('.oxlintrc.json'))).toMatchObject({
      rules: { complexity: ['error', { max: 15 }], 'typescript/no-explicit-any': 'error' },
      options: { typeAware: true, denyWarnings: true },
    });
  });

  test('nothing speaks of the machine it was written on', () => {
    const rootFiles = [
      'README.md',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'package.json',
      'LICENSE',
      '.gitignore',
    ];
    const texts = listFiles([...codeFolders, 'docs', '.github', '.ci', ...rootFiles]).filter(
      (path) => path !== 'test/tidy.test.ts',
    );
    expect(texts.flatMap((path) => placeProblems(path, readText(path)))).toEqual([]);
  });

  test('A06: the generated pages say what the charts and tables say', async () => {
    const stale = [...staleFiles(await chartDocs()), ...staleFiles(referenceDocs())];
    expect(stale, 'run npm run docs').toEqual([]);
  });

  test('A01: every requirement that is built is named in the title of a test', () => {
    const tests = code.filter(({ path }) => path.startsWith('test/'));
    const named = tests.flatMap(({ literals }) => literals.flatMap(({ text }) => idsOf(text)));
    const missing = requirementIds.filter(
      (id) => named.filter((name) => name.startsWith(id)).length < (testsWanted[id] ?? 1),
    );
    expect(missing).toEqual([]);
  });
});
