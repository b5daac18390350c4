/**
 * Ring 1: would the walk notice? Everything that can be taken out of the chart is taken out, one thing at a time, and
 * the walk must find a violation every time.
 */
import { describe, expect, test } from 'vitest';
import { connectionMachine, connectionRegistries } from '../../src/machines/connection/machine.ts';
import { isConnectionFactType } from '../../src/machines/connection/events.ts';
import { connectionTable, type ConnectionTable } from '../../src/machines/connection/connection-chart.ts';
import { decisiveConfigurations } from '../support/chart-configurations.ts';
import { everyMutant, rebuilt } from '../support/chart-mutants.ts';
import { lawNames } from '../support/chart-laws.ts';
import { Prober } from '../support/chart-probe.ts';
import { subjectOf } from '../support/chart-step.ts';
import { walk, type Violation } from '../support/chart-walk.ts';

/** Mutants that no history can tell from the real chart, each with the reason. */
const equivalent: Readonly<Record<string, string>> = {
  'ESTABLISHED: without entry forgetQuiet':
    'no state before ESTABLISHED remembers a silence, and HTTP, out of which a tunnel may come, does not either: there is nothing to forget (kept so that a new way in stays right)',
  'recordGivenCause: the last reason wins':
    'it is recorded on the way out of HTTP, where none has been recorded before (kept so that every update obeys the rule)',
};

const chart = { machine: connectionMachine, registries: connectionRegistries, isFact: isConnectionFactType };
const { updates } = connectionRegistries;

const mutants = everyMutant(chart, {
  'recordGivenCause records completed too': {
    updates: { ...updates, recordGivenCause: updates['recordGivenReason'] ?? (({ context }) => context) },
  },
});

const prober = new Prober(connectionTable, decisiveConfigurations);

/** A law that the mutant breaks, or null. Where the mutant differs is looked at first; few have to be walked. */
function lawBrokenBy(table: ConnectionTable): string | null {
  return prober.lawBroken(table) ?? firstViolation(table)?.law ?? null;
}

/** The first law that the chart breaks, or null. The walks that find most come first; few mutants need what liars tell. */
function firstViolation(table: ConnectionTable): Violation | null {
  const subject = subjectOf(table);
  for (const isTruthful of [true, false]) {
    for (const configuration of decisiveConfigurations) {
      const [violation] = walk(subject, configuration, { isTruthful, isHasty: true }).violations;
      if (violation !== undefined) return violation;
    }
  }
  return null;
}

