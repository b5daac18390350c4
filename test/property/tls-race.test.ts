/**
 * Ring 4 for TLS that ends here: do races of handshakes, certificates and sealed upstreams leave anything behind?
 *
 * The world, the laws and the end of a history are those of `race.test.ts`; the histories are `race-tls-history.ts`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectionLeaves } from '../../src/machines/connection/verdicts.ts';
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import { runs, seed } from '../support/fuzz.ts';
import { Coverage, leavesOf, type Deed } from '../support/race-coverage.ts';
import { histories } from '../support/race-history.ts';
import { racePlan } from '../support/race-plan.ts';
import { leafOf, leftovers, nothingLeft, recordOf, stage } from '../support/race-stage.ts';
import { runHistory } from '../support/race-run.ts';
import { tlsTerrain } from '../support/race-tls-history.ts';

describe.each([
  ['compiled', 700],
  ['xstate', 220],
] as const)('swarms of handshakes under the %s interpreter', (interpreter, usualRuns) => {
  const plan = racePlan(interpreter);
  const coverage = new Coverage();

  test('I1 to I13: no order of handshakes, certificates and ends leaves a leg, a timer or a slot behind', async () => {
    const property = fc.asyncProperty(histories(40, tlsTerrain), async (history) => {
      coverage.add(await runHistory(plan, history));
    });
    await fc.assert(property, { seed: seed(), numRuns: runs(usualRuns) });
  }, 600_000);

  test.each([
    ['end', 'downstream.tls'],
    ['close', 'downstream.tls'],
    ['reset', 'downstream.reset'],
  ] as const)('L20: a client that goes by %s in the middle of its handshake is let go of at once', (way, reason) => {
    const world = stage(interpreter);
    const client = world.connect('terminated', 'helloRaw', {}, 'mute');
    client.sendPreface();
    world.advance(3);
    expect(leafOf(world, client)).toBe('SNIFFING.TLS_HANDSHAKE');
    client[way]();
    world.advance(1);
    expect(recordOf(world, client)).toMatchObject({ reason, state: 'SNIFFING', upstream: null });
    expect(leftovers(world)).toEqual(nothingLeft);
  });

  test('every leaf of TLS was entered, and every reason recorded that handshakes can cause', () => {
    expect(coverage.missed(leavesOf.tls, reachableReasons, deeds)).toEqual([]);
    expect(coverage.strange([...reachableReasons, ...rareReasons])).toEqual([]);
  });
});

test('the races reach every leaf of the chart', () => {
  const reached = new Set([...leavesOf.plain, ...leavesOf.tls, ...leavesOf.services, 'ACCEPTED']);
  expect(connectionLeaves.filter((leaf) => !reached.has(leaf))).toEqual([]);
});

const reachableReasons: readonly CloseReason[] = [
  'completed',
  ...(['downstream.left', 'downstream.reset', 'downstream.tls'] as const),
  ...(['upstream.refused', 'upstream.unreachable', 'upstream.reset', 'upstream.tls'] as const),
  ...(['refused.route', 'refused.protocol', 'handler.failed'] as const),
  'operator.killed',
  ...([
    'timeout.sniff',
    'timeout.dial',
    'timeout.idle',
    'timeout.lifetime',
    'timeout.halfClosed',
    'timeout.flush',
  ] as const),
];

/** Of what else may happen to a client that speaks TLS; `race.test.ts` sees to it that it does. */
const rareReasons: readonly CloseReason[] = ['downstream.malformed', 'timeout.dialBudget'];

const deeds: readonly Deed[] = [
  ...(['found', 'none', 'fails', 'spoiled', 'never'] as const),
  ...(['seals', 'babbles', 'ends', 'resets'] as const),
];
