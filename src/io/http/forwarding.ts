/**
 * The heads that an exchange passes on: what its route rewrites, and what a proxy owes to both sides.
 *
 * Decides nothing; it puts the pure parts of `protocols/http/` and `routing/` together for one exchange.
 * Read first: `protocols/http/forwarding.ts`, `routing/rewrite.ts`.
 */
import { rewriteFields } from '../../protocols/http/fields.ts';
import { Forwarder, forwardResponse } from '../../protocols/http/forwarding.ts';
import { withOneHopLess } from '../../protocols/http/max-forwards.ts';
import { streamBody, type Fields, type RequestHead, type ResponseHead } from '../../protocols/http/message.ts';
import type { FieldRewrite, RewritePlan } from '../../routing/http-plan.ts';
import { rewriteTarget } from '../../routing/rewrite.ts';
import { schemeOf } from '../proxied.ts';
import type { Exchange } from './exchange.ts';
import type { Verdict } from './steering.ts';

/** The request as the upstream gets it. */
export function headForUpstream(head: RequestHead, { holder, ports, verdict }: Exchange): RequestHead {
  holder.forwarder ??= new Forwarder({
    clientHost: holder.client.host,
    isTrustedPeer: ports.isTrusted(holder.client.host),
    scheme: schemeOf(holder),
    listenerPort: holder.local.port,
    certificate: holder.tls?.peer?.der ?? null,
  });
  const forwarded = holder.forwarder.request(withOneHopLess(head));
  if (verdict?.kind !== 'forward') return forwarded;
  const { authentication, rewrite } = verdict.route;
  const isKept = authentication === null || authentication.forwardCredentials;
  const passed = isKept ? forwarded : { ...forwarded, fields: rewriteFields(forwarded.fields, withoutCredentials) };
  return rewrite === null ? passed : rewritten(passed, rewrite, verdict);
}

/** The response as the client gets it. */
export function headForClient(head: ResponseHead, exchange: Exchange): ResponseHead {
  return interimForClient(forwardResponse(head), exchange);
}

/** A 1xx as the client gets it: what the route rewrites, and nothing of ours. */
export function interimForClient(head: ResponseHead, { verdict }: Exchange): ResponseHead {
  const rewrite = verdict?.route?.rewrite ?? null;
  return rewrite === null ? head : { ...head, fields: rewriteFields(head.fields, rewrite.response) };
}

/**
 * What 101 says of a WebSocket, as HTTP/2 says it: 200, and no word of a key, which HTTP/2 clients do not send.
 * @see RFC 8441 §5
 */
export function acceptedHead(head: ResponseHead): ResponseHead {
  return { ...head, status: 200, body: streamBody, upgrade: null, fields: rewriteFields(head.fields, withoutKey) };
}

const withoutKey = { set: [], remove: ['sec-websocket-accept'] };
const withoutCredentials = { set: [], remove: ['authorization'] };

function rewritten(head: RequestHead, plan: RewritePlan, { path }: Extract<Verdict, { kind: 'forward' }>): RequestHead {
  return {
    ...head,
    target: rewriteTarget(head.target, path, plan),
    authority: hostSetBy(plan) ?? head.authority,
    fields: rewriteFields(head.fields, withoutHost(plan.request)),
  };
}

/** `Host` is no field of the model: setting it names another authority. */
function hostSetBy({ request }: RewritePlan): string | null {
  const at = hostIn(request.set);
  return at === -1 ? null : (request.set[at + 1] ?? null);
}

function withoutHost(change: FieldRewrite): FieldRewrite {
  const at = hostIn(change.set);
  return at === -1 ? change : { ...change, set: change.set.toSpliced(at, 2) };
}

function hostIn(set: Fields): number {
  return set.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'host');
}
