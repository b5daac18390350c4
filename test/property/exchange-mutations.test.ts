/**
 * Ring 1: would the walk notice? Everything that can be taken out of the exchange chart is taken out, one thing at a time,
 * and the walk must find a violation every time.
 */
import { describe, expect, test } from 'vitest';
import { exchangeTable, type ExchangeTable } from '../../src/machines/exchange/exchange-chart.ts';
import { isExchangeFactType } from '../../src/machines/exchange/events.ts';
import { exchangeMachine, exchangeRegistries } from '../../src/machines/exchange/machine.ts';
import { decisiveConfigurations, modelOf } from '../support/exchange-configurations.ts';
import { laws } from '../support/exchange-laws.ts';
import { changedLeaves } from '../support/chart-differences.ts';
import { everyMutant, rebuilt } from '../support/chart-mutants.ts';
import { lawBroken } from '../support/exchange-probe.ts';
import { Walker, type Violation } from '../support/exchange-walker.ts';

/** Mutants that no history can tell from the real chart, each with the reason. */
const equivalent: Readonly<Record<string, string>> = {
  'ESTABLISHED.BLOCKED: on response.began: without action forgetQuiet':
    'BLOCKED is entered with the silence forgotten, so there is nothing to forget (kept because SENDING and EXPECTING share the edge)',
  'recordReason: the last reason wins':
    'no edge that names its reason leaves a state in which one is recorded; recordGivenReason, where it matters, is mutated too',
  'rememberAnswer: the last reason wins': 'it is heard in SNIFFING only, where nothing is recorded',
};

const chart = { machine: exchangeMachine, registries: exchangeRegistries, isFact: isExchangeFactType };
const mutants = everyMutant(chart);
/** The small world first. */
const models = decisiveConfigurations.map(modelOf).toReversed();

const trusting = { isTruthful: true, hasPairs: false, isHasty: false } as const;
const lying = { ...trusting, isTruthful: false } as const;
const pairing = { ...trusting, hasPairs: true } as const;

/** Where the real chart goes: found once, and asked of every mutant. */
const realWalks = [trusting, lying, pairing].flatMap((options) =>
  models.map((model) => ({ options, model, ...new Walker(exchangeTable, laws).walk(model, options) })),
);

/** A law that the mutant breaks, or null. Where the mutant differs is looked at first; few have to be walked. */
function lawBrokenBy(table: ExchangeTable): string | null {
  const changed = changedLeaves(exchangeTable, table, exchangeRegistries);
  const walker = new Walker(table, laws);
  for (const { options, model, visits } of realWalks) {
    const broken = lawBroken({ walker, laws, model, options, visits, changed });
    if (broken !== null) return broken;
  }
  return firstViolation(table)?.law ?? null;
}

/** The first law that the chart breaks, or null. The cheap walks come first. */
function firstViolation(table: ExchangeTable): Violation | null {
  const walker = new Walker(table, laws);
  for (const [isTruthful, hasPairs] of [
    [true, false],
    [false, false],
    [true, true],
  ] as const) {
    for (const model of models) {
      const [violation] = walker.walk(model, { isTruthful, hasPairs, isHasty: true }).violations;
      if (violation !== undefined) return violation;
    }
  }
  return null;
}

describe('mutations of the exchange chart', () => {
  test('the chart breaks no law when it is rebuilt the way the mutants are', { timeout: 120_000 }, () => {
    expect(firstViolation(rebuilt(chart))).toBe(null);
  });

  test(
    'L40: taking out any one deadline, edge, guard, action or rule of an exchange breaks a named law',
    { timeout: 240_000 },
    () => {
      const verdicts = mutants.map(({ name, compile }) => ({ name, law: lawBrokenBy(compile()) }));
      const survivors = verdicts.filter(({ law }) => law === null).map(({ name }) => name);
      expect(survivors).toEqual(Object.keys(equivalent));
      const counts = new Map<string, number>();
      for (const { law } of verdicts) if (law !== null) counts.set(law, (counts.get(law) ?? 0) + 1);
      console.info(`[exchange] ${verdicts.length} mutants, ${survivors.length} equivalent`);
      for (const [law, killed] of [...counts].toSorted(([, one], [, other]) => other - one)) {
        console.info(`[exchange]   ${killed} by "${law}"`);
      }
    },
  );

  test('each kind of thing is mutated', () => {
    const names = mutants.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const structure =
      'without after, without on, without entry, without exit, without guard, without action, reenter, not there';
    const rules = 'the last reason wins, is always true, is always false, is never armed, changes nothing';
    const commands =
      'release, stopRouting, stopClaiming, cancelDial, send, abandonUpstream, discardRequest, answer, handOver, openTunnel, endUpstream, endDownstream';
    const kinds = [structure, rules, commands].flatMap((list) => list.split(', '));
    expect(kinds.filter((kind) => !names.some((name) => name.includes(kind)))).toEqual([]);
  });

  test.each([
    ['DIALING.ATTEMPTING: without exit cancelDial', 'a place and a pending upstream exist only in ATTEMPTING'],
    ['DIALING.QUEUED: without exit stopClaiming', 'a claim exists only in QUEUED'],
    ['SNIFFING: without exit stopRouting', 'a question to the routes exists only in SNIFFING'],
    [
      'HALF_CLOSED.ANSWERING: without entry abandonUpstream',
      'an upstream exists only in ESTABLISHED and HALF_CLOSED, where something is still wanted of it',
    ],
    ['CLOSED: without entry release', 'everything is released exactly once, by the last command, on entering CLOSED'],
    ['HALF_CLOSED.AWAITING: without after response', 'exactly the declared deadlines are armed'],
    [
      'mayRetry is always true',
      'a request is sent to two connections at most, and dialled for once more than the route allows',
    ],
    ['DIALING.ATTEMPTING: after dial (1 of 2): without guard hasAttemptsLeft', 'deadlines alone lead to CLOSED'],
    [
      'ESTABLISHED.TUNNEL: on request.ended: without action endUpstream',
      'the end of one side of a tunnel is passed on to the other',
    ],
    [
      'HALF_CLOSED.RESPONSE_ENDED: without entry discardRequest',
      'the rest of a request is dropped once its response is complete',
    ],
    ['the root: without on downstream.failed', 'a client that leaves, or a kill, closes at once'],
  ])('%s breaks the law that was written against it', { timeout: 60_000 }, (name, law) => {
    const mutant = mutants.find((one) => one.name === name);
    expect(mutant).toBeDefined();
    if (mutant === undefined) return;
    const walker = new Walker(
      mutant.compile(),
      Object.fromEntries(Object.entries(laws).filter(([one]) => one === law)),
    );
    const isBroken = models.some((model) =>
      [true, false].some((isTruthful) => {
        const { violations } = walker.walk(model, { isTruthful, hasPairs: false, isHasty: true });
        return violations.some((one) => one.law === law);
      }),
    );
    expect(isBroken).toBe(true);
  });
});
