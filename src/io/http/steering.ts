/**
 * Where one request goes: the route that takes it, who may pass, and what is answered where nothing is forwarded.
 *
 * Decides by `routing/` and by the route's authenticator. Must never do: own a timer; how long this may take is the chart's
 * `sniff`, and stopping tells the authenticator by a signal.
 * Read first: `routing/route-table.ts`, `../authentication/authenticator.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import { hostOf } from './host-of.ts';
import { fieldValue, fieldValues } from '../../protocols/http/fields.ts';
import { forwardedClient, type ForwardedClient } from '../../protocols/http/forwarded-for.ts';
import { isLastHop } from '../../protocols/http/max-forwards.ts';
import {
  hasBody,
  noFields,
  type HttpProblem,
  type RequestHead,
  type ResponseHead,
} from '../../protocols/http/message.ts';
import { ownAnswer, type OwnAnswer } from '../../protocols/http/own-answer.ts';
import { reasonPhrase } from '../../protocols/http/reason-phrase.ts';
import { validationPath } from '../../protocols/http-validation.ts';
import type { PathMatch, RedirectAction, RespondAction } from '../../routing/http-plan.ts';
import type { RoutePlan, TargetPlan } from '../../routing/plan.ts';
import { isCovered } from '../../routing/certificate-cover.ts';
import { redirectLocation } from '../../routing/rewrite.ts';
import type { RouteTable } from '../../routing/route-table.ts';
import type { AuthenticationOutcome } from '../authentication/authenticator.ts';
import type { RouteClaim, RouteRefusal } from '../route-admission.ts';
import { schemeOf } from '../proxied.ts';
import type { SecuredClient } from '../tls/secured-client.ts';
import { RoutePlace, type PlaceOwner } from './route-place.ts';

export type Verdict =
  | {
      readonly kind: 'forward';
      readonly route: RoutePlan;
      readonly path: PathMatch;
      /** Empty where a handler of the embedding program is the upstream. */
      readonly targets: readonly TargetPlan[];
    }
  | {
      readonly kind: 'answer';
      readonly route: RoutePlan | null;
      readonly reason: CloseReason;
      /** Null: what is answered for this reason everywhere. */
      readonly answer: OwnAnswer | null;
      readonly cause: string | null;
    }
  | { readonly kind: 'cut'; readonly route: RoutePlan; readonly reason: CloseReason; readonly manner: 'reset' | 'end' };

/** The exchange, as its steering knows it. */
export interface SteeringOwner extends PlaceOwner {
  readonly exchangeId: string;
  readonly head: RequestHead | null;
  steered(verdict: Verdict): void;
  broken(error: unknown): void;
}

export class Steering {
  readonly #owner: SteeringOwner;
  readonly #place: RoutePlace;
  #asking: AbortController | null = null;
  /** Found once for an exchange, because it is asked several times; null until then. */
  #client: ForwardedClient | null = null;

  constructor(owner: SteeringOwner) {
    this.#owner = owner;
    this.#place = new RoutePlace(owner);
  }

  start(): void {
    const { head, holder } = this.#owner;
    if (head === null) return;
    if (head.target.startsWith(validationPath) && this.#answersChallenge(head)) return;
    // Here for a validation alone: the routes of the port carry their bytes unread.
    if (!this.#table.servesHttp) return this.#refuse(null, 'refused.route', null);
    if (head.method === 'TRACE' && hasBody(head)) return this.#problem(tracedBody);
    const decision = this.#table.decideRequest({
      ip: holder.client.host,
      tls: holder.tls,
      protocol: holder.protocol,
      isWebSocket: head.upgrade === 'websocket',
      host: hostOf(head.authority),
      method: head.method,
      target: head.target,
      fields: head.fields,
    });
    switch (decision.kind) {
      case 'malformed':
        return this.#problem({ status: 400, detail: decision.detail });
      case 'refused':
        if (head.method === 'TRACE') return this.#problem(untraced);
        return this.#refuse(null, decision.reason, null);
      case 'misdirected':
        return this.#misdirect(decision.route);
      case 'route':
        if (isElsewhere(holder.tls, hostOf(head.authority))) return this.#misdirect(decision.route);
        return this.#admit(decision.route, decision.path, decision.targets, head);
    }
  }

