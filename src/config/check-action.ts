/**
 * What can be wrong with an action as a whole: a forward that goes nowhere, options of the other type.
 *
 * Read first: `schema-action.ts`.
 */
import type { DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { ownValue, valueAt } from './plain.ts';

export function checkAction({ index, raw }: DraftRoute): readonly Finding[] {
  const action = ownValue(raw, 'action');
  const at = (...rest: Path): Path => ['routes', index, ...rest];
  const has = (key: string): boolean => ownValue(action, key) !== undefined;
  const type = ownValue(action, 'type');
  if (type === 'forward') return [...checkTargets(has, at), ...misplaced(['how'], 'block', has, at)];
  if (type === 'block') return [...misplaced(forwardOnly, 'forward', has, at), ...checkBlockedOptions(raw, at)];
  return [];
}

type Has = (key: string) => boolean;
type At = (...rest: Path) => Path;

const targetExpected = 'target: { host: 127.0.0.1, port: 3000 }, or targets: [ … ]';

function checkTargets(has: Has, at: At): readonly Finding[] {
  if (has('target') && has('targets')) {
    return [
      {
        path: at('action', 'targets'),
        message: 'target and targets stand side by side; keep one of them',
        part: 'key',
      },
    ];
  }
  if (has('target') || has('targets') || has('pool')) return [];
  return [
    {
      path: at('action'),
      message: 'this forwards to nowhere: target is missing',
      expected: targetExpected,
      part: 'key',
    },
  ];
}

const forwardOnly = [
  'target',
  'targets',
  'pool',
  'dialer',
  'engine',
  'forwardingEngine',
  'upstreamProtocol',
  'rewrite',
];

function misplaced(keys: readonly string[], type: string, has: Has, at: At): readonly Finding[] {
  return keys
    .filter((key) => has(key))
    .map((key) => ({
      path: at('action', key),
      message: `${key} belongs to type ${type} and cannot be enforced here`,
      part: 'key',
    }));
}

/** Deadlines of states that a blocked connection never enters. */
const beyondBlocking = ['dial', 'dialBudget', 'backoff', 'idle', 'halfClosed', 'halfClosedMax', 'lifetime'];

function checkBlockedOptions(raw: unknown, at: At): readonly Finding[] {
  const options: readonly (readonly string[])[] = [
    ['keepHalfOpen'],
    ...beyondBlocking.map((name) => ['timeouts', name]),
  ];
  return options
    .filter((path) => valueAt(raw, path) !== undefined)
    .map((path) => ({
      path: at(...path),
      message: `${path.at(-1)} cannot be enforced here: a blocked connection ends before it could matter`,
      part: 'key',
    }));
}