describe('mutations of the connection chart', () => {
  test('the chart itself breaks no law, neither as it is nor rebuilt the way the mutants are', () => {
    expect(firstViolation(connectionTable)).toBe(null);
    expect(firstViolation(rebuilt(chart))).toBe(null);
  });

  test(
    'L05, L20, L22: taking out any one deadline, edge, guard, action or rule breaks a named law',
    { timeout: 180_000 },
    () => {
      const verdicts = mutants.map((mutant) => ({
        name: mutant.name,
        law: lawBrokenBy(mutant.compile()),
      }));
      const survivors = verdicts.filter(({ law }) => law === null).map(({ name }) => name);
      expect(survivors).toEqual(Object.keys(equivalent));
      console.info(
        `[chart] ${verdicts.length} mutants, ${verdicts.length - survivors.length} killed, ${survivors.length} equivalent`,
      );
      for (const [law, killed] of tally(verdicts)) console.info(`[chart]   ${killed} by "${law}"`);
    },
  );

  test('each kind of thing is mutated', () => {
    const names = mutants.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const structure =
      'without after, without on, without entry, without exit, without guard, without action, reenter, not there';
    const rules = 'the last reason wins, is always true, is always false, is never armed, changes nothing';
    const commands =
      'release, cancelDial, leaveQueue, readProxyHeader, identify, stopPeeking, endUpstream, endDownstream, discardUpstream, discardDownstream, refuse';
    const kinds = [structure, rules, commands].flatMap((list) => list.split(', '));
    expect(kinds.filter((kind) => !names.some((name) => name.includes(kind)))).toEqual([]);
  });

  test.each([
    ['DIALING.ATTEMPTING: without exit cancelDial', 'a pending upstream exists only in ATTEMPTING'],
    ['DIALING.QUEUED: without exit leaveQueue', 'a place in a queue is held exactly in QUEUED'],
    ['DIALING.QUEUED: without after queue', 'exactly the declared deadlines are armed'],
    ['forgetAttempt changes nothing', 'waiting is no attempt'],
    [
      'SNIFFING.PROXY_HEADER: without on sniff.routed',
      'nobody is routed who is not identified, nor in the middle of a handshake',
    ],
    ['expectsProxyHeader is always false', 'a PROXY header comes before everything else, where one is expected'],
    ['SNIFFING: without exit stopPeeking', 'a peek exists only in SNIFFING'],
    ['CLOSED: without entry release', 'the slot is released exactly once, by the last command, on entering CLOSED'],
    ['HALF_CLOSED.FLUSHING: without after flush', 'exactly the declared deadlines are armed'],
    ['DIALING.ATTEMPTING: without after dial', 'exactly the declared deadlines are armed'],
    [
      'HALF_CLOSED.FLUSHING: on downstream.failed: without action discardUpstream',
      'half zombie: where one leg is dead the other has been told and its input is nobody’s',
    ],
    ['HALF_CLOSED.REFUSING: without on downstream.failed', 'full zombie: no connection outlives both its legs'],
    [
      'ESTABLISHED.TUNNEL.ACTIVE: after idling (1 of 2): without guard isIdleUnbounded',
      'deadlines alone lead to CLOSED',
    ],
    ['DIALING.ATTEMPTING: after dial (1 of 3): without guard hasAttemptsLeft', 'deadlines alone lead to CLOSED'],
    ['ESTABLISHED.TUNNEL: on downstream.ended: without action endUpstream', 'a FIN is passed on to the other side'],
    ['ESTABLISHED.HTTP.WAITING: without after keepAlive', 'deadlines alone lead to CLOSED'],
    ['ESTABLISHED.HTTP.BUSY: without after liveness', 'exactly the declared deadlines are armed'],
    [
      'ESTABLISHED.HTTP.LAST_EXCHANGE: after liveness: without reenter',
      'a live exchange is left to its own deadlines, and the leg is looked at meanwhile',
    ],
    [
      'ESTABLISHED.HTTP.BUSY: on drain.requested: without action lastExchange',
      'the last exchange is told so at once, and only that one',
    ],
    ['recordGivenCause records completed too', 'completed is recorded only when everything was handed over'],
    ['ESTABLISHED.HTTP: without after lifetime', 'exactly the declared deadlines are armed'],
    ['HALF_CLOSED.LINGERING: without on downstream.ended', 'nothing is waited for once all is delivered'],
    ['recordCompletion changes nothing', 'the reason is the first cause'],
  ] as const)('%s breaks the law that was written against it', (name, law) => {
    const mutant = mutants.find((one) => one.name === name);
    expect(mutant).toBeDefined();
    if (mutant === undefined) return;
    const table = mutant.compile();
    const subject = subjectOf(table);
    if (
      prober.lawBroken(
        table,
        lawNames.filter((one) => one === law),
      ) !== null
    )
      return;
    const isBroken = decisiveConfigurations.some((configuration) => {
      const { violations } = walk(subject, configuration, { isTruthful: true, isHasty: law });
      return violations.some((one) => one.law === law);
    });
    expect(isBroken).toBe(true);
  });
});

function tally(verdicts: readonly { readonly law: string | null }[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { law } of verdicts) if (law !== null) counts.set(law, (counts.get(law) ?? 0) + 1);
  return [...counts].toSorted(([, one], [, other]) => other - one);
}
