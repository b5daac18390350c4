/**
 * The schema of `timeouts`, in its three places: top level, listener, route.
 *
 * Decides: which deadline can be enforced where. One that cannot is refused with the reason, never ignored.
 * Read first: `delays.ts` of the connection machine, the table of deadlines.
 */
import { z } from 'zod';

import { type DeadlineName, deadlines } from '../machines/connection/delays.ts';
import { deadlineRecord } from './deadline-record.ts';
import { duration, refused } from './schema-values.ts';

/** What `serverFirst: true` means: longer than a round trip, shorter than a person notices. */
export const serverFirstMs = 300;

export type TimeoutsScope = 'proxy' | 'listener' | 'route';

/** A section of deadlines; milliseconds, null for never, undefined for "not set here". */
export function timeoutsSchema(scope: TimeoutsScope) {
  const error = 'an object of deadlines, such as { dial: 5s, idle: 5m }';
  return z.strictObject(
    deadlineRecord((name) => deadlineSchema(name, scope)),
    { error },
  );
}

function deadlineSchema(
  name: DeadlineName,
  scope: TimeoutsScope,
): z.ZodOptional<z.ZodType<number | null, string | number | boolean>> {
  const reason = whyNot(name, scope);
  if (reason !== null) return refused(reason);
  if (name === 'readinessDelay') return zeroUntilBuilt(name);
  return duration({
    infinite: deadlines[name].infiniteAllowed,
    zero: false,
    trueMs: name === 'serverFirst' ? serverFirstMs : null,
  })
    .meta({ description: `${deadlines[name].meaning}. Default: ${defaultText(name)}.` })
    .optional();
}

function zeroUntilBuilt(name: DeadlineName) {
  return z
    .literal([0, '0', '0ms', '0s'], { error: `a ${name} other than 0 is not built yet` })
    .transform(() => 0)
    .optional();
}

function defaultText(name: DeadlineName): string {
  if (name === 'halfClosed') return 'the value of idle';
  const ms = deadlines[name].defaultMs;
  if (ms === null) return deadlines[name].infiniteAllowed ? 'infinite' : 'off';
  return `${ms} ms`;
}

const wholeProxy: ReadonlySet<DeadlineName> = new Set(['startup', 'drain', 'readinessDelay']);
/** `keepAlive` before the first request; after it, the route's own counts. */
const beforeRoute: ReadonlySet<DeadlineName> = new Set([
  'admission',
  'sniff',
  'serverFirst',
  'linger',
  'requestHead',
  'keepAlive',
]);

function whyNot(name: DeadlineName, scope: TimeoutsScope): string | null {
  if (scope !== 'proxy' && wholeProxy.has(name)) {
    return `${name} is declared here but cannot be enforced here: it is one deadline of the whole proxy; set it under the top-level timeouts`;
  }
  if (scope === 'route' && name === 'admission') {
    return 'admission is declared here but cannot be enforced here: it has passed before a route is known; set it under the top-level timeouts';
  }
  if (scope === 'listener' && !beforeRoute.has(name)) {
    return `${name} is declared here but cannot be enforced here: a route is known by then; set it on the routes or under the top-level timeouts`;
  }
  return null;
}
