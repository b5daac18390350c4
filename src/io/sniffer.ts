/**
 * The sniffer: looks at what a leg holds, and finds the route.
 *
 * Asleep between arrivals: it is called when bytes are held and when FIN came, never in between. It consumes nothing, so
 * nothing sniffed can be lost or told twice. Decides by `routing/` and `protocols/`; the deadline is the chart's.
 * Read first: `protocols/classify.ts`, `routing/route-table.ts`.
 */
import { classify, type Classification } from '../protocols/classify.ts';
import { sniffBytesMax, type Detector, type Preface } from '../protocols/detector.ts';
import { mayBeginRequest } from '../protocols/http1.ts';
import { canRefuse } from '../protocols/refusals.ts';
import { validationTokenIn } from '../protocols/http-validation.ts';
import type { RoutePlan } from '../routing/plan.ts';
import type { Client, RouteDecision, RouteTable } from '../routing/route-table.ts';
import type { TlsPlan } from '../routing/tls-plan.ts';
import type { CloseReason } from '../machines/connection/close-reason.ts';
import { challengeAlpn } from './termination.ts';

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
  /** A client hello whose best route terminates TLS. `alpn`: what to agree to, best first. */
  | {
      readonly kind: 'terminating';
      readonly route: RoutePlan;
      readonly plan: TlsPlan;
      readonly alpn: readonly string[];
      readonly sighting: Sighting;
    }
  /** An HTTP-01 validation where nothing serves HTTP. `otherwise`: what becomes of it unless the token is known. */
  | { readonly kind: 'validating'; readonly token: string; readonly otherwise: SniffOutcome }
  /** `detail`: one clause for the record. */
  | {
      readonly kind: 'refused';
      readonly reason: CloseReason;
      readonly route: RoutePlan | null;
      readonly sighting: Sighting;
      readonly detail: string | null;
      /** The host that the client asked for in clear text where TLS ends for that host; '' where it is not known. Null: it did not. */
      readonly meantTls: string | null;
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
  /** Looks at what is inside terminated TLS; null where nothing is terminated. */
  readonly inside: Sniffer | null;
  /** Asked for the sake of an answer only, once a client is refused. */
  readonly #known: readonly Detector[];
  /** Whether an authority may come to validate a name now. */
  readonly #isProving: () => boolean;

  /** @param isProving asked where a refusal would be put off for a validation. */
  constructor(table: RouteTable, known: readonly Detector[], isProving: () => boolean = always) {
    this.table = table;
    this.inside = table.inside === null ? null : new Sniffer(table.inside, known, isProving);
    this.#known = known;
    this.#isProving = isProving;
  }

  /** The outcome that needs no byte, also for want of a route whose lists let the client pass; or null. Who may be an authority that validates is not refused before it spoke. */
  first(client: Client): SniffOutcome | null {
    const outcome = this.#withoutBytes(client, this.table.withoutBytes(client)) ?? this.#shutOut(client);
    return outcome?.kind === 'refused' && this.#awaitsValidations && this.#isProving() ? null : outcome;
  }

  get #awaitsValidations(): boolean {
    const { http, tls } = this.table.validations;
    return http || tls;
  }

  /** Null: some route may let the address pass. */
  #shutOut(client: Client): SniffOutcome | null {
    const shut = this.table.shutsOut(client);
    if (shut === null) return null;
    const { route } = shut;
    const detail = route === null ? 'no route of this port lets this address pass' : notLetPass(route);
    return refusedAs({ reason: 'refused.address', route, sighting: unseen, detail });
  }

  #withoutBytes(client: Client, decision: RouteDecision | null): SniffOutcome | null {
    if (decision === null || isRefusedInWords(decision)) return null;
    return this.#outcomeOf(client, decision, { protocol: null, preface: prefaceOf(client) });
  }

  /** @param ended true exactly when FIN has come. A detector that throws is the caller's to contain. */
  look(client: Client, prefix: Uint8Array, ended: boolean): SniffOutcome {
    const decision = this.table.withoutBytes(client);
    const early = this.#withoutBytes(client, decision) ?? (this.#awaitsValidations ? this.#shutOut(client) : null);
    const usual =
      early === null ? this.#seen(client, prefix, ended, decision !== null) : this.#late(early, prefix, ended);
    if (usual.kind === 'served' || !this.table.validations.http) return usual;
    const token = validationTokenIn(prefix);
    if (token === null || (token === '' && ended)) return usual;
    return token === '' ? mayValidate : { kind: 'validating', token, otherwise: usual };
  }

  /** A refusal that was put off, and comes as it would have come at once; unless it is TLS that asks for a validation. */
  #late(refused: SniffOutcome, prefix: Uint8Array, ended: boolean): SniffOutcome {
    if (!this.table.validations.tls || refused.kind !== 'refused') return refused;
    const tls = this.#known.filter(({ name }) => name === 'tls');
    const found = classify(tls, prefix, ended);
    if (found.kind === 'needsMore') return { kind: 'waiting', answerable: false, suspected: null };
    const sighting = sightingOf(found);
    return sighting.preface?.alpn.includes(challengeAlpn) === true ? { ...refused, sighting } : refused;
  }

  /** @param isRefused no route will take it: it is looked at for the sake of an answer in its own protocol. */
  #seen(client: Client, prefix: Uint8Array, ended: boolean, isRefused: boolean): SniffOutcome {
    const found = classify(isRefused ? this.#known : this.table.detectors, prefix, ended);
    if (this.table.servesHttp) {
      const http = httpOf(found);
      if (http !== null) return servedOf(http, client);
    }
    if (found.kind === 'needsMore') {
      const { suspected } = found;
      return { kind: 'waiting', answerable: suspected !== null && canRefuse(suspected), suspected };
    }
    if (found.kind === 'malformed') {
      const sighting: Sighting = { protocol: found.protocol, preface: null };
      return refusedAs({ reason: 'downstream.malformed', sighting, detail: found.detail });
    }
    const seen = sightingOf(found);
    const sighting: Sighting = { protocol: seen.protocol, preface: prefaceOf(client) ?? seen.preface };
    const subject = { ...client, protocol: sighting.protocol, preface: sighting.preface };
    const decision = this.table.decide(subject);
    if (decision.kind === 'route' && decision.route.tls !== null && client.tls === null) {
      const { route } = decision;
      return {
        kind: 'terminating',
        route,
        plan: decision.route.tls,
        alpn: this.table.offeredAlpn(subject, route),
        sighting,
      };
    }
    const known = this.#recognise(decision, sighting, prefix);
    if (known.protocol === null && this.#isForHttp(decision, prefix)) return servedOf('http', client);
    return this.#misplaced(client, this.#outcomeOf(client, decision, known));
  }

  /** HTTP where TLS is spoken, or TLS where none is: the commonest mistakes, and each has a sentence. */
  #misplaced({ tls }: Client, outcome: SniffOutcome): SniffOutcome {
    if (outcome.kind !== 'refused' || outcome.reason !== 'refused.protocol' || tls !== null) return outcome;
    const { protocol, preface } = outcome.sighting;
    if (protocol === 'tls') return { ...outcome, detail: 'the client speaks TLS, and nothing here does' };
    if (protocol !== 'http' || this.inside === null) return outcome;
    const name = preface?.serverName ?? '';
    const meantTls = isPlainName(name) && this.table.endsTlsFor(name) ? name : '';
    return { ...outcome, detail: 'the client speaks HTTP in clear text, and only TLS is spoken here', meantTls };
  }

  /** Nobody else takes the client, and what it sends is as far from HTTP as a slip: HTTP tells it what is wrong. */
  #isForHttp(decision: RouteDecision, prefix: Uint8Array): boolean {
    return decision.kind === 'refused' && this.table.servesHttp && mayBeginRequest(prefix);
  }

  /** The outcome for a client that stays silent: where no such route is for it, it is waited for like any other. */
  serverFirst(client: Client): SniffOutcome {
    const route = this.table.serverFirst(client);
    if (route === null) return { kind: 'waiting', answerable: false, suspected: null };
    return this.#outcomeOf(client, { kind: 'route', route }, { protocol: null, preface: prefaceOf(client) });
  }

  /** Security comes after matching: who may not pass is refused by the route that was chosen, and no other is tried. */
  #outcomeOf({ ip }: Client, decision: RouteDecision, sighting: Sighting): SniffOutcome {
    if (decision.kind !== 'route' || this.table.admits(decision.route, ip)) return outcomeOf(decision, sighting);
    const { route } = decision;
    return refusedAs({ reason: 'refused.address', route, sighting, detail: notLetPass(route) });
  }

  /** What a refused client speaks, although no route asked, so that it can be answered in its own protocol. */
  #recognise(decision: RouteDecision, sighting: Sighting, prefix: Uint8Array): Sighting {
    if (sighting.protocol !== null || (decision.kind === 'route' && !isRefusedInWords(decision))) return sighting;
    const found = this.#classified(prefix);
    if (found === null) return sighting;
    if (found.kind === 'needsMore') return { protocol: found.suspected, preface: null };
    return sightingOf(found);
  }

  /** Null where a detector threw: it was asked for the sake of an answer only, and why the client is refused is known already. */
  #classified(prefix: Uint8Array): Classification | null {
    try {
      return classify(this.#known, prefix, false);
    } catch {
      return null;
    }
  }
}

