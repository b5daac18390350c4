/**
 * The sniffer: looks at what a leg holds, and finds the route.
 *
 * Asleep between arrivals: it is called when bytes are held and when FIN came, never in between. It consumes nothing, so
 * nothing sniffed can be lost or told twice. Decides by `routing/` and `protocols/`; the deadline is the chart's.
 * Read first: `protocols/classify.ts`, `routing/route-table.ts`.
 */
import { classify, type Classification } from '../protocols/classify.ts';
import { sniffBytesMax, type Detector, type Preface } from '../protocols/detector.ts';
import { canRefuse } from '../protocols/refusals.ts';
import type { RoutePlan } from '../routing/plan.ts';
import type { RouteDecision, RouteTable } from '../routing/route-table.ts';
import type { CloseReason } from '../machines/connection/close-reason.ts';

/** What was learnt of the client so far. */
export interface Sighting {
  /** What the client speaks; null when it was not looked at or is unknown. */
  readonly protocol: string | null;
  readonly preface: Preface | null;
}

export type SniffOutcome =
  | { readonly kind: 'routed'; readonly route: RoutePlan; readonly sighting: Sighting }
  /** HTTP, request by request: the bytes are surely HTTP's, and a route is chosen for each request. */
  | { readonly kind: 'served'; readonly sighting: Sighting }
  /** `detail`: one clause for the record. */
  | {
      readonly kind: 'refused';
      readonly reason: CloseReason;
      readonly route: RoutePlan | null;
      readonly sighting: Sighting;
      readonly detail: string | null;
    }
  /** `answerable`: the bytes are surely those of a protocol in which a refusal can be written. */
  | { readonly kind: 'waiting'; readonly answerable: boolean; readonly suspected: string | null };

const unseen: Sighting = { protocol: null, preface: null };

/** So many looks at one client are free. A trickle that goes on is looked at less and less often. */
const looksMax = 512;

/** The prefix of one client, grown in place, so that a trickle is not copied again and again. */
export class PeekBuffer {
  #bytes: Uint8Array<ArrayBuffer> | null = null;
  /** Bytes taken so far. The last held piece may have grown since. */
  #length = 0;
  #looks = 0;
  #dueBytes = 0;

  /**
   * True exactly when it is worth a look: often in the beginning, then each time that an eighth has been added, and
   * when nothing more can come. Call it once for each arrival.
   */
  isDue(heldBytes: number, ended: boolean): boolean {
    if (!ended && heldBytes < this.#dueBytes) return false;
    this.#looks += 1;
    if (this.#looks >= looksMax) this.#dueBytes = Math.min(sniffBytesMax, heldBytes + Math.ceil(heldBytes / 8));
    return true;
  }

  /** Every held byte in one piece, at most `sniffBytesMax`. Valid for the call. */
  view(held: readonly Uint8Array[]): Uint8Array {
    const [first] = held;
    if (first === undefined) return new Uint8Array(0);
    if (held.length === 1) return first.subarray(0, sniffBytesMax);
    let position = 0;
    for (const piece of held) {
      if (position + piece.length > this.#length) this.#append(piece.subarray(this.#length - position));
      position += piece.length;
      if (this.#length === sniffBytesMax) break;
    }
    return (this.#bytes ?? first).subarray(0, this.#length);
  }

  #append(chunk: Uint8Array): void {
    const taken = chunk.subarray(0, sniffBytesMax - this.#length);
    const wanted = this.#length + taken.length;
    if (this.#bytes === null || wanted > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(sniffBytesMax, Math.max(1024, wanted * 2)));
      if (this.#bytes !== null) grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(taken, this.#length);
    this.#length = wanted;
  }
}

/** One listener's way of looking at clients. Shared by all its connections. */
export class Sniffer {
  readonly table: RouteTable;
  /** Asked for the sake of an answer only, once a client is refused. */
  readonly #known: readonly Detector[];

  constructor(table: RouteTable, known: readonly Detector[]) {
    this.table = table;
    this.#known = known;
  }

  /** The outcome that needs no byte, or null. */
  first(ip: string): SniffOutcome | null {
    const decision = this.table.withoutBytes({ ip });
    if (decision === null || isRefusedInWords(decision)) return null;
    return outcomeOf(decision, unseen);
  }

  /** @param ended true exactly when FIN has come. A detector that throws is the caller's to contain. */
  look(ip: string, prefix: Uint8Array, ended: boolean): SniffOutcome {
    const early = this.table.withoutBytes({ ip });
    const detectors = early === null ? this.table.detectors : this.#known;
    const found = classify(detectors, prefix, ended);
    if (this.table.servesHttp) {
      const http = httpOf(found);
      if (http !== null) return { kind: 'served', sighting: { protocol: http, preface: null } };
    }
    if (found.kind === 'needsMore') {
      const { suspected } = found;
      return { kind: 'waiting', answerable: suspected !== null && canRefuse(suspected), suspected };
    }
    if (found.kind === 'malformed') {
      const sighting: Sighting = { protocol: found.protocol, preface: null };
      return { kind: 'refused', reason: 'downstream.malformed', route: null, sighting, detail: found.detail };
    }
    const sighting = sightingOf(found);
    const decision = this.table.decide({ ip, protocol: sighting.protocol, preface: sighting.preface });
    return outcomeOf(decision, this.#recognise(decision, sighting, prefix));
  }

  /** The outcome for a client that stays silent: where no such route is for it, it is waited for like any other. */
  serverFirst(ip: string): SniffOutcome {
    const route = this.table.serverFirst({ ip });
    if (route === null) return { kind: 'waiting', answerable: false, suspected: null };
    return outcomeOf({ kind: 'route', route }, unseen);
  }

  /** What a refused client speaks, although no route asked, so that it can be answered in its own protocol. */
  #recognise(decision: RouteDecision, sighting: Sighting, prefix: Uint8Array): Sighting {
    if (sighting.protocol !== null || (decision.kind === 'route' && !isRefusedInWords(decision))) return sighting;
    const found = classify(this.#known, prefix, false);
    if (found.kind === 'needsMore') return { protocol: found.suspected, preface: null };
    return sightingOf(found);
  }
}

/** True exactly when the route wants the client to be told no in its own protocol, for which it must speak first. */
function isRefusedInWords(decision: RouteDecision): boolean {
  return decision.kind === 'route' && decision.route.action.type === 'block' && decision.route.action.how === 'reply';
}

function outcomeOf(decision: RouteDecision, sighting: Sighting): SniffOutcome {
  if (decision.kind === 'refused')
    return { kind: 'refused', reason: decision.reason, route: null, sighting, detail: null };
  const { route } = decision;
  const { action } = route;
  if (action.type === 'forward' || (action.type === 'handler' && action.kind === 'socket'))
    return { kind: 'routed', route, sighting };
  return { kind: 'refused', reason: 'route.blocked', route, sighting, detail: null };
}

/**
 * HTTP, as soon as it can be nothing else: what is wrong with a request is then told by the HTTP service, whose deadline
 * for the head is its own.
 */
function httpOf(found: Classification): 'http' | 'h2c' | null {
  const protocol = found.kind === 'needsMore' ? found.suspected : found.kind === 'unknown' ? null : found.protocol;
  return protocol === 'http' || (protocol === 'h2c' && found.kind === 'recognised') ? protocol : null;
}

function sightingOf(found: Classification): Sighting {
  return found.kind === 'recognised' ? { protocol: found.protocol, preface: found.preface } : unseen;
}
