/**
 * What can be wrong with the ping of a route's WebSockets: nobody would be pinged, or nobody would ever be missed.
 *
 * The law: a client that does not answer is ended by `idle`, so there has to be one, and a ping must come well before it.
 * Read first: `../machines/connection/established.ts`.
 */
import type { TimeoutsPlan } from '../machines/connection/delays.ts';
import type { Draft, DraftRoute } from './draft.ts';
import { formatDuration } from './duration.ts';
import type { Finding } from './finding.ts';
import { askedProtocol } from './http-needs.ts';
import type { ResolvedTimeouts } from './resolve-listeners.ts';

export function checkWebSockets({ routes }: Draft, { routes: plans }: ResolvedTimeouts): readonly Finding[] {
  return routes.flatMap((draft): readonly Finding[] => {
    const pingMs = draft.route.action?.websocket?.ping ?? null;
    const timeouts = plans[draft.index];
    const problem = pingMs === null || timeouts === undefined ? null : problemOf(pingMs, draft, timeouts);
    if (problem === null) return [];
    return [{ path: ['routes', draft.index, 'action', 'websocket', 'ping'], ...problem }];
  });
}

function problemOf(
  pingMs: number,
  draft: DraftRoute,
  { values: { idle }, sources }: TimeoutsPlan,
): Pick<Finding, 'message' | 'expected'> | null {
  if (askedProtocol(draft) === 'h2c')
    return {
      message: 'ping cannot be enforced here: only WebSockets over HTTP/1.1 are pinged, and this route asks for h2c',
    };
  if (idle === null)
    return {
      message: `ping cannot be enforced here: idle is infinite (${sources.idle}), so nobody would end a client that does not answer`,
      expected: 'an idle of at least twice the ping',
    };
  if (pingMs * 2 <= idle) return null;
  return {
    message: `the ping is longer than half of idle (${formatDuration(idle)}, ${sources.idle}): a client would be cut before it could answer`,
    expected: `at most ${formatDuration(Math.floor(idle / 2))}`,
  };
}