const always = (): boolean => true;

type Refused = Extract<SniffOutcome, { readonly kind: 'refused' }>;

function refusedAs(why: Pick<Refused, 'reason' | 'sighting'> & Partial<Refused>): Refused {
  return { kind: 'refused', route: null, detail: null, meantTls: null, ...why };
}

function notLetPass({ name }: RoutePlan): string {
  return `the lists of ${name} do not let this address pass`;
}

/** What may be said back to whoever sent it: letters of a host name and nothing else. */
function isPlainName(name: string): boolean {
  return /^[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?$/.test(name);
}

const mayValidate: SniffOutcome = { kind: 'waiting', answerable: true, suspected: 'http' };

/** What was agreed on in the handshake is what may be spoken; where nothing was, either version may (RFC 7301 §3.2). */
function servedOf(protocol: 'http' | 'h2c', client: Client): SniffOutcome {
  const agreed = client.tls?.alpn ?? null;
  const sighting: Sighting = { protocol, preface: prefaceOf(client) };
  const isOther = (agreed === 'h2' && protocol === 'http') || (agreed === 'http/1.1' && protocol === 'h2c');
  if (!isOther) return { kind: 'served', sighting };
  const [meant, spoken] = protocol === 'http' ? ['HTTP/2 (h2)', 'HTTP/1.1'] : ['HTTP/1.1 (http/1.1)', 'HTTP/2'];
  const detail = `the client agreed on ${meant} by ALPN and speaks ${spoken}`;
  return refusedAs({ reason: 'downstream.malformed', sighting, detail });
}

/** True exactly when the route wants the client to be told no in its own protocol, for which it must speak first. */
function isRefusedInWords(decision: RouteDecision): boolean {
  return decision.kind === 'route' && decision.route.action.type === 'block' && decision.route.action.how === 'reply';
}

function outcomeOf(decision: RouteDecision, sighting: Sighting): SniffOutcome {
  if (decision.kind === 'refused') return refusedAs({ reason: decision.reason, sighting });
  const { route } = decision;
  const { action } = route;
  if (action.type === 'forward' || (action.type === 'handler' && action.kind === 'socket'))
    return { kind: 'routed', route, sighting };
  return refusedAs({ reason: 'route.blocked', route, sighting });
}

/**
 * HTTP, as soon as it can be nothing else: what is wrong with a request is then told by the HTTP service, whose deadline
 * for the head is its own.
 */
function httpOf(found: Classification): 'http' | 'h2c' | null {
  const protocol = found.kind === 'needsMore' ? found.suspected : found.kind === 'unknown' ? null : found.protocol;
  return protocol === 'http' || (protocol === 'h2c' && found.kind === 'recognised') ? protocol : null;
}

/** Behind terminated TLS the handshake has named the host: what is inside names one for each request, or none. */
function prefaceOf({ tls }: Client): Preface | null {
  return tls === null ? null : { serverName: tls.serverName, alpn: tls.alpn === null ? [] : [tls.alpn] };
}

function sightingOf(found: Classification): Sighting {
  return found.kind === 'recognised' ? { protocol: found.protocol, preface: found.preface } : unseen;
}
