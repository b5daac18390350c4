/**
 * What can be wrong with caps, rates, queues and PROXY headers: a rate of nothing, a queue before no door.
 *
 * The law: an option that is declared and cannot be enforced is an error, and says why.
 * Read first: `schema-admission.ts`, `schema-proxy-header.ts`; `http-needs.ts` for what counts requests.
 */
import type { Draft, DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import { handsOverSocket } from './http-needs.ts';
import type { Path } from './path.ts';
import { isRecord, ownValue, valueAt } from './plain.ts';

/** @param value the configuration as written. */
export function checkAdmission({ sections, routes }: Draft, value: unknown): readonly Finding[] {
  const listeners = Object.keys(sections.listeners ?? {}).map((port): Path => ['listeners', port]);
  return [
    ...checkRate(value, ['limits'], ['connections']),
    ...listeners.flatMap((path) => [
      ...checkRate(value, path, ['connections']),
      ...checkWaitingRoom(value, path),
      ...checkAcceptProxy(value, path),
    ]),
    ...routes.flatMap((route) => [...checkRouteRate(route), ...checkQueue(route)]),
  ];
}

const rateKeys: ReadonlySet<string> = new Set(['connections', 'requests', 'per', 'by', 'burst']);

function checkRate(value: unknown, path: Path, units: readonly string[]): readonly Finding[] {
  const at = [...path, 'rateLimit'];
  const rate = valueAt(value, at);
  if (!isRecord(rate) || units.some((unit) => ownValue(rate, unit) !== undefined)) return [];
  // A key that nobody knows is probably the one that is missing, and is told as that.
  if (Object.keys(rate).some((key) => !rateKeys.has(key))) return [];
  return [
    {
      path: at,
      message: `this limits nothing: ${units.join(' or ')} is missing`,
      expected: '{ connections: 100, per: 1s, by: ip }',
      part: 'key',
    },
  ];
}

function checkRouteRate({ index, raw }: DraftRoute): readonly Finding[] {
  return [['security'], ['action', 'security']].flatMap((base) =>
    checkRate(raw, base, ['connections', 'requests']).map((finding) => ({
      ...finding,
      path: ['routes', index, ...finding.path],
    })),
  );
}

/** The whole proxy always has a cap. */
function checkWaitingRoom(value: unknown, path: Path): readonly Finding[] {
  const size = valueAt(value, [...path, 'waitingRoom', 'size']);
  if (isOff(size) || valueAt(value, [...path, 'maxConnections']) !== undefined) return [];
  return [
    {
      path: [...path, 'waitingRoom'],
      message: 'waitingRoom cannot be enforced here: without maxConnections there is nothing to wait for',
      part: 'key',
    },
  ];
}

function isOff(size: unknown): boolean {
  return size === undefined || size === 0 || size === '0';
}

function checkAcceptProxy(value: unknown, path: Path): readonly Finding[] {
  const at = [...path, 'acceptProxyProtocol'];
  const written = valueAt(value, at);
  if (ownValue(written, 'from') !== undefined || String(ownValue(written, 'required')) !== 'false') return [];
  return [
    {
      path: [...at, 'required'],
      message: 'a header that anybody may send or not lets every client choose its address',
      expected: 'from: [10.0.0.0/8], or required: true',
    },
  ];
}

const answeredAtOnce: Readonly<Record<string, string>> = {
  block: 'a blocked connection ends before it could matter',
  redirect: 'the answer is ready at once',
  respond: 'the answer is ready at once',
};

function checkQueue(draft: DraftRoute): readonly Finding[] {
  if (isOff(draft.route.queue?.size)) return [];
  const why = whyNoQueue(draft);
  if (why === null) return [];
  const path = ['routes', draft.index, 'queue'];
  return [{ path, message: `queue cannot be enforced here: ${why}`, part: 'key' }];
}

function whyNoQueue(draft: DraftRoute): string | null {
  const type = valueAt(draft.raw, ['action', 'type']);
  const why = typeof type === 'string' && Object.hasOwn(answeredAtOnce, type) ? answeredAtOnce[type] : undefined;
  if (why !== undefined) return why;
  if (handsOverSocket(draft)) return 'nobody waits for a socket handler';
  const isCapped = [['security'], ['action', 'security']].some(
    (base) => valueAt(draft.raw, [...base, 'maxConnections']) !== undefined,
  );
  return isCapped ? null : 'without maxConnections in security there is nothing to wait for';
}
