/**
 * Who gets in, in few words, for lists: caps, rates, queues, lists of addresses, PROXY headers.
 *
 * Must never do: decide anything. Read first: `../routing/plan.ts`.
 */
import { formatDuration } from '../config/duration.ts';
import type { AdmissionPlan, ListenerPlan, RoutePlan } from '../routing/plan.ts';

/**
 * One phrase each; none where everything is as by default.
 * @param of what is counted: `connections`, or `exchanges` where a route serves HTTP
 */
export function describeAdmission(
  { maxConnections, maxConnectionsPerIp, rates, waitersMax }: AdmissionPlan,
  of: 'connections' | 'exchanges' = 'connections',
): readonly string[] {
  const waits = waitersMax === 0 ? '' : `; ${waitersMax} more may wait`;
  return [
    ...(maxConnections === null ? [] : [`at most ${counted(maxConnections, of)} at once${waits}`]),
    ...(maxConnectionsPerIp === null ? [] : [`at most ${counted(maxConnectionsPerIp, of)} at once of one address`]),
    ...rates.map(({ amount, perMs, burst, unit, by }) => {
      const whose = by === 'ip' ? ' of one address' : '';
      const burstText = burst === amount ? '' : `, ${burst} at once after a pause`;
      return `at most ${counted(amount, unit)}${whose} in ${formatDuration(perMs)}${burstText}`;
    }),
  ];
}

/** `1 connection`, `0 connections`. */
function counted(amount: number, units: 'connections' | 'exchanges' | 'requests'): string {
  return `${amount} ${amount === 1 ? units.slice(0, -1) : units}`;
}

/** The same for a route, and its lists. */
export function describeRouteAdmission({ access, admission, needsHttp, onBan }: RoutePlan): readonly string[] {
  const lists = access === null ? [] : [...listText('only', access.allow), ...listText('nobody', access.block)];
  const banned = access === null || onBan === 'keep' ? [] : [`who may not pass any more is ${banText[onBan]}`];
  return [...lists, ...banned, ...describeAdmission(admission, needsHttp ? 'exchanges' : 'connections')];
}

const banText = { drain: 'let go in peace', kill: 'cut' } as const;
const listedMax = 5;

function listText(who: 'only' | 'nobody', addresses: readonly string[] | null): readonly string[] {
  if (addresses === null || (who === 'nobody' && addresses.length === 0)) return [];
  const more = addresses.length > listedMax ? ` and ${addresses.length - listedMax} more` : '';
  const shown = addresses.length === 0 ? 'nobody' : addresses.slice(0, listedMax).join(', ');
  return [`${who === 'only' ? 'lets pass only' : 'keeps out'} ${shown}${more}`];
}

/** What a listener asks before any route is known. */
export function describeListener({ admission, proxyHeader }: ListenerPlan): readonly string[] {
  if (proxyHeader === null) return describeAdmission(admission);
  const { from, required } = proxyHeader;
  const whom = from === null ? 'from anybody' : `from ${from.join(', ')}`;
  return [`${required ? 'wants' : 'believes'} a PROXY header ${whom}`, ...describeAdmission(admission)];
}
