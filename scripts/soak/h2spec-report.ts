/**
 * h2spec's JUnit report: which of its tests failed, and which of those may.
 *
 * Read by pattern, not as XML: h2spec writes the text of a failure without escaping it. What it calls an error and what it
 * calls a failure are both failures. Must never do: find nothing wrong in a report without tests.
 */

/**
 * What nghttp2, which frames HTTP/2 here, and RFC 9113 see differently than the suite, which tests RFC 7540: closed and
 * half-closed streams (5.1), and a priority that names its own stream (5.3.1, 6.3), which RFC 9113 §5.3.2 tells to ignore.
 */
export const toleratedSections: readonly string[] = ['http2/5.1', 'http2/5.3.1', 'http2/6.3'];

export interface SuiteResult {
  readonly passed: number;
  readonly skipped: number;
  readonly tolerated: readonly string[];
  readonly failed: readonly string[];
}

/** @param xml what `h2spec --junit-report` wrote */
export function readReport(xml: string): SuiteResult {
  const tolerated: string[] = [];
  const failed: string[] = [];
  let passed = 0;
  let skipped = 0;
  for (const [, attributes = '', content = ''] of xml.matchAll(/<testcase\b([^>]*)>([\s\S]*?)<\/testcase>/g)) {
    const section = attribute(attributes, 'package');
    const name = `${section}: ${attribute(attributes, 'classname')}`;
    if (/<skipped\b/.test(content)) skipped += 1;
    else if (!/<(?:failure|error)\b/.test(content)) passed += 1;
    else if (toleratedSections.includes(section)) tolerated.push(name);
    else failed.push(name);
  }
  if (passed + tolerated.length + failed.length === 0) failed.push('the report has no tests');
  return { passed, skipped, tolerated, failed };
}

function attribute(attributes: string, name: string): string {
  return new RegExp(String.raw`\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
}
