/**
 * Ring 1 and 2 for the chart of an endpoint: every state by every fact and every deadline under several policies, every
 * mutation, every verdict, and both interpreters side by side.
 *
 * Read first: test/support/endpoint-world.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { actorClock } from '../../src/machines/chart/actor-clock.ts';
import { compileChart } from '../../src/machines/chart/compile.ts';
import { compiledCharts } from '../../src/machines/chart/compiled-chart.ts';
import { initialEndpointContext, shareAfter, type EndpointPolicy } from '../../src/machines/endpoint/context.ts';
import { endpointFactTypes, isEndpointFactType, type EndpointFactType } from '../../src/machines/endpoint/events.ts';
import { endpointMachine, endpointRegistries } from '../../src/machines/endpoint/machine.ts';
import { endpointLeaves, endpointVerdictOf, type EndpointLeaf } from '../../src/machines/endpoint/verdicts.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { everyMutant, rebuilt } from '../support/chart-mutants.ts';
import { endpointLaws, fullPolicy, policies, walkEndpoint, type EndpointTable } from '../support/endpoint-world.ts';
import { runs, seed } from '../support/fuzz.ts';

const chart = { machine: endpointMachine, registries: endpointRegistries, isFact: isEndpointFactType };
const table: EndpointTable = compileChart(endpointMachine, endpointRegistries, isEndpointFactType);
const walks = policies.map((policy) => walkEndpoint(table, policy, false));

describe('the walk of an endpoint', () => {
  test.each(Object.keys(endpointLaws))('%s', (law) => {
    for (const { violations } of walks) expect(violations.filter((one) => one.law === law).slice(0, 3)).toEqual([]);
  });

  test('every state is reached, and every walk ends', () => {
    expect(new Set(walks[0]?.places.map(({ leaf }) => leaf))).toEqual(new Set(endpointLeaves));
    expect(walks.flatMap(({ violations }) => violations)).toEqual([]);
    console.info(
      `[endpoint] ${walks.map(({ places, steps }) => `${places.length} places, ${steps} steps`).join('; ')}`,
    );
  });

  test('B05: wherever checks are made, deadlines alone bring another one, and an ejection ends by itself', () => {
    for (const place of walks[0]?.places ?? []) {
      const names = place.armed.map(({ name }) => name);
      if (place.leaf === 'RETIRED') expect(names).toEqual([]);
      else if (place.leaf === 'DRAINING') expect(names).toEqual(['drain']);
      else expect(names.some((name) => name === 'interval' || name === 'check')).toBe(true);
      if (place.leaf.startsWith('EJECTED')) expect(names).toContain('ejection');
      if (place.leaf.startsWith('HALF_OPEN.TRYING')) expect(names).toContain('trial');
    }
  });
});

describe('mutations of the endpoint chart', () => {
  /** Mutants that no history can tell from the real chart, each with the reason. */
  const equivalent: Readonly<Record<string, string>> = {};

  function isFound(mutated: EndpointTable): boolean {
    return policies.some((policy) => walkEndpoint(mutated, policy, true).violations.length > 0);
  }

  test('taking out any one deadline, edge, action or rule breaks a law', () => {
    expect(isFound(rebuilt(chart))).toBe(false);
    const mutants = everyMutant(chart);
    const survivors = mutants.filter(({ compile }) => !isFound(compile())).map(({ name }) => name);
    expect(survivors).toEqual(Object.keys(equivalent));
    expect(mutants.length).toBeGreaterThan(100);
    console.info(`[endpoint] ${mutants.length} mutants, ${survivors.length} equivalent`);
  });
});

describe('verdicts of the endpoint chart', () => {
  test('I13: every pair of a leaf and a fact has a verdict, which is the chart’s', () => {
    expect(table.leaves.map(({ name }) => name)).toEqual(endpointLeaves);
    const wrong = endpointLeaves.flatMap((leaf: EndpointLeaf) =>
      endpointFactTypes
        .filter((fact) => {
          const found = table.leaves.find(({ name }) => name === leaf);
          const candidates = found === undefined || found.isFinal ? [] : (found.candidates.get(fact) ?? []);
          return (endpointVerdictOf(leaf, fact) === 'handled') !== candidates.length > 0;
        })
        .map((fact) => `${leaf} ${fact}`),
    );
    expect(wrong).toEqual([]);
  });
});

/** The machine as an actor, and what it asked for. */
function actorOf(policy: EndpointPolicy) {
  const clock = new StepClock();
  const said: string[] = [];
  const actor = createActor(endpointMachine, { clock: actorClock(clock), input: policy });
  actor.on('*', (command) => said.push(JSON.stringify(command)));
  actor.start();
  return { clock, said, actor };
}

