/**
 * The candidates that one host leads to, found by path without trying each of them.
 *
 * Decides nothing: whether a candidate takes a request is asked of it, who comes first is its rank, 0 first. The path index
 * (rou3) only leaves out candidates whose pattern cannot take the path; it may offer too many, never too few.
 * Must never do: trust the index's own order or its reading of a pattern. Read first: `host-index.ts`, `match-path.ts`.
 */
import { addRoute, createRouter, findAllRoutes, type RouterContext } from 'rou3';
import { type Bucket, RankedList, type Ranked } from './host-index.ts';
import type { PathPattern } from './match-path.ts';

/** Up to so many candidates are tried one by one, which is faster than the index. */
const triedOneByOne = 8;

export interface PathCandidate extends Ranked {
  readonly path: PathPattern | null;
}

type Accepts<Candidate, Subject> = (candidate: Candidate, subject: Subject) => boolean;

export class CandidateList<
  Candidate extends PathCandidate,
  Subject extends { readonly path: string },
> implements Bucket<Candidate, Subject> {
  readonly #accepts: Accepts<Candidate, Subject>;
  readonly #all: RankedList<Candidate, Subject>;
  readonly #added: Candidate[] = [];
  #byPath: PathIndex<Candidate, Subject> | null = null;

  constructor(accepts: Accepts<Candidate, Subject>) {
    this.#accepts = accepts;
    this.#all = new RankedList(accepts);
  }

  add(candidate: Candidate): void {
    this.#all.add(candidate);
    this.#added.push(candidate);
    if (this.#byPath !== null) this.#byPath.add(candidate);
    else if (this.#added.length > triedOneByOne) this.#byPath = new PathIndex(this.#accepts, this.#added);
  }

  lowest(subject: Subject, best: Candidate | null): Candidate | null {
    return (this.#byPath ?? this.#all).lowest(subject, best);
  }
}

class PathIndex<Candidate extends PathCandidate, Subject extends { readonly path: string }> implements Bucket<
  Candidate,
  Subject
> {
  readonly #accepts: Accepts<Candidate, Subject>;
  readonly #pathless: RankedList<Candidate, Subject>;
  readonly #byPattern = new Map<string, RankedList<Candidate, Subject>>();
  readonly #router: RouterContext<RankedList<Candidate, Subject>> = createRouter();

  constructor(accepts: Accepts<Candidate, Subject>, candidates: readonly Candidate[]) {
    this.#accepts = accepts;
    this.#pathless = new RankedList(accepts);
    for (const candidate of candidates) this.add(candidate);
  }

  add(candidate: Candidate): void {
    if (candidate.path === null) this.#pathless.add(candidate);
    else this.#listOf(candidate.path).add(candidate);
  }

  lowest(subject: Subject, best: Candidate | null): Candidate | null {
    let found = this.#pathless.lowest(subject, best);
    if (subject.path === '*') return found;
    for (const { data } of findAllRoutes(this.#router, '', subject.path, withoutParams)) {
      found = data.lowest(subject, found);
    }
    return found;
  }

  #listOf(path: PathPattern): RankedList<Candidate, Subject> {
    const pattern = indexPattern(path);
    const present = this.#byPattern.get(pattern);
    if (present !== undefined) return present;
    const added = new RankedList(this.#accepts);
    this.#byPattern.set(pattern, added);
    addRoute(this.#router, '', pattern, added);
    return added;
  }
}

const withoutParams = { params: false };

/** In the index's language: every fixed character literal, every name one segment, and `**` for the rest or nothing. */
function indexPattern({ kind, segments }: PathPattern): string {
  const written = segments.map((fixed, index) => (fixed === null ? `/:p${index}` : `/${escapeFixed(fixed)}`)).join('');
  return kind === 'wildcard' ? `${written}/**` : written;
}

function escapeFixed(fixed: string): string {
  return fixed.replaceAll(/[^A-Za-z0-9._~%-]/g, String.raw`\$&`);
}
