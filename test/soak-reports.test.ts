/**
 * What the soak makes of the reports of public suites. The suites are not on npm, so their reports are made up here, in the
 * form in which the suites write them.
 */
import { describe, expect, test } from 'vitest';
import { compareAgents, readIndex } from '../scripts/soak/autobahn-reports.ts';
import { readReport, toleratedSections } from '../scripts/soak/h2spec-report.ts';

const passed = { behavior: 'OK', behaviorClose: 'OK', remoteCloseCode: 1000, duration: 2, reportfile: 'a_1.json' };

function differencesOf(direct: object, proxied: object): readonly string[] {
  return compareAgents(readIndex(JSON.stringify({ direct, proxied })), 'direct', 'proxied').differences;
}

describe('Autobahn, directly and through the proxy', () => {
  test('durations and names of files are no differences, nor is a failure that both have', () => {
    const failed = { ...passed, behavior: 'FAILED', remoteCloseCode: null };
    const direct = { '1.1.1': passed, '6.4.1': failed };
    const proxied = { '1.1.1': { ...passed, duration: 90, reportfile: 'b_1.json' }, '6.4.1': failed };
    const index = readIndex(JSON.stringify({ direct, proxied }));
    expect(compareAgents(index, 'direct', 'proxied')).toEqual({ compared: 2, differences: [] });
  });

  test.each([
    [{ behavior: 'NON-STRICT' }, 'case 1.1.1: OK, close OK 1000 direct, NON-STRICT, close OK 1000 proxied'],
    [{ behaviorClose: 'UNCLEAN' }, 'case 1.1.1: OK, close OK 1000 direct, OK, close UNCLEAN 1000 proxied'],
    [{ remoteCloseCode: 1006 }, 'case 1.1.1: OK, close OK 1000 direct, OK, close OK 1006 proxied'],
    [{ remoteCloseCode: null }, 'case 1.1.1: OK, close OK 1000 direct, OK, close OK without a code proxied'],
  ])('a case that ends in another way is a difference: %o', (changed, sentence) => {
    expect(differencesOf({ '1.1.1': passed }, { '1.1.1': { ...passed, ...changed } })).toEqual([sentence]);
  });

  test('a case that only one side ran is a difference, and cases come in the order of their numbers', () => {
    const differences = differencesOf(
      { '10.1.1': passed, '2.1': passed, '3.1': passed },
      { '3.1': passed, '9.1': passed },
    );
    expect(differences.map((difference) => difference.split(':')[0])).toEqual(['case 2.1', 'case 9.1', 'case 10.1.1']);
    expect(differences[1]).toBe('case 9.1: not run direct, OK, close OK 1000 proxied');
  });

  test('reports without cases are never equal, and what is not an index is not read', () => {
    expect(differencesOf({}, {})).toEqual(['no case was run against both direct and proxied']);
    expect(compareAgents({}, 'direct', 'proxied').differences).toHaveLength(1);
    expect(() => readIndex('{"direct":{"1.1.1":{"behavior":"OK"}}}')).toThrow(/behaviorClose/);
  });
});

describe('h2spec', () => {
  const one = (section: string, content = '') =>
    `<testcase package="${section}" classname="Sends a &#34;frame&#34;" time="0.01">${content}</testcase>`;
  const of = (...cases: string[]) =>
    `<testsuites>\n  <testsuite name="x" package="http2/5.1" id="5.1">${cases.join('\n')}</testsuite></testsuites>`;

  test('a failure counts, whether it is called failure or error; what was skipped does not', () => {
    const failure = one('http2/6.5', '<failure>Expect:\nGOAWAY < 1 & <testsuite>\nActual:\nTimeout</failure>');
    const report = readReport(
      of(
        one('http2/4.1'),
        failure,
        one('hpack/4.2', '<error>Timeout</error>'),
        one('http2/4.2', '<skipped></skipped>'),
      ),
    );
    expect(report).toMatchObject({ passed: 1, skipped: 1, tolerated: [] });
    expect(report.failed.map((name) => name.split(':')[0])).toEqual(['http2/6.5', 'hpack/4.2']);
  });

  test('only the sections that are known to differ may fail, not those whose numbers begin alike', () => {
    const failing = [...toleratedSections, 'http2/5.1.1', 'http2/6.3.1', 'generic/5.1'];
    const report = readReport(of(...failing.map((section) => one(section, '<failure>x</failure>'))));
    expect(report.tolerated).toHaveLength(toleratedSections.length);
    expect(report.failed).toHaveLength(3);
  });

  test('a report without tests is a failure', () => {
    expect(readReport('').failed).toEqual(['the report has no tests']);
    expect(readReport(of(one('http2/4.2', '<skipped></skipped>'))).failed).toHaveLength(1);
  });
});
