/**
 * What can be wrong with where a route forwards to: nowhere, to several things at once, to a pool that is not there, or in
 * a way that cannot be.
 *
 * The law: an option that is declared and cannot be enforced is an error, and says why.
 * Read first: `schema-target.ts`; `check-pool.ts`, which looks at the pool itself.
 */
import { checkDialer, dialerKind, goesThroughProxy } from './check-dialer.ts';
import { placeFindings } from './check-pool.ts';
import type { DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import { needsHttp } from './http-needs.ts';
import type { Path } from './path.ts';
import { isRecord, ownValue, valueAt } from './plain.ts';
import { nearest } from './suggest.ts';

export interface UpstreamSurroundings {
  /** `pools` as it stands in the configuration. */
  readonly pools: unknown;
  /** `process.platform` of where it will run. */
  readonly platform: string;
}

export function checkUpstream(draft: DraftRoute, around: UpstreamSurroundings): readonly Finding[] {
  const action = ownValue(draft.raw, 'action');
  if (ownValue(action, 'type') !== 'forward') return [];
  const name = ownValue(action, 'pool');
  const pool = typeof name === 'string' ? ownValue(around.pools, name) : undefined;
  const asked: Asked = { draft, action, pool, at: (...rest) => ['routes', draft.index, 'action', ...rest] };
  return [
    ...checkWhere(asked),
    ...checkPlaces(asked),
    ...checkPoolName(asked, around.pools),
    ...checkHash(asked),
    ...checkOwnDialer(asked),
    ...checkSource(asked, around.platform),
  ];
}

interface Asked {
  readonly draft: DraftRoute;
  /** As written. */
  readonly action: unknown;
  /** As written; undefined where none is named, or none that is there. */
  readonly pool: unknown;
  readonly at: (...rest: Path) => Path;
}

const ways = ['target', 'targets', 'pool'] as const;
const targetExpected = 'target: { host: 127.0.0.1, port: 3000 }, targets: [ … ], or pool: name';

function checkWhere({ action, at }: Asked): readonly Finding[] {
  const [first, second] = ways.filter((key) => ownValue(action, key) !== undefined);
  if (second !== undefined)
    return [{ path: at(second), message: `${first} and ${second} stand side by side; keep one of them`, part: 'key' }];
  if (first !== undefined) return [];
  return [
    { path: at(), message: 'this forwards to nowhere: target is missing', expected: targetExpected, part: 'key' },
  ];
}

interface Place {
  readonly written: unknown;
  readonly path: Path;
}

/** The targets as written, one or many. */
function targetsOf({ action, at }: Asked): readonly Place[] {
  const list = ownValue(action, 'targets');
  const targets: readonly unknown[] = Array.isArray(list) ? list : [];
  return [
    { written: ownValue(action, 'target'), path: at('target') },
    ...(Array.isArray(list) ? [] : [{ written: list, path: at('targets') }]),
    ...targets.map((written, index) => ({ written, path: at('targets', index) })),
  ];
}

function checkPlaces(asked: Asked): readonly Finding[] {
  return targetsOf(asked).flatMap(({ written, path }) =>
    isRecord(written) ? placeFindings(written, path, ['host', 'unix']) : [],
  );
}

function checkPoolName({ action, at }: Asked, pools: unknown): readonly Finding[] {
  const name = ownValue(action, 'pool');
  const names = isRecord(pools) ? Object.keys(pools) : [];
  if (typeof name !== 'string' || names.includes(name)) return [];
  const expected =
    names.length === 0 ? 'a pool of the top level: pools: { … }' : `one of ${names.slice(0, 12).join(', ')}`;
  return [{ path: at('pool'), message: 'no pool has this name', expected, suggestion: nearest(name, names) }];
}

function checkHash({ draft, pool, at }: Asked): readonly Finding[] {
  const hashBy = ownValue(pool, 'hashBy');
  if (typeof hashBy !== 'string' || hashBy.trim() === 'ip' || ownValue(pool, 'balance') !== 'hash') return [];
  if (needsHttp(draft)) return [];
  return [
    {
      path: at('pool'),
      message: `this pool hashes by ${hashBy.trim().slice(0, 40)}, which needs HTTP, and the route is not served as HTTP`,
      expected: 'match.protocol: http, or hashBy: ip',
    },
  ];
}

function checkOwnDialer(asked: Asked): readonly Finding[] {
  const { action, at } = asked;
  const dialer = ownValue(action, 'dialer');
  if (dialer !== undefined && ownValue(action, 'pool') !== undefined)
    return [
      {
        path: at('dialer'),
        message: 'dialer cannot be enforced here: a pool has its own',
        suggestion: 'pools.<name>.dialer',
        part: 'key',
      },
    ];
  const unreachable = goesThroughProxy(dialer) ? targetsOf(asked).filter(({ written }) => isUnix(written)) : [];
  return [
    ...checkDialer(dialer, at('dialer')),
    ...unreachable.map(({ path }): Finding => ({
      path: [...path, 'unix'],
      message: 'a UNIX socket of this machine cannot be reached through a proxy',
      part: 'key',
    })),
  ];
}

function isUnix(place: unknown): boolean {
  return ownValue(place, 'unix') !== undefined;
}

function checkSource(asked: Asked, platform: string): readonly Finding[] {
  const why = asked.draft.route.action?.preserveSourceIP === true ? whyNotFromClient(asked, platform) : null;
  if (why === null) return [];
  const message = `preserveSourceIP cannot be enforced here: ${why}`;
  return [{ path: asked.at('preserveSourceIP'), message, suggestion: 'sendProxyProtocol: v2', part: 'key' }];
}

function whyNotFromClient(asked: Asked, platform: string): string | null {
  const { action, pool } = asked;
  if (platform !== 'linux') return `only Linux lets a program connect from an address of another (this is ${platform})`;
  const dialer = dialerKind(ownValue(pool ?? action, 'dialer'));
  if (dialer !== null && dialer !== 'direct') return `a dialer of type ${dialer} connects for itself`;
  const endpoints = valueAt(pool, ['endpoints']);
  const places: readonly unknown[] = Array.isArray(endpoints)
    ? endpoints
    : targetsOf(asked).map(({ written }) => written);
  return places.some(isUnix) ? 'a UNIX socket has no addresses' : null;
}
