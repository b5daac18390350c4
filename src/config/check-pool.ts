/**
 * What can be wrong inside one pool: endpoints that are none, options that do not fit each other.
 *
 * The law: an option that is declared and cannot be enforced is an error, and says why.
 * Read first: `schema-pool.ts`; `check-upstream.ts` for what the routes that use it must have.
 */
import { fixedEndpoints, hasBreaker } from './build-pool.ts';
import { checkDialer, goesThroughProxy } from './check-dialer.ts';
import type { Draft } from './draft.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { isRecord, ownValue, valueAt } from './plain.ts';
import { poolNamed, type PoolDraft } from './pool-use.ts';
import type { EndpointInput } from './schema-pool.ts';

/** @param written `pools` as it stands in the configuration. */
export function checkPools({ sections }: Draft, written: unknown): readonly Finding[] {
  if (!isRecord(written)) return [];
  return Object.keys(written).flatMap((name) => {
    const at = (...rest: Path): Path => ['pools', name, ...rest];
    // No library reads an entry of this name, so that nobody would say it.
    if (name === '__proto__') return [{ path: at(), message: 'this cannot be a name here', part: 'key' as const }];
    const asked: Asked = { raw: ownValue(written, name), read: poolNamed(name, sections.pools) ?? {}, at };
    return [
      ...checkEndpoints(asked),
      ...checkTwice(asked),
      ...checkBalance(asked),
      ...checkHealth(asked),
      ...checkBreaker(asked),
      ...checkDown(asked),
      ...checkQueue(asked),
      ...checkDialer(ownValue(asked.raw, 'dialer'), at('dialer')),
    ];
  });
}

interface Asked {
  /** As written. */
  readonly raw: unknown;
  /** What could be read of it. */
  readonly read: Partial<PoolDraft>;
  readonly at: (...rest: Path) => Path;
}

const places = ['host', 'srv', 'unix'] as const;

function checkEndpoints({ raw, at }: Asked): readonly Finding[] {
  const list = ownValue(raw, 'endpoints');
  const endpoints: readonly unknown[] = Array.isArray(list) ? list : [];
  const isRemote = goesThroughProxy(ownValue(raw, 'dialer'));
  return endpoints.flatMap((endpoint, index) => {
    if (!isRecord(endpoint)) return [];
    const path = at('endpoints', index);
    const findings = [...placeFindings(endpoint, path, places)];
    if (isRemote && ownValue(endpoint, 'unix') !== undefined)
      findings.push({
        path: [...path, 'unix'],
        message: 'a UNIX socket of this machine cannot be reached through a proxy',
        part: 'key',
      });
    return findings;
  });
}

/**
 * What is wrong with a place to connect to: none, two at once, or half of one.
 * @param kinds what can say it; `host` goes with `port`.
 */
export function placeFindings(place: unknown, path: Path, kinds: readonly string[]): readonly Finding[] {
  const has = (key: string): boolean => ownValue(place, key) !== undefined;
  const [first, second] = [...kinds, 'port'].filter((key) => has(key) && (key !== 'port' || !has('host')));
  const expected = kinds.map((kind) => (kind === 'host' ? '{ host, port }' : `{ ${kind} }`)).join(' or ');
  if (first === undefined)
    return [{ path, message: `this is no place: ${kinds.join(' or ')} is missing`, expected, part: 'key' }];
  if (second !== undefined)
    return [
      { path: [...path, second], message: `${first} and ${second} stand side by side; keep one of them`, part: 'key' },
    ];
  const missing = first === 'port' ? 'host' : 'port';
  if ((first !== 'host' && first !== 'port') || has(missing)) return [];
  return [{ path: [...path, missing], message: `${missing} is missing`, expected }];
}

function checkTwice({ read: { endpoints = [] }, at }: Asked): readonly Finding[] {
  const first = new Map<string, number>();
  return endpoints.flatMap((endpoint, index) => {
    const name = endpointName(endpoint);
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, index);
    return earlier === undefined
      ? []
      : [
          {
            path: at('endpoints', index),
            message: `endpoints[${earlier}] is this one already; a weight says how much more it gets`,
            part: 'key' as const,
          },
        ];
  });
}