  get #table(): RouteTable {
    const { listener, tls } = this.#owner.holder;
    return (tls === null ? listener.sniffer : (listener.sniffer.inside ?? listener.sniffer)).table;
  }

  /** Whose address it is: the peer's, or what trusted proxies in front say, as far back as they can be believed. */
  get clientIp(): string {
    return this.#forwarded.ip;
  }

  get #forwarded(): ForwardedClient {
    this.#client ??= this.#findClient();
    return this.#client;
  }

  #findClient(): ForwardedClient {
    const { holder, ports, head } = this.#owner;
    const peer = holder.client.host;
    if (!ports.isTrusted(peer)) return { ip: peer, isCertain: true };
    return forwardedClient(head?.fields ?? noFields, peer, ports.isTrusted);
  }

  /** True exactly when the exchange has its place on the route; else it waits for one, and `whenPlaced` tells. */
  get isPlaced(): boolean {
    return !this.#place.isWaiting;
  }

  whenPlaced(tell: () => void): void {
    this.#place.whenPlaced(tell);
  }

  stopWaiting(): void {
    this.#place.stopWaiting();
  }

  /** What the exchange uses of its route, for the connection, which goes on using it. */
  takeClaim(): RouteClaim | null {
    return this.#place.handOver();
  }

  /** The exchange has entered CLOSED. */
  letGo(): void {
    this.stop();
    this.#place.letGo();
  }

  stop(): void {
    this.#asking?.abort();
    this.#asking = null;
  }

  #admit(route: RoutePlan, path: PathMatch, targets: readonly TargetPlan[], head: RequestHead): void {
    const denial = this.#denialOn(route);
    if (denial !== null) return this.#refuse(route, 'refused.address', denial);
    const refusal = this.#place.take(route, () => this.clientIp);
    if (refusal !== null) return this.#refuseFor(route, refusal);
    if (route.authentication === null) return this.#act(route, path, targets, head);
    const given = fieldValues(head.fields, 'authorization');
    const asking = new AbortController();
    this.#asking = asking;
    const told = (outcome: AuthenticationOutcome): void => {
      if (this.#asking !== asking) return;
      this.#asking = null;
      if (outcome.kind === 'granted') this.#act(route, path, targets, head);
      else if (outcome.kind === 'denied') this.#deny(route, outcome);
      else this.#unavailable(route, outcome.detail);
    };
    const authenticator = this.#owner.ports.authenticatorOf(route.authentication);
    const outcome = authenticator.check(given.length === 1 ? (given[0] ?? null) : null, asking.signal);
    if (outcome instanceof Promise) outcome.then(told).catch((error: unknown) => this.#owner.broken(error));
    else told(outcome);
  }

  /** Why the address may not pass; null: it may. Where addresses count, nobody passes who may be one or the other. */
  #denialOn(route: RoutePlan): string | null {
    const isListed = this.#table.restricts(route);
    if ((isListed || countsAddresses(route)) && !this.#forwarded.isCertain)
      return 'X-Forwarded-For and Forwarded name different clients';
    if (!isListed || this.#table.admits(route, this.clientIp)) return null;
    return `the lists of ${route.name} do not let this address pass`;
  }

  #act(route: RoutePlan, path: PathMatch, targets: readonly TargetPlan[], head: RequestHead): void {
    const { action } = route;
    if (this.#place.lostBy !== null) return this.#refuse(route, 'refused.capacity', this.#place.lostBy);
    switch (action.type) {
      case 'forward': {
        if (isLastHop(head)) return this.#answerAsLast(route, head);
        return this.#owner.steered({ kind: 'forward', route, path, targets });
      }
      case 'handler':
        if (action.kind === 'socket') return this.#refuse(route, 'refused.protocol', 'the handler takes no requests');
        return this.#owner.steered({ kind: 'forward', route, path, targets });
      case 'redirect':
        return this.#redirect(route, action, head, path);
      case 'respond':
        return this.#respond(route, responseOf(action));
      case 'block':
        if (action.how === 'reply') return this.#refuse(route, 'route.blocked', null);
        return this.#owner.steered({
          kind: 'cut',
          route,
          reason: 'route.blocked',
          manner: action.how === 'fin' ? 'end' : 'reset',
        });
    }
  }

  #respond(route: RoutePlan | null, answer: OwnAnswer): void {
    this.#owner.steered({ kind: 'answer', route, reason: 'completed', answer, cause: null });
  }

  #refuse(route: RoutePlan | null, reason: CloseReason, cause: string | null): void {
    this.#owner.steered({ kind: 'answer', route, reason, answer: null, cause });
  }

  /** With the time after which it is worth asking again, where that is known. */
  #refuseFor(route: RoutePlan, { reason, cause, retryAfterMs }: RouteRefusal): void {
    const { head, body } = ownAnswer(reason, this.#owner.exchangeId);
    const seconds = Math.ceil((retryAfterMs ?? Infinity) / 1_000);
    const fields = Number.isFinite(seconds) ? [...head.fields, 'Retry-After', String(seconds)] : head.fields;
    this.#owner.steered({ kind: 'answer', route, reason, answer: { head: { ...head, fields }, body }, cause });
  }

  /** Before routes, lists, redirects and whoever asks for a name: the authority that validates knows none of them. */
  #answersChallenge({ target, method }: RequestHead): boolean {
    if (method !== 'GET' && method !== 'HEAD') return false;
    const text = this.#owner.ports.httpChallenge(target.slice(validationPath.length));
    if (text === null) return false;
    const body = Buffer.from(text);
    const answer = { head: headOf(200, ['Content-Type', 'application/octet-stream'], body.length), body };
    const cause = 'a validation by HTTP-01 was answered';
    this.#owner.steered({ kind: 'answer', route: null, reason: 'completed', answer, cause });
    return true;
  }

  #problem(problem: HttpProblem): void {
    const answer = ownAnswer(problem, this.#owner.exchangeId);
    this.#owner.steered({ kind: 'answer', route: null, reason: 'downstream.malformed', answer, cause: problem.detail });
  }

  /** The request is for a route behind another TLS policy: it may be asked again on a connection of its own (RFC 9110 §15.5.20). */
  #misdirect(route: RoutePlan): void {
    const detail = 'this connection is not for that host';
    const answer = ownAnswer({ status: 421, detail }, this.#owner.exchangeId);
    this.#owner.steered({ kind: 'answer', route, reason: 'refused.route', answer, cause: detail });
  }

  /** The client asked that it go no further than here. OPTIONS is answered; what TRACE would be, nobody here has. */
  #answerAsLast(route: RoutePlan, { method }: RequestHead): void {
    if (method === 'TRACE') return this.#problem(untraced);
    return this.#respond(route, { head: headOf(204, [], 0), body: empty });
  }

  #deny(route: RoutePlan, { status, challenge, detail }: Extract<AuthenticationOutcome, { kind: 'denied' }>): void {
    const { head, body } = ownAnswer('refused.auth', this.#owner.exchangeId);
    const fields = challenge === '' ? head.fields : [...head.fields, 'WWW-Authenticate', challenge];
    const answer: OwnAnswer = { head: { ...head, status, reason: reasonPhrase(status), fields }, body };
    this.#owner.steered({ kind: 'answer', route, reason: 'refused.auth', answer, cause: detail });
  }

  #unavailable(route: RoutePlan, detail: string): void {
    const answer = ownAnswer('refused.capacity', this.#owner.exchangeId);
    this.#owner.steered({ kind: 'answer', route, reason: 'refused.auth', answer, cause: detail });
  }

  /** What the client asked: by the word of a trusted proxy in front, where there is one, else what came to us. */
  #frontOf({ fields }: RequestHead): { readonly scheme: 'http' | 'https'; readonly port: number } {
    const { holder, ports } = this.#owner;
    const said = ports.isTrusted(holder.client.host) ? fields : [];
    return {
      scheme: schemeIn(fieldValue(said, 'x-forwarded-proto')) ?? schemeOf(holder),
      port: portIn(fieldValue(said, 'x-forwarded-port')) ?? holder.local.port,
    };
  }

  #redirect(route: RoutePlan, { to, status }: RedirectAction, head: RequestHead, path: PathMatch): void {
    const location = redirectLocation(to, {
      ...this.#frontOf(head),
      host: nameOf(head.authority),
      target: head.target,
      pathParams: path.pathParams,
    });
    if (location === null)
      return this.#problem({ status: 400, detail: 'the request names no host to be redirected to' });
    return this.#respond(route, { head: headOf(status, ['Location', location], 0), body: empty });
  }
}