describe('an endpoint as an actor', () => {
  test('I13: whatever happens, it does what the compiled chart does', () => {
    const moves = fc.array(
      fc.oneof(fc.constantFrom(...endpointFactTypes.slice(0, -1)), fc.constantFrom(100, 700, 5_000, 10_000, 40_000)),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...policies), moves, (policy, steps) => {
        const { clock, said, actor } = actorOf(policy);
        const [otherClock, otherSaid] = [new StepClock(), new Array<string>()];
        const host = {
          perform: (command: unknown) => void otherSaid.push(JSON.stringify(command)),
          moved: () => undefined,
          beforeDeadline: () => undefined,
        };
        const other = compiledCharts(table).create(initialEndpointContext(policy), otherClock, host);
        other.start();
        for (const step of steps) {
          if (typeof step === 'number') {
            clock.advance(step);
            otherClock.advance(step);
          } else {
            if (!other.isDone) actor.send({ type: step });
            other.send({ type: step });
          }
          expect(otherSaid).toEqual(said);
          expect(other.persist().snapshot.value).toEqual(actor.getSnapshot().value);
          expect(other.context).toEqual(actor.getSnapshot().context);
        }
      }),
      { seed: seed(), numRuns: runs(300) },
    );
  });

  test('B02: dials that fail in a row eject it, each time for twice as long, and one trial brings it back', () => {
    const { clock, said, actor } = actorOf({ ...fullPolicy, checks: null });
    const tell = (...types: readonly EndpointFactType[]) => {
      for (const type of types) actor.send({ type });
    };
    const given = () => said.filter((line) => line.includes('announce')).at(-1);
    tell('check.passed', 'dial.failed', 'dial.failed', 'dial.succeeded', 'dial.failed', 'dial.failed');
    expect(actor.getSnapshot().value).toEqual({ UP: { SETTLED: 'RESTING' } });
    tell('dial.failed');
    expect(actor.getSnapshot().value).toEqual({ EJECTED: 'RESTING' });
    for (const lengthMs of [10_000, 20_000, 35_000, 35_000]) {
      clock.advance(lengthMs - 1);
      expect(actor.getSnapshot().value).toEqual({ EJECTED: 'RESTING' });
      clock.advance(1);
      expect(given()).toBe('{"type":"announceTrial"}');
      tell('trial.started');
      expect(given()).toBe('{"type":"announceDown","cause":"trial"}');
      tell('trial.failed');
    }
    clock.advance(35_000);
    tell('trial.started', 'trial.passed');
    expect(actor.getSnapshot().value).toEqual({ UP: { STARTING: 'RESTING' } });
    expect(said.at(-1)).toBe('{"type":"setWeight","share":0.1,"rampMs":20000}');
    clock.advance(20_000 + 35_000);
    expect(actor.getSnapshot().context.ejections).toBe(0);
    tell('drain.requested', 'connections.closed');
    expect([actor.getSnapshot().status, clock.armedCount]).toEqual(['done', 0]);
  });

  test('B04: checks in a row bring it down and up again, and the weight grows evenly', () => {
    const { clock, actor } = actorOf(fullPolicy);
    const check = (type: 'check.passed' | 'check.failed') => {
      clock.advance(5_000);
      actor.send({ type });
    };
    actor.send({ type: 'check.passed' });
    for (const type of ['check.failed', 'check.failed', 'check.passed', 'check.failed', 'check.failed'] as const)
      check(type);
    expect(actor.getSnapshot().value).toEqual({ UP: { SETTLED: 'RESTING' } });
    check('check.failed');
    expect(actor.getSnapshot().value).toEqual({ DOWN: 'RESTING' });
    for (const type of ['check.passed', 'check.failed', 'check.passed'] as const) check(type);
    expect(actor.getSnapshot().value).toEqual({ DOWN: 'RESTING' });
    check('check.passed');
    expect(actor.getSnapshot().value).toEqual({ UP: { STARTING: 'RESTING' } });
    expect([-1, 0, 5_000, 10_000, 20_000, 30_000].map((ms) => shareAfter(0.1, 20_000, ms))).toEqual([
      0.1, 0.1, 0.325, 0.55, 1, 1,
    ]);
    expect(shareAfter(1, 0, 0)).toBe(1);
  });

  test('a million failed dials count no further than they matter', () => {
    const { clock, actor } = actorOf({ ...fullPolicy, checks: null });
    actor.send({ type: 'check.passed' });
    for (let round = 0; round < 200; round += 1) {
      for (let count = 0; count < 3; count += 1) actor.send({ type: 'dial.failed' });
      clock.advance(35_000);
      for (const type of ['trial.started', 'trial.failed'] as const) actor.send({ type });
    }
    expect(actor.getSnapshot().context.ejections).toBe(40);
    const unlimited = actorOf({ ...fullPolicy, breaker: null }).actor;
    for (let count = 0; count < 100; count += 1) unlimited.send({ type: 'dial.failed' });
    expect(unlimited.getSnapshot().context.failures).toBe(0);
  });
});
