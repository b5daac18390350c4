/**
 * Ring 1 for the chart of a certificate: every state by every fact and every deadline, every mutation, every verdict.
 *
 * Read first: test/support/certificate-walker.ts.
 */
import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { compileChart } from '../../src/machines/chart/compile.ts';
import { actorClock } from '../../src/machines/chart/actor-clock.ts';
import { backOffMs, failuresMax, unreachedMax, unreachedMs } from '../../src/machines/certificate/context.ts';
import { certificateDeadlines, hourMs } from '../../src/machines/certificate/delays.ts';
import {
  certificateFactTypes,
  isCertificateFactType,
  type CertificateFact,
} from '../../src/machines/certificate/events.ts';
import { certificateMachine, certificateRegistries } from '../../src/machines/certificate/machine.ts';
import {
  certificateLeaves,
  certificateVerdictOf,
  type CertificateLeaf,
} from '../../src/machines/certificate/verdicts.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { certificateLaws, failureLengths, lengthsOf, pollLengths, waitOf } from '../support/certificate-laws.ts';
import { takeStep, walkCertificate, type CertificateTable } from '../support/certificate-walker.ts';
import { everyMutant, rebuilt } from '../support/chart-mutants.ts';

const chart = { machine: certificateMachine, registries: certificateRegistries, isFact: isCertificateFactType };
const table: CertificateTable = compileChart(certificateMachine, certificateRegistries, isCertificateFactType);
const failed: CertificateFact = { type: 'attempt.failed', afterMs: null };
const unreached: CertificateFact = { type: 'authority.unreached' };
const walk = walkCertificate(table, certificateLaws, false);

describe('the walk of a certificate', () => {
  test.each(Object.keys(certificateLaws))('%s', (law) => {
    expect(walk.violations.filter((one) => one.law === law).slice(0, 3)).toEqual([]);
  });

  test('every state is reached', () => {
    expect(new Set(walk.places.map(({ leaf }) => leaf))).toEqual(new Set(certificateLeaves));
    console.info(`[certificate] ${walk.places.length} places, ${walk.steps} steps`);
  });

  test('deadlines alone lead from everywhere back to an attempt or to a look at the clock', () => {
    const goals = ['ISSUING.CLAIMING', 'RENEWING.CLAIMING', 'VALID.CHECKING', 'VALID.SETTLED'];
    for (const start of walk.places) {
      if (start.leaf === 'RETIRED') continue;
      for (const { name } of start.armed) {
        let { after } = takeStep(table, start, name);
        for (let left = 10; left > 0 && !goals.some((goal) => after.leaf.endsWith(goal)); left -= 1) {
          after = takeStep(table, after, after.armed.at(-1)?.name ?? '').after;
        }
        expect(
          goals.some((goal) => after.leaf.endsWith(goal)),
          `${start.leaf} after ${name}`,
        ).toBe(true);
      }
    }
  });
});

