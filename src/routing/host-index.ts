/**
 * Finds the best candidate for a name without trying every pattern: a look-up for exact names, one per label for wildcards
 * and TLD patterns, and a walk over the globs only.
 *
 * Decides nothing about order: candidates bring their rank, 0 first. Must never do: allocate per look-up more than the
 * suffixes it looks for. Read first: `match-host.ts`.
 */
import type { HostPattern } from './match-host.ts';

export interface Ranked {
  readonly rank: number;
}

export class HostIndex<Candidate extends Ranked, Subject> {
  readonly #accepts: (candidate: Candidate, subject: Subject) => boolean;
  readonly #exact = new Map<string, Candidate[]>();
  readonly #wildcards = new Map<string, Candidate[]>();
  readonly #beginnings = new Map<string, Candidate[]>();
  readonly #globs: { readonly pattern: HostPattern; readonly candidate: Candidate }[] = [];

  /** @param accepts whether a candidate whose pattern matches takes the subject in all other respects. */
  constructor(accepts: (candidate: Candidate, subject: Subject) => boolean) {
    this.#accepts = accepts;
  }

  /** Candidates are added in the order of their rank. */
  add(pattern: HostPattern, candidate: Candidate): void {
    if (pattern.kind === 'glob') this.#globs.push({ pattern, candidate });
    else if (pattern.kind === 'exact') addTo(this.#exact, pattern.fixed, candidate);
    else if (pattern.kind === 'wildcard') addTo(this.#wildcards, pattern.fixed, candidate);
    else addTo(this.#beginnings, pattern.fixed, candidate);
  }

  /** The accepted candidate of the lowest rank for a name, or `best` when none is lower. */
  find(name: string, subject: Subject, best: Candidate | null): Candidate | null {
    let found = this.#lower(this.#exact.get(name), subject, best);
    if (this.#wildcards.size > 0) {
      for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
        found = this.#lower(this.#wildcards.get(name.slice(dot + 1)), subject, found);
      }
    }
    if (this.#beginnings.size > 0) {
      for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
        found = this.#lower(this.#beginnings.get(name.slice(0, dot)), subject, found);
      }
    }
    for (const { pattern, candidate } of this.#globs) {
      if (found !== null && found.rank <= candidate.rank) break;
      if (pattern.matches(name) && this.#accepts(candidate, subject)) found = candidate;
    }
    return found;
  }

  #lower(candidates: readonly Candidate[] | undefined, subject: Subject, best: Candidate | null): Candidate | null {
    if (candidates === undefined) return best;
    for (const candidate of candidates) {
      if (best !== null && best.rank <= candidate.rank) return best;
      if (this.#accepts(candidate, subject)) return candidate;
    }
    return best;
  }
}

function addTo<Candidate>(map: Map<string, Candidate[]>, key: string, candidate: Candidate): void {
  const present = map.get(key);
  if (present === undefined) map.set(key, [candidate]);
  else present.push(candidate);
}
