/**
 * A dialer that reaches its endpoints through a proxy: it dials the proxy, talks it into a tunnel, and hands the leg over.
 *
 * Decides nothing; the talk does (`protocols/tunnel.ts`). What came behind the proxy's answer stays on the leg, unread.
 * Must never do: look a name up that is the endpoint's, hold a deadline (the chart unsubscribes, which resets the leg), or
 * keep more than the leg holds. Read first: `../dialer.ts`, `../leg.ts` laws 3, 4 and 12.
 */
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { connectTalk } from '../../protocols/http-connect.ts';
import { socks5Talk } from '../../protocols/socks5-client.ts';
import type { TunnelEndpoint, TunnelRefusal, TunnelStep, TunnelTalk } from '../../protocols/tunnel.ts';
import type { DialerPlan } from '../../routing/pool-plan.ts';
import { addressText } from '../address-text.ts';
import { dialFailureOf, type DialFailure, type Dialer, type DialWatch, type Endpoint } from '../dialer.ts';
import { isLeg, type Leg, type LegFact } from '../leg.ts';
import { dialReasonOf, isRetryable } from '../os-codes.ts';
import { Sink } from '../sink.ts';
import { isUnixHost } from '../unix-path.ts';

export type TunnelPlan = Extract<DialerPlan, { readonly type: 'socks5' | 'http-connect' }>;

/** @param dial reaches the proxy. */
export function tunnelDialer(dial: Dialer, plan: TunnelPlan): Dialer {
  return (endpoint, watch) =>
    new Observable((subscriber) => {
      const talk = talkFor(plan, endpoint);
      // The proxy was not even asked.
      if ('kind' in talk) return subscriber.error({ ...failureOf(plan, talk), blame: 'way' } satisfies DialFailure);
      const dialing = new TunnelDial(subscriber, plan, talk);
      dialing.start(dial, watch);
      return () => dialing.abort();
    });
}

function talkFor(plan: TunnelPlan, endpoint: Endpoint): TunnelTalk | TunnelRefusal {
  if (isUnixHost(endpoint.host)) return unreachable('does not reach the UNIX sockets of this machine');
  if (endpoint.sourceAddress !== undefined) return unreachable('connects from its own address, not from the client’s');
  const wanted: TunnelEndpoint = { host: endpoint.host, port: endpoint.port };
  return plan.type === 'socks5' ? socks5Talk(wanted, plan.credentials) : connectTalk(wanted, plan.credentials);
}

function unreachable(says: string): TunnelRefusal {
  return { kind: 'refused', how: 'unreachable', code: 'SALLYPORT_TUNNEL_UNSAYABLE', says, isRetryable: true };
}

/** `the SOCKS proxy 127.0.0.1:1080` */
function proxyText({ type, proxy }: TunnelPlan): string {
  return `the ${type === 'socks5' ? 'SOCKS' : 'HTTP'} proxy ${addressText(proxy)}`;
}

/** What another endpoint would not change is said of us or of the proxy itself, and not of this endpoint. */
function failureOf(plan: TunnelPlan, { how, code, says, isRetryable: retryable }: TunnelRefusal): DialFailure {
  const blame = retryable ? 'endpoint' : 'way';
  return { reason: `upstream.${how}`, code, cause: `${proxyText(plan)} ${says}`, retryable, blame };
}

class TunnelDial {
  readonly #subscriber: Subscriber<Leg>;
  readonly #plan: TunnelPlan;
  readonly #talk: TunnelTalk;
  #dialing: Subscription | null = null;
  #leg: Leg | null = null;
  readonly #facts = new TunnelFacts(this);
  /** True exactly when the facts that were kept have been told: nobody else may listen before that. */
  #isListening = false;
  /** True exactly when the proxy has opened the tunnel. */
  #isOpen = false;
  /** True exactly when the leg was handed over, the failure told, or the dial aborted. */
  #isOver = false;

  constructor(subscriber: Subscriber<Leg>, plan: TunnelPlan, talk: TunnelTalk) {
    this.#subscriber = subscriber;
    this.#plan = plan;
    this.#talk = talk;
  }