/**
 * True exactly when the request names a host for which the certificate of its connection does not speak: 421. Who named
 * none in the handshake was given the route's own certificate, and would be given the same one again.
 */
function isElsewhere(tls: SecuredClient | null, host: string | null): boolean {
  if (tls === null || tls.serverName === null || host === null) return false;
  return host !== tls.serverName && !isCovered(tls.covered, host);
}

/** True exactly when the route has a cap or a rate for each address. */
function countsAddresses({ admission }: RoutePlan): boolean {
  return admission.maxConnectionsPerIp !== null || admission.rates.some(({ by }) => by === 'ip');
}

function schemeIn(text: string | null): 'http' | 'https' | null {
  return text === 'http' || text === 'https' ? text : null;
}

/** 1 to 65535. */
function portIn(text: string | null): number | null {
  const port = text !== null && /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port > 0 && port < 65_536 ? port : null;
}

/** Without the port, IPv6 in its brackets. */
function nameOf(authority: string): string {
  return authority.replace(/:\d+$/, '');
}

const empty = new Uint8Array(0);
const untraced: HttpProblem = { status: 405, detail: 'TRACE is not served here' };
const tracedBody: HttpProblem = { status: 400, detail: 'a TRACE request has a body' };

function responseOf({ status, fields, body }: RespondAction): OwnAnswer {
  return { head: headOf(status, fields, body.length), body };
}

function headOf(status: number, fields: readonly string[], bytes: number): ResponseHead {
  return {
    status,
    version: '1.1',
    reason: reasonPhrase(status),
    fields,
    body: { kind: 'length', bytes },
    upgrade: null,
    announcedBytes: null,
    isPersistent: true,
  };
}
