/**
 * Host patterns: which names does a route ask for, and which of two patterns is the more specific one?
 *
 * Decides: four kinds. `a.example.com` is exact. `*.example.com` takes one label or more in front, so `a.example.com` and
 * `a.b.example.com`, but not `example.com` itself. `example.*` takes one label or more behind, so `example.co.uk` too.
 * Any other `*` or `?` makes a glob (`glob.ts`); `*` alone takes every name, but a client that names none has no name.
 * Case, one trailing dot, a port and the brackets of an IPv6 literal make no difference.
 * Must never do: look a name up. Patterns that `hostPatternProblem` objects to must not come here.
 */
import { compileGlob, isGlob } from './glob.ts';

export type HostPatternKind = 'exact' | 'wildcard' | 'tld' | 'glob';

export interface HostPattern {
  readonly kind: HostPatternKind;
  /** The pattern in normalised form. */
  readonly text: string;
  /** The fixed part, by which a table finds the pattern: the name, the suffix, the beginning; '' for a glob. */
  readonly fixed: string;
  /** Higher is more specific: kind first (exact, wildcard, TLD pattern, glob), then the number of fixed characters. */
  readonly specificity: number;
  /** @param name normalised: lower case, no port, no trailing dot. */
  matches(name: string): boolean;
}

export function compileHostPattern(pattern: string): HostPattern {
  const text = normaliseHost(pattern);
  if (!isGlob(text)) return hostPattern('exact', text, text, (name) => name === text);
  if (text.startsWith('*.') && !isGlob(text.slice(2))) {
    const suffix = text.slice(1);
    return hostPattern('wildcard', text, text.slice(2), (name) => name.length > suffix.length && name.endsWith(suffix));
  }
  if (text.endsWith('.*') && !isGlob(text.slice(0, -2))) {
    const beginning = text.slice(0, -1);
    return hostPattern(
      'tld',
      text,
      text.slice(0, -2),
      (name) => name.length > beginning.length && name.startsWith(beginning),
    );
  }
  return hostPattern('glob', text, '', compileGlob(text, '.'));
}

const kindWeights: Readonly<Record<HostPatternKind, number>> = {
  exact: 4_000,
  wildcard: 3_000,
  tld: 2_000,
  glob: 1_000,
};

function hostPattern(
  kind: HostPatternKind,
  text: string,
  fixed: string,
  matches: (name: string) => boolean,
): HostPattern {
  return { kind, text, fixed, specificity: kindWeights[kind] + text.replaceAll(/[*?]/g, '').length, matches };
}

/** A host as people write it, in the form everything is compared in: lower case, no port, no brackets, no trailing dot. */
export function normaliseHost(host: string): string {
  const lowerCase = host.trim().toLowerCase();
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(lowerCase);
  if (bracketed !== null) return bracketed[1] ?? '';
  const withoutPort = /^[^:]*:\d*$/.test(lowerCase) ? lowerCase.slice(0, lowerCase.indexOf(':')) : lowerCase;
  return withoutPort.length > 1 && withoutPort.endsWith('.') ? withoutPort.slice(0, -1) : withoutPort;
}

/** What is wrong with a pattern, as a phrase that follows its name; null when it can be used. */
export function hostPatternProblem(pattern: string): string | null {
  const text = normaliseHost(pattern);
  if (text === '') return 'is empty';
  if (/^[0-9a-f.]*:[0-9a-f:.]*$/.test(text)) return null;
  const character = /[^a-z0-9._*?-]/u.exec(text)?.[0];
  if (character !== undefined && character > '\u007f') return 'has letters beyond ASCII; write the xn-- form';
  if (character !== undefined) return `has the character ${JSON.stringify(character)}, which no host name has`;
  if (text.split('.').includes('')) return 'has an empty label';
  if (text.split('.').some((label) => label.length > 63)) return 'has a label of more than 63 characters';
  return text.length > 253 ? 'is longer than 253 characters' : null;
}