  start(dial: Dialer, watch: DialWatch): void {
    const { host, port } = this.#plan.proxy;
    const dialing = dial({ host, port }, watch).subscribe({
      next: (leg) => this.#reached(leg),
      error: (error) => this.#proxyFailed(error),
    });
    // What a dial emits at once comes before its subscription does.
    if (this.#isOver) dialing.unsubscribe();
    else this.#dialing = dialing;
  }

  /** Harmless after the leg was handed over. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#facts.unsubscribe();
    this.#dialing?.unsubscribe();
    this.#leg?.reset();
  }

  /** A dialer of the embedder's may emit what is no leg: that is for whoever asked to judge. */
  #reached(leg: Leg): void {
    if (!isLeg(leg)) return this.#subscriber.next(leg);
    if (this.#isOver || this.#leg !== null) return leg.reset();
    this.#leg = leg;
    leg.write(this.#talk.opening, 'owned');
    leg.facts$.subscribe(this.#facts);
    this.#isListening = true;
    if (this.#isOpen) this.#handOver(leg);
    return undefined;
  }

  told(fact: LegFact): void {
    const leg = this.#leg;
    if (this.#isOver || this.#isOpen || leg === null) return;
    if (fact.type === 'held') this.#read(leg);
    else if (fact.type === 'ended') this.#end(leg);
    else if (fact.type === 'failed') this.#fail(brokenBy(this.#plan, fact.code, fact.cause));
    else if (fact.type === 'released')
      this.#fail(brokenBy(this.#plan, 'SALLYPORT_CLOSED', 'the transport was closed without a word'));
  }

  /** All that is held is new: what was read before was skipped. */
  #read(leg: Leg): void {
    while (!this.#isOver && !this.#isOpen) {
      const [chunk] = leg.held;
      if (chunk === undefined) return;
      this.#readChunk(leg, chunk);
    }
  }

  #readChunk(leg: Leg, chunk: Uint8Array): void {
    let next = 0;
    let step: TunnelStep = { kind: 'more', next, send: null };
    while (step.kind === 'more' && next < chunk.length) {
      step = this.#talk.read(chunk, next);
      if (step.kind === 'refused') return this.#refuse(leg, failureOf(this.#plan, step));
      next = step.next;
      if (step.kind === 'more' && step.send !== null) leg.write(step.send, 'owned');
    }
    if (step.kind !== 'open') return leg.skip(chunk.length);
    this.#isOpen = true;
    this.#facts.unsubscribe();
    leg.skip(next);
    if (this.#isListening) this.#handOver(leg);
    return undefined;
  }

  #handOver(leg: Leg): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#subscriber.next(leg);
    this.#subscriber.complete();
  }

  broken(error: unknown): void {
    this.#leg?.reset();
    this.#fail({ ...dialFailureOf(error), blame: 'way' });
  }

  #end(leg: Leg): void {
    const cause = `${proxyText(this.#plan)} ended the connection before it answered`;
    const code = 'SALLYPORT_TUNNEL_ENDED';
    this.#refuse(leg, { reason: 'upstream.truncated', code, cause, retryable: true, blame: 'way' });
  }

  #refuse(leg: Leg, failure: DialFailure): void {
    leg.reset();
    this.#fail(failure);
  }

  #proxyFailed(error: unknown): void {
    const failure = dialFailureOf(error);
    this.#fail({ ...failure, cause: `${proxyText(this.#plan)}: ${failure.cause}`, blame: 'way' });
  }

  #fail(failure: DialFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#facts.unsubscribe();
    this.#subscriber.error(failure);
  }
}

class TunnelFacts extends Sink<LegFact> {
  readonly #owner: TunnelDial;

  constructor(owner: TunnelDial) {
    super();
    this.#owner = owner;
  }

  protected override _next(fact: LegFact): void {
    this.#owner.told(fact);
  }

  /** A leg of the embedder's, whose facts failed. */
  protected override _error(error: unknown): void {
    this.#owner.broken(error);
  }
}

function brokenBy(plan: TunnelPlan, code: string, cause: string): DialFailure {
  const says = `${proxyText(plan)}: ${cause}`;
  return { reason: dialReasonOf(code), code, cause: says, retryable: isRetryable(code), blame: 'way' };
}
