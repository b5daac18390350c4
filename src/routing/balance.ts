/**
 * Which of several targets comes next.
 *
 * Decides, for the targets of a route: connections start at successive targets, the first one at the first target; an
 * attempt after a failed one goes on from there, so that each target is tried once before any is tried again.
 * Decides, for the endpoints of a pool: one of those that may be used, by turns, by load, by chance or by a key; one that
 * this dial has tried already only when there is no other.
 * Must never do: know why an endpoint may not be used, or draw by chance other than from what it is given.
 */
import { hashOf, scoreOf } from './rendezvous.ts';

export interface RoundRobin {
  /** The index for the next connection to start with. */
  next(): number;
}

/** @param count how many targets there are, at least 1. */
export function roundRobin(count: number): RoundRobin {
  let upcoming = 0;
  return {
    next: () => {
      const picked = upcoming;
      upcoming = (upcoming + 1) % count;
      return picked;
    },
  };
}

/** The index of a connection's attempt, counted from 0, where the first attempt took `start`. */
export function pick(start: number, attempt: number, count: number): number {
  return (start + attempt) % count;
}

/** The order in which one connection tries the targets: `start`, then the following ones, each once. */
export function order(start: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, attempt) => pick(start, attempt, count));
}

/** One endpoint of a pool, as far as balancing goes. */
export interface BalancedEndpoint {
  /** Says which it is, whatever its place in the list: `host:port`, `unix:/path`. Two of one name share their keys. */
  readonly name: string;
  /** More than 0; twice the weight is twice the connections. */
  readonly weight: number;
}

export type BalanceKind = 'round-robin' | 'least-connections' | 'random-two' | 'hash';

/** What is known when an endpoint is wanted. Indexes are places in the list of endpoints. */
export interface PickQuestion {
  /** True exactly when it may be used at all: up, below its cap, and its breaker lets one through. */
  isEligible(index: number): boolean;
  /** The share of its weight that it is given, more than 0 and at most 1: less than 1 while it starts slowly. Absent = 1. */
  shareOf?(index: number): number;
  /** How many connections it has. */
  heldBy(index: number): number;
  /** Those that this dial has tried. */
  readonly tried: ReadonlySet<number>;
  /** 0 to 1, excluding 1. */
  random(): number;
  /** What is to lead to the same endpoint again: the client's address, a cookie. */
  readonly key: string;
}

export interface Balancer {
  /** Null exactly when none is eligible. */
  pick(question: PickQuestion): number | null;
}

/**
 * Made anew when the endpoints change, and only then: turns begin again with it, keys stay where they are as far as their
 * endpoint is still there.
 */
export function createBalancer(kind: BalanceKind, endpoints: readonly BalancedEndpoint[]): Balancer {
  const choose = choosers[kind](endpoints);
  return {
    pick: (question) => {
      const eligible = [...endpoints.keys()].filter((index) => question.isEligible(index));
      const fresh = eligible.filter((index) => !question.tried.has(index));
      const indexes = fresh.length > 0 ? fresh : eligible;
      const [only] = indexes;
      if (only === undefined) return null;
      const candidates = indexes.map((index) => candidateOf(endpoints, index, question));
      return choose(candidates, question);
    },
  };
}

interface Candidate {
  readonly index: number;
  /** With its share. */
  readonly weight: number;
}

function candidateOf(endpoints: readonly BalancedEndpoint[], index: number, question: PickQuestion): Candidate {
  const share = question.shareOf?.(index) ?? 1;
  return { index, weight: (endpoints[index]?.weight ?? 1) * share };
}

/** Takes one of the candidates, of which there is at least one. */
type Choose = (candidates: readonly Candidate[], question: PickQuestion) => number;

const choosers: Readonly<Record<BalanceKind, (endpoints: readonly BalancedEndpoint[]) => Choose>> = {
  'round-robin': byTurns,
  'least-connections': byLoad,
  'random-two': () => byChance,
  hash: byKey,
};

/**
 * Smooth weighted turns: each candidate gains its weight, whoever has most is taken and pays for all. Over as many picks
 * as the weights add up to, each is taken exactly as often as its weight says, and never in a row where it can be helped.
 */
function byTurns(endpoints: readonly BalancedEndpoint[]): Choose {
  const gains = endpoints.map(() => 0);
  return (candidates) => {
    let total = 0;
    let [best] = candidates;
    for (const one of candidates) {
      total += one.weight;
      gains[one.index] = gainOf(gains, one) + one.weight;
      if (best === undefined || gainOf(gains, one) > gainOf(gains, best)) best = one;
    }
    if (best === undefined) return 0;
    gains[best.index] = gainOf(gains, best) - total;
    return best.index;
  };
}

function gainOf(gains: readonly number[], { index }: Candidate): number {
  return gains[index] ?? 0;
}

/** Fewest connections for its weight; equals, which all are where nothing lasts, take turns by weight. */
function byLoad(endpoints: readonly BalancedEndpoint[]): Choose {
  const takeTurns = byTurns(endpoints);
  return (candidates, question) => {
    const loads = candidates.map((one) => loadOf(one, question));
    const least = Math.min(...loads);
    return takeTurns(
      candidates.filter((_, at) => loads[at] === least),
      question,
    );
  };
}

/** Two by chance, each as likely as its weight says, and of those the one with fewer connections for its weight. */
function byChance(candidates: readonly Candidate[], question: PickQuestion): number {
  const first = draw(candidates, question.random());
  const second = draw(
    candidates.filter((one) => one !== first),
    question.random(),
  );
  if (first === null) return second?.index ?? 0;
  if (second === null) return first.index;
  return loadOf(second, question) < loadOf(first, question) ? second.index : first.index;
}

function loadOf({ index, weight }: Candidate, question: PickQuestion): number {
  return question.heldBy(index) / weight;
}

function draw(candidates: readonly Candidate[], random: number): Candidate | null {
  let left = random * candidates.reduce((sum, { weight }) => sum + weight, 0);
  for (const one of candidates) {
    left -= one.weight;
    if (left < 0) return one;
  }
  return candidates.at(-1) ?? null;
}

/** Rendezvous: each endpoint has a score for each key, and the highest wins. Who leaves takes only its own keys along. */
function byKey(endpoints: readonly BalancedEndpoint[]): Choose {
  const hashes = endpoints.map(({ name }) => hashOf(name));
  return (candidates, { key }) => {
    const keyHash = hashOf(key);
    let [best] = candidates;
    let highest = -Infinity;
    for (const one of candidates) {
      const score = scoreOf(keyHash, hashes[one.index] ?? 0, one.weight);
      if (score <= highest) continue;
      highest = score;
      best = one;
    }
    return best?.index ?? 0;
  };
}
