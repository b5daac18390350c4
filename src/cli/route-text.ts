/**
 * Routes in few words, for lists.
 */
import type { RouteAction, RouteMatch } from '../routing/plan.ts';
import { targetText } from './reachability.ts';

/** `tls, a.example or *.a.example, from 10.0.0.0/8`; `anything` where nothing but the port is asked for. Without ports. */
export function describeMatch(match: RouteMatch): string {
  const parts: string[] = [];
  if (match.protocol !== null) parts.push(match.protocol);
  if (match.domains !== null) parts.push(match.domains.join(' or '));
  if (match.alpn !== null) parts.push(`alpn ${match.alpn.join(' or ')}`);
  if (match.clientIp !== null) parts.push(`from ${match.clientIp.join(' or ')}`);
  return parts.length === 0 ? 'anything' : parts.join(', ');
}

/** `127.0.0.1:3000`; several are taken in turn. */
export function describeAction(action: RouteAction): string {
  if (action.type === 'block') return `blocked (${action.how})`;
  const targets = action.targets.map(targetText);
  return targets.length === 1 ? targets.join('') : `${targets.join(', ')} in turn`;
}