function endpointName({ host = '', port = 0, srv, unix }: EndpointInput): string {
  return JSON.stringify(unix === undefined ? [(srv ?? host).toLowerCase(), srv === undefined ? port : 'srv'] : [unix]);
}

function checkBalance({ raw, at }: Asked): readonly Finding[] {
  const balance = ownValue(raw, 'balance') ?? 'round-robin';
  // Of a balance that nobody knows, the schema speaks.
  if (ownValue(raw, 'hashBy') === undefined || !otherBalances.some((one) => one === balance)) return [];
  return [
    {
      path: at('hashBy'),
      message: 'hashBy cannot be enforced here: it belongs to balance: hash',
      suggestion: 'balance: hash',
      part: 'key',
    },
  ];
}

const otherBalances = ['round-robin', 'least-connections', 'random-two'] as const;

const healthKeys: Readonly<Record<'http' | 'exchange', readonly string[]>> = {
  http: ['path', 'host', 'method', 'status'],
  exchange: ['send', 'expect'],
};

function checkHealth({ raw, at }: Asked): readonly Finding[] {
  const health = ownValue(raw, 'health');
  const written = ownValue(health, 'type') ?? 'tcp';
  const type = written === 'send-expect' ? 'exchange' : written;
  if (type !== 'tcp' && type !== 'http' && type !== 'exchange') return [];
  return (['http', 'exchange'] as const)
    .filter((other) => other !== type)
    .flatMap((other) =>
      healthKeys[other]
        .filter((key) => ownValue(health, key) !== undefined)
        .map((key) => ({
          path: at('health', key),
          message: `${key} belongs to checks of type ${other} and cannot be enforced here`,
          suggestion: `type: ${other}`,
          part: 'key' as const,
        })),
    );
}

function checkBreaker({ read: { breaker }, at }: Asked): readonly Finding[] {
  const { openFor = 10_000, openForMax } = breaker === false || breaker === undefined ? {} : breaker;
  if (openForMax === undefined || openForMax === null || openFor === null || openForMax >= openFor) return [];
  return [{ path: at('breaker', 'openForMax'), message: 'the longest time is shorter than the first one, openFor' }];
}

/** What is done about endpoints that are down, where nothing ever brings one down. */
function checkDown({ raw, read, at }: Asked): readonly Finding[] {
  const findings: Finding[] = [];
  const isChecked = ownValue(raw, 'health') !== undefined;
  const manner = ownValue(raw, 'onEndpointDown');
  if (!isChecked && (manner === 'drain' || manner === 'kill'))
    findings.push({
      path: at('onEndpointDown'),
      message: 'onEndpointDown cannot be enforced here: without health no check brings an endpoint down',
      part: 'key',
    });
  if (!isChecked && !hasBreaker(read) && ownValue(raw, 'slowStart') !== undefined)
    findings.push({
      path: at('slowStart'),
      message: 'slowStart cannot be enforced here: without health or breaker no endpoint is ever down',
      part: 'key',
    });
  const isNeverLeft = (read.endpoints?.length ?? 0) > 0 && fixedEndpoints(read) !== null;
  if (isNeverLeft && manner !== 'drain' && ownValue(raw, 'drain') !== undefined)
    findings.push({
      path: at('drain'),
      message: 'drain cannot be enforced here: no name makes these endpoints, so that each of them is always wanted',
      suggestion: isChecked ? 'onEndpointDown: drain' : null,
      part: 'key',
    });
  return findings;
}

function checkQueue({ raw, read, at }: Asked): readonly Finding[] {
  const list = ownValue(raw, 'endpoints');
  const endpoints: readonly unknown[] = Array.isArray(list) ? list : [];
  const isCapped = endpoints.some((endpoint) => valueAt(endpoint, ['maxConnections']) !== undefined);
  if ((read.queue?.size ?? 0) === 0 || isCapped) return [];
  return [
    {
      path: at('queue'),
      message: 'queue cannot be enforced here: without maxConnections on an endpoint there is nothing to wait for',
      part: 'key',
    },
  ];
}
