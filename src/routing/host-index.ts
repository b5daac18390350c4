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

/** The candidates that one host pattern leads to. */
export interface Bucket<Candidate extends Ranked, Subject> {
  /** Candidates are added in the order of their rank. */
  add(candidate: Candidate): void;
  /** The candidate of the lowest rank that takes the subject, or `best` when none is lower. */
  lowest(subject: Subject, best: Candidate | null): Candidate | null;
}

/** A bucket that tries its candidates one by one. */
export class RankedList<Candidate extends Ranked, Subject> implements Bucket<Candidate, Subject> {
  readonly #accepts: (candidate: Candidate, subject: Subject) => boolean;
  readonly #candidates: Candidate[] = [];

  constructor(accepts: (candidate: Candidate, subject: Subject) => boolean) {
    this.#accepts = accepts;
  }

  add(candidate: Candidate): void {
    this.#candidates.push(candidate);
  }

  lowest(subject: Subject, best: Candidate | null): Candidate | null {
    for (const candidate of this.#candidates) {
      if (best !== null && best.rank <= candidate.rank) return best;
      if (this.#accepts(candidate, subject)) return candidate;
    }
    return best;
  }
}

export class HostIndex<Candidate extends Ranked, Subject> {
  readonly #makeBucket: () => Bucket<Candidate, Subject>;
  readonly #exact = new Map<string, Bucket<Candidate, Subject>>();
  readonly #wildcards = new Map<string, Bucket<Candidate, Subject>>();
  readonly #beginnings = new Map<string, Bucket<Candidate, Subject>>();
  /** By pattern; `rank` is that of the first candidate. */
  readonly #globs = new Map<string, Glob<Candidate, Subject>>();

  /** @param makeBucket whose candidates are asked about everything but the host. */
  constructor(makeBucket: () => Bucket<Candidate, Subject>) {
    this.#makeBucket = makeBucket;
  }

  /** Candidates are added in the order of their rank. */
  add(pattern: HostPattern, candidate: Candidate): void {
    if (pattern.kind === 'glob') this.#addGlob(pattern, candidate);
    else if (pattern.kind === 'exact') this.#addTo(this.#exact, pattern.fixed, candidate);
    else if (pattern.kind === 'wildcard') this.#addTo(this.#wildcards, pattern.fixed, candidate);
    else this.#addTo(this.#beginnings, pattern.fixed, candidate);
  }

  /** The accepted candidate of the lowest rank for a name, or `best` when none is lower. */
  find(name: string, subject: Subject, best: Candidate | null): Candidate | null {
    let found = this.#exact.get(name)?.lowest(subject, best) ?? best;
    if (this.#wildcards.size > 0) {
      for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
        found = this.#wildcards.get(name.slice(dot + 1))?.lowest(subject, found) ?? found;
      }
    }
    if (this.#beginnings.size > 0) {
      for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
        found = this.#beginnings.get(name.slice(0, dot))?.lowest(subject, found) ?? found;
      }
    }
    for (const { pattern, rank, bucket } of this.#globs.values()) {
      if (found !== null && found.rank <= rank) break;
      if (pattern.matches(name)) found = bucket.lowest(subject, found);
    }
    return found;
  }

  #addGlob(pattern: HostPattern, candidate: Candidate): void {
    const present = this.#globs.get(pattern.text);
    if (present !== undefined) {
      present.bucket.add(candidate);
      return;
    }
    const bucket = this.#makeBucket();
    bucket.add(candidate);
    this.#globs.set(pattern.text, { pattern, rank: candidate.rank, bucket });
  }

  #addTo(map: Map<string, Bucket<Candidate, Subject>>, key: string, candidate: Candidate): void {
    const bucket = map.get(key) ?? this.#makeBucket();
    bucket.add(candidate);
    map.set(key, bucket);
  }
}

interface Glob<Candidate extends Ranked, Subject> {
  readonly pattern: HostPattern;
  readonly rank: number;
  readonly bucket: Bucket<Candidate, Subject>;
}