describe('how long a certificate’s chart waits', () => {
  test('failures in a row wait from one minute, doubling, to an hour, and up to half of it more', () => {
    for (const random of [0, 0.25, 0.5, 0.999]) {
      const lengths = failureLengths(table, random, failed, failuresMax + 3);
      for (const [index, lengthMs] of lengths.entries()) {
        const least = Math.min(backOffMs * 2 ** index, hourMs);
        expect(lengthMs).toBeGreaterThanOrEqual(least);
        expect(lengthMs).toBeLessThanOrEqual(least * 1.5);
      }
    }
    const some = [0.1, 0.3, 0.6, 0.9].map((random) => failureLengths(table, random, failed, 1)[0]);
    expect(new Set(some).size).toBe(some.length);
  });

  test('where the CA cannot be reached the waits are from five seconds, doubling, to an hour, and up to half of it more', () => {
    for (const random of [0, 0.5, 0.999]) {
      for (const [index, lengthMs] of failureLengths(table, random, unreached, unreachedMax + 2).entries()) {
        const least = Math.min(unreachedMs * 2 ** index, hourMs);
        expect(lengthMs).toBeGreaterThanOrEqual(least);
        expect(lengthMs).toBeLessThanOrEqual(least * 1.5);
      }
    }
  });

  test('a CA that was not reached does not lengthen the wait after it refused, and the other way round', () => {
    const [first = 0] = failureLengths(table, 0, failed, 1);
    expect(lengthsOf(table, 0, [unreached, unreached, unreached, failed]).at(-1)).toBeLessThanOrEqual(first * 1.5);
    expect(lengthsOf(table, 0, [unreached, failed, failed, unreached]).at(-1)).toBeLessThanOrEqual(unreachedMs * 1.5);
  });

  test('what the CA asks for after a rate limit is waited for, an hour at a time, and no more than a month of it', () => {
    expect(waitOf(table, 5 * 24 * hourMs)).toBeGreaterThanOrEqual(5 * 24 * hourMs);
    expect(waitOf(table, 5 * 24 * hourMs)).toBeLessThan(5 * 24 * hourMs + hourMs);
    expect(waitOf(table, Number.MAX_SAFE_INTEGER)).toBeLessThan(31 * 24 * hourMs);
    expect(waitOf(table, 0)).toBeGreaterThanOrEqual(backOffMs);
  });

  test('polls wait as long as the CA says, within bounds, else one second doubling to ten', () => {
    expect(pollLengths(table, [null, null, null, null, null, null])).toEqual([
      1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
    expect(pollLengths(table, [3_000, 0, 3_600_000])).toEqual([3_000, 100, 60_000]);
  });

  test('as an actor on our clock, fifty days to the renewal are waited for an hour at a time', () => {
    const clock = new StepClock();
    const actor = createActor(certificateMachine, { clock: actorClock(clock), input: { random: 0 } });
    const asked: string[] = [];
    actor.on('*', ({ type }) => asked.push(type));
    actor.start();
    actor.send({ type: 'certificate.found' });
    expect(clock.runNext()).toBe(true);
    expect(actor.getSnapshot().value).toEqual({ VALID: 'CHECKING' });
    actor.send({ type: 'renewal.later', afterMs: 50 * 24 * hourMs });
    expect(actor.getSnapshot().value).toEqual({ VALID: 'SETTLED' });
    clock.advance(hourMs - 1);
    expect(actor.getSnapshot().value).toEqual({ VALID: 'SETTLED' });
    clock.advance(1);
    expect(actor.getSnapshot().value).toEqual({ VALID: 'CHECKING' });
    clock.advance(certificateDeadlines.check);
    expect(actor.getSnapshot().value).toEqual({ VALID: 'SETTLED' });
    expect(asked.filter((type) => type === 'checkRenewal')).toHaveLength(2);
    actor.send({ type: 'retire.requested' });
    expect([actor.getSnapshot().status, clock.armedCount]).toEqual(['done', 0]);
  });
});

describe('mutations of the certificate chart', () => {
  /** Mutants that no history can tell from the real chart, each with the reason. */
  const equivalent: Readonly<Record<string, string>> = {
    'MISSING.LOOKING: on certificate.found: without action forgetFailures': 'nothing has failed before the first look',
    'VALID.ADVISING: on certificate.found: without action forgetFailures': 'they were forgotten when it began to serve',
    'VALID.SETTLED: on certificate.found: without action forgetFailures': 'they were forgotten when it began to serve',
  };

  function isFound(mutated: CertificateTable): boolean {
    if (walkCertificate(mutated, certificateLaws, true).violations.length > 0) return true;
    const lengths = failureLengths(mutated, 0.5, failed, failuresMax);
    const isGrowing = lengths.every((ms, index) => ms >= Math.min(backOffMs * 2 ** index, hourMs));
    const polls = pollLengths(mutated, [null, null, null]).join();
    return !isGrowing || polls !== '1000,2000,4000' || waitOf(mutated, 5 * hourMs) < 5 * hourMs;
  }

  const mutants = everyMutant(chart);
  // In parts, because XState reads a chart of this size in 20 ms.
  const parts = 6;

  test('the chart itself breaks none, rebuilt as its mutants are', () => {
    expect(isFound(rebuilt(chart))).toBe(false);
    expect(mutants.length).toBeGreaterThan(280);
    expect(mutants.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(equivalent)));
  });

  test.each(Array.from({ length: parts }, (_, part) => part))(
    'taking out any one deadline, edge, action or rule breaks a law (part %i)',
    (part) => {
      const mine = mutants.filter((_, index) => index % parts === part);
      const survivors = mine.filter(({ compile }) => !isFound(compile())).map(({ name }) => name);
      expect(survivors.filter((name) => !Object.hasOwn(equivalent, name))).toEqual([]);
    },
  );
});

describe('verdicts of the certificate chart', () => {
  test('I13: every pair of a leaf and a fact has a verdict, which is the chart’s', () => {
    expect(table.leaves.map(({ name }) => name)).toEqual(certificateLeaves);
    const wrong = certificateLeaves.flatMap((leaf: CertificateLeaf) =>
      certificateFactTypes
        .filter((fact) => {
          const found = table.leaves.find(({ name }) => name === leaf);
          const candidates = found === undefined || found.isFinal ? [] : (found.candidates.get(fact) ?? []);
          return (certificateVerdictOf(leaf, fact) === 'handled') !== candidates.length > 0;
        })
        .map((fact) => `${leaf} ${fact}`),
    );
    expect(wrong).toEqual([]);
  });
});
