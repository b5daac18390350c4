/**
 * A dialer that agrees on TLS with the upstream before it hands the leg over.
 *
 * Decides: what is offered in the handshake, and that an upstream which does not agree to HTTP/2 where that is spoken is a
 * failure. Whether the upstream is believed is decided in `verification.ts`.
 * Must never do: hold a deadline. How long a handshake may take is the chart's, which is told by `securing` and
 * unsubscribes; that resets the connection. Read first: `../dialer.ts`, `../leg.ts` law 11.
 */
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import type { UpstreamTlsPlan } from '../../routing/tls-plan.ts';
import { addressText } from '../address-text.ts';
import type { DialFailure, Dialer, DialWatch, Endpoint } from '../dialer.ts';
import { isLeg, type Handshake, type Leg, type LegFact } from '../leg.ts';
import { dialReasonOf, isRetryable } from '../os-codes.ts';
import type { UpstreamSpeech } from '../route-dialers.ts';
import { isUnixHost } from '../unix-path.ts';
import type { ClientContexts } from './contexts.ts';
import type { Secured } from './identity.ts';

export function securedDialer(
  dial: Dialer,
  plan: UpstreamTlsPlan,
  speech: UpstreamSpeech,
  contexts: ClientContexts,
): Dialer {
  return (endpoint, watch) =>
    new Observable((subscriber) => {
      // The root's dot is no part of the name in a handshake (RFC 6066 §3). A UNIX socket is this machine's.
      const serverName =
        plan.serverName ??
        (isUnixHost(endpoint.host) ? 'localhost' : (endpoint.serverName ?? endpoint.host)).replace(/\.$/, '');
      const dialing = new SecureDial(subscriber, watch, speech, () => ({
        role: 'client',
        context: contexts.clientContext(plan),
        serverName,
        alpn: offers[speech],
        verify: plan.verify,
        pins: plan.pins,
      }));
      dialing.start(dial, endpoint);
      return () => dialing.abort();
    });
}

const offers: Readonly<Record<UpstreamSpeech, readonly string[]>> = { raw: [], http1: ['http/1.1'], h2: ['h2'] };

class SecureDial {
  readonly #subscriber: Subscriber<Leg>;
  readonly #watch: DialWatch;
  readonly #speech: UpstreamSpeech;
  readonly #handshake: () => Handshake;
  #dialing: Subscription | null = null;
  #leg: Leg | null = null;
  #facts: Subscription | null = null;
  /** True exactly when the leg was handed over, the failure told, or the dial aborted. */
  #isOver = false;

  constructor(subscriber: Subscriber<Leg>, watch: DialWatch, speech: UpstreamSpeech, handshake: () => Handshake) {
    this.#subscriber = subscriber;
    this.#watch = watch;
    this.#speech = speech;
    this.#handshake = handshake;
  }

  start(dial: Dialer, endpoint: Endpoint): void {
    const dialing = dial(endpoint, this.#watch).subscribe({
      next: (leg) => this.#reached(leg, endpoint),
      error: (error) => this.#fail(error),
    });
    // What a dial emits at once comes before its subscription does.
    if (this.#isOver) dialing.unsubscribe();
    else this.#dialing = dialing;
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#facts?.unsubscribe();
    this.#dialing?.unsubscribe();
    this.#leg?.reset();
  }

  #reached(leg: Leg, endpoint: Endpoint): void {
    // A dialer of the embedder's may emit what is no leg: that is for whoever asked to judge.
    if (!isLeg(leg)) return this.#subscriber.next(leg);
    if (this.#isOver || this.#leg !== null) return leg.reset();
    this.#leg = leg;
    try {
      this.#watch.securing();
      if (!this.#subscriber.closed) this.#secure(leg, endpoint);
    } catch (error) {
      leg.reset();
      this.#fail(error);
    }
    return undefined;
  }

  #secure(leg: Leg, endpoint: Endpoint): void {
    leg.secure(this.#handshake());
    const facts = leg.facts$.subscribe((fact) => this.#told(leg, fact, endpoint));
    if (this.#subscriber.closed) facts.unsubscribe();
    else this.#facts = facts;
  }

  #told(leg: Leg, fact: LegFact, endpoint: Endpoint): void {
    if (this.#isOver) return;
    if (fact.type === 'secured') this.#secured(leg, fact.by, endpoint);
    else if (fact.type === 'failed') this.#fail(failureOf(fact.code, fact.cause));
    else if (fact.type === 'released')
      this.#fail(failureOf('SALLYPORT_CLOSED', 'the transport was closed without a word'));
  }

  #secured(leg: Leg, by: Secured, endpoint: Endpoint): void {
    if (this.#speech === 'h2' && by.alpn !== 'h2') {
      leg.reset();
      const agreed = by.alpn === null ? 'nothing' : by.alpn;
      return this.#fail(
        failureOf('SALLYPORT_TLS_ALPN', `${addressText(endpoint)} has to speak h2, and agreed to ${agreed} (ALPN)`),
      );
    }
    this.#isOver = true;
    this.#facts?.unsubscribe();
    this.#subscriber.next(leg);
    this.#subscriber.complete();
    return undefined;
  }

  #fail(error: unknown): void {
    this.#isOver = true;
    this.#facts?.unsubscribe();
    this.#subscriber.error(error);
  }
}

function failureOf(code: string, cause: string): DialFailure {
  return { reason: dialReasonOf(code), code, cause, retryable: isRetryable(code) };
}
