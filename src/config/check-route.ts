/**
 * What can be wrong inside one route that no single value shows: criteria and options that do not fit each other.
 *
 * The law: an option that is declared and cannot be enforced is an error, and says why.
 * Read first: `schema-route.ts`; `check-action.ts` does the same for the action.
 */
import { clientsSpeakFirst } from '../routing/route-match.ts';
import { checkAction } from './check-action.ts';
import { checkHttp } from './check-http.ts';
import type { DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import { askedProtocol } from './http-needs.ts';
import type { Path } from './path.ts';
import { ownValue, valueAt } from './plain.ts';
import { nearest } from './suggest.ts';
import { terminates, tlsMode } from './tls-needs.ts';

/** @param protocols every name `match.protocol` may have here. */
export function checkRoute(draft: DraftRoute, protocols: readonly string[]): readonly Finding[] {
  return [
    ...checkTwice(draft),
    ...checkProtocol(draft, protocols),
    ...checkCriteria(draft),
    ...checkServerFirst(draft),
    ...checkHttp(draft),
    ...checkAction(draft),
  ];
}

const onRoute = ({ index }: DraftRoute, ...rest: Path): Path => ['routes', index, ...rest];

function checkTwice(draft: DraftRoute): readonly Finding[] {
  return ['tls', 'security']
    .filter((key) => ownValue(draft.raw, key) !== undefined && valueAt(draft.raw, ['action', key]) !== undefined)
    .map((key) => ({
      path: onRoute(draft, 'action', key),
      message: `${key} stands on the route and in its action; keep one of them`,
      part: 'key',
    }));
}

function checkProtocol(draft: DraftRoute, protocols: readonly string[]): readonly Finding[] {
  const protocol = draft.route.match?.protocol;
  const path = onRoute(draft, 'match', 'protocol');
  if (protocol === undefined) return [];
  if (!protocols.includes(protocol)) {
    const expected = protocols.join(', ');
    return [{ path, message: 'no detector has this name', expected, suggestion: nearest(protocol, protocols) }];
  }
  if (tlsMode(draft.raw) === 'passthrough' && protocol !== 'tls') {
    return [{ path, message: 'tls mode passthrough implies protocol tls', expected: 'tls, or no protocol' }];
  }
  return [];
}

/** Protocols that name no host. `tcp` is anything: where it names one, that one is meant, and the bytes are still not read. */
const nameless: ReadonlySet<string> = new Set(['redis', 'ssh', 'postgres', 'socks']);

function checkCriteria(draft: DraftRoute): readonly Finding[] {
  const protocol = askedProtocol(draft);
  if (protocol === null || tlsMode(draft.raw) !== null) return [];
  const findings: Finding[] = [];
  if (nameless.has(protocol) && valueAt(draft.raw, ['match', 'domains']) !== undefined) {
    findings.push({
      path: onRoute(draft, 'match', 'domains'),
      message: `domains cannot be enforced here: the first bytes of ${protocol} name no host`,
      part: 'key',
    });
  }
  if (protocol !== 'tls' && valueAt(draft.raw, ['match', 'alpn']) !== undefined) {
    findings.push({
      path: onRoute(draft, 'match', 'alpn'),
      message: `alpn cannot be enforced here: only a TLS client hello offers application protocols, and this route asks for ${spoken(protocol)}`,
      part: 'key',
    });
  }
  return findings;
}

/** A client that stays silent has named nothing, and in some protocols it is not waiting for a banner. */
function checkServerFirst(draft: DraftRoute): readonly Finding[] {
  const { index, raw, route } = draft;
  if ((route.timeouts?.serverFirst ?? null) === null) return [];
  const path = ['routes', index, 'timeouts', 'serverFirst'];
  // Behind a handshake both are known.
  const told = terminates(raw) ? [] : ['domains', 'alpn'];
  const names = told.filter((key) => valueAt(raw, ['match', key]) !== undefined);
  const protocol = askedProtocol(draft);
  if (names.length === 0 && protocol !== null && (clientsSpeakFirst.has(protocol) || protocol === 'websocket')) {
    const message = `serverFirst cannot be enforced here: clients of ${spoken(protocol)} speak first`;
    return [{ path, message, part: 'key' }];
  }
  if (names.length === 0) return [];
  return [
    {
      path,
      message: `serverFirst cannot be enforced here: the route asks for ${names.join(' and ')}, which a silent client does not tell`,
      part: 'key',
    },
  ];
}

function spoken(protocol: string): string {
  return protocol === 'tcp' ? 'raw TCP' : protocol;
}
