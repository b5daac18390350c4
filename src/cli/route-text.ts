/**
 * Routes in few words, for lists.
 *
 * Must never do: show a secret. Of what is set by a rewrite only the names are told, of credentials only how many there are.
 */
import type { AuthenticationPlan, FieldRewrite, HttpMatch, RewritePlan } from '../routing/http-plan.ts';
import type { ForwardAction, RouteAction, RoutePlan, TargetPlan } from '../routing/plan.ts';
import { formatDuration } from '../config/duration.ts';
import { describeRouteAdmission } from './admission-text.ts';
import { describeDialer } from './pool-text.ts';
import { targetText } from './reachability.ts';

/**
 * `tls, a.example or *.a.example, from 10.0.0.0/8`; `anything` where nothing but the port is asked for. Without ports.
 * `tls (http)`: TLS that is terminated, and what is spoken inside where the route says so.
 */
export function describeMatch({ match, tls }: Pick<RoutePlan, 'match' | 'tls'>): string {
  const parts: string[] = [];
  if (tls !== null) parts.push(match.protocol === null ? 'tls' : `tls (${match.protocol})`);
  else if (match.protocol !== null) parts.push(match.protocol);
  if (match.domains !== null) parts.push(match.domains.join(' or '));
  parts.push(...describeHttpMatch(match.http));
  if (match.alpn !== null) parts.push(`alpn ${match.alpn.join(' or ')}`);
  if (match.tlsVersion !== null) parts.push(match.tlsVersion.join(' or '));
  if (match.clientIp !== null) parts.push(`from ${match.clientIp.join(' or ')}`);
  return parts.length === 0 ? 'anything' : parts.join(', ');
}

/** `GET or POST /v1/*`, `x-tenant: /^a/`, `?v=2`. */
function describeHttpMatch({ path, methods, headers, query }: HttpMatch): readonly string[] {
  const request = [methods?.join(' or ') ?? '', path ?? ''].filter((part) => part !== '').join(' ');
  return [
    ...(request === '' ? [] : [request]),
    ...headers.map(({ name, pattern }) => `${name}: ${pattern}`),
    ...query.map(({ name, pattern }) => `?${name}=${pattern}`),
  ];
}

/** `127.0.0.1:3000`; several are taken in turn. */
export function describeAction(action: RouteAction): string {
  switch (action.type) {
    case 'forward':
      return describeForward(action);
    case 'block':
      return `blocked (${action.how})`;
    case 'redirect':
      return `redirected (${action.status}) to ${action.to}`;
    case 'respond':
      return `answered with ${action.status}, ${action.body.length} bytes`;
    case 'handler':
      break;
  }
  return action.kind === 'socket' ? 'a socket handler' : `an HTTP handler (${action.http.form})`;
}

function describeForward(action: ForwardAction): string {
  return action.upstreamProtocol === 'h2' ? `${placesOf(action)} over HTTP/2` : placesOf(action);
}

function placesOf({ pool, targetOf, targets }: ForwardAction): string {
  if (pool !== null) return `the pool ${pool.name}`;
  if (targetOf !== null) return 'wherever the function of the configuration says';
  const texts = targets.map(describeTarget);
  return texts.length === 1 ? texts.join('') : `${texts.join(', ')} in turn`;
}

/** A target with a match of its own says for what. */
export function describeTarget(target: TargetPlan): string {
  const own = target.match === null ? [] : describeHttpMatch(target.match);
  return own.length === 0 ? targetText(target) : `${targetText(target)} (${own.join(', ')})`;
}

/** What is done to requests on the way, and who may pass: one phrase each. */
export function describePolicy(route: RoutePlan): readonly string[] {
  const { action, authentication, rewrite } = route;
  const pingMs = action.type === 'forward' ? action.pingMs : null;
  const pinged = pingMs === null ? [] : [`pings the clients of WebSockets after ${formatDuration(pingMs)} of silence`];
  const admitted = describeRouteAdmission(route);
  const dialled = action.type === 'forward' ? describeDialling(action) : [];
  return [...admitted, ...describeAuthentication(authentication), ...describeRewrite(rewrite), ...pinged, ...dialled];
}

/** What an upstream sees before the client's bytes, and how it is reached; a pool says that of itself. */
function describeDialling({ dialer, pool, preservesSource, proxyHeader }: ForwardAction): readonly string[] {
  return [
    ...(proxyHeader === null ? [] : [`upstreams are sent a PROXY header, version ${proxyHeader.slice(1)}`]),
    ...(preservesSource ? ['upstreams see the client’s address as the source'] : []),
    ...(pool === null ? describeDialer(dialer) : []),
  ];
}

function describeAuthentication(plan: AuthenticationPlan | null): readonly string[] {
  if (plan === null) return [];
  const forwarded = plan.forwardCredentials ? ', and the upstream sees the credentials' : '';
  if (plan.type === 'jwt') return [`asks for a token that ${plan.jwksUrl} has a key of${forwarded}`];
  const count = plan.credentials.length;
  const inline = count === 0 && plan.htpasswd !== null ? [] : [count === 1 ? '1 user' : `${count} users`];
  const listed = plan.htpasswd === null ? inline : [...inline, `those of ${plan.htpasswd.path}`];
  return [`asks for a password (basic, ${listed.join(' and ')})${forwarded}`];
}

function describeRewrite(plan: RewritePlan | null): readonly string[] {
  if (plan === null) return [];
  const parts: string[] = [];
  if (plan.stripPrefix !== null) parts.push(`strips ${plan.stripPrefix}`);
  if (plan.path !== null) parts.push(`path ${plan.path}`);
  return [...parts, ...describeFields(plan.request, 'requests'), ...describeFields(plan.response, 'responses')];
}

function describeFields({ set, remove }: FieldRewrite, of: string): readonly string[] {
  const names = namesOf(set);
  return [
    ...(names.length === 0 ? [] : [`sets ${names.join(', ')} of ${of}`]),
    ...(remove.length === 0 ? [] : [`removes ${remove.join(', ')} of ${of}`]),
  ];
}

/** The names of fields, each once. */
export function namesOf(fields: readonly string[]): readonly string[] {
  return [...new Set(fields.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()))];
}
