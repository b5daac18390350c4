/**
 * Ring 1: what can become of an exchange? Every state of chart × world, by every order of what can happen.
 *
 * Read first: test/support/exchange-laws.ts (what is asserted), test/support/exchange-world.ts (the world).
 */
import { describe, expect, test } from 'vitest';
import { closeReasons, type CloseReason } from '../../src/machines/connection/close-reason.ts';
import { defaultTimeouts } from '../../src/machines/connection/delays.ts';
import { exchangeTable } from '../../src/machines/exchange/exchange-chart.ts';
import { exchangeLeaves } from '../../src/machines/exchange/verdicts.ts';
import { configurations, declaredDeadlines, modelOf } from '../support/exchange-configurations.ts';
import { laws, type LawName } from '../support/exchange-laws.ts';
import { walkLaws, Walker } from '../support/exchange-walker.ts';

const walker = new Walker(exchangeTable, laws);
const models = configurations.map(modelOf);
const truthful = models.map((model) => walker.walk(model, { isTruthful: true, hasPairs: true, isHasty: false }));
const lying = models.map((model) => walker.walk(model, { isTruthful: false, hasPairs: false, isHasty: false }));
const all = [...truthful, ...lying];
const visits = all.flatMap((one) => one.visits);
console.info(
  `[exchange] truthful and lying worlds: ${all.length} walks, ${visits.length} states, ${all.reduce((sum, one) => sum + one.steps, 0)} edges`,
);

/** No step of any walk broke one of these laws, and each was tried. */
function expectLaws(...names: readonly LawName[]): void {
  const broken = all.flatMap(({ violations }) => violations.filter(({ law }) => names.some((name) => name === law)));
  expect(broken.map(({ law, path }) => [law, ...path].join('\n  ')).slice(0, 3)).toEqual([]);
  for (const name of names) expect(timesTried(name), `"${name}" was never tried`).toBeGreaterThan(0);
}

function timesTried(name: string): number {
  return all.reduce((sum, one) => sum + (one.tried.get(name) ?? 0), 0);
}

describe('deadlines', () => {
  test('L05: every state is held by exactly the deadlines that the declared table names', () => {
    expectLaws('exactly the declared deadlines are armed');
    expect(exchangeLeaves.filter((leaf) => declaredDeadlines(leaf).length === 0)).toEqual(['CLOSED']);
  });

  test('I9: deadlines alone lead from every state to CLOSED, except round the one documented loop of an endless tunnel', () => {
    const stranded = all.flatMap(({ violations }) => violations.filter(({ law }) => law === walkLaws[0]));
    expect(stranded.slice(0, 3)).toEqual([]);
  });

  test('I9: a deadline is armed with the length that the route, the attempt and the silence give it', () => {
    expectLaws('a deadline is armed with the length the route gives it');
  });

  test('I3: nothing is armed in CLOSED', () => {
    expectLaws('nothing is armed in CLOSED');
  });

  test('T02: no deadline of an earlier state is armed in a later one', () => {
    const early = visits.filter(
      ({ place }) =>
        place.deadlines.some(({ name }) => name === 'sniff') !== (place.leaf === 'SNIFFING') ||
        place.deadlines.some(({ name }) => name === 'requestHead') !== (place.leaf === 'ACCEPTED'),
    );
    expect(early).toEqual([]);
  });

  test('T05: the dial budget is armed in all of DIALING, once for every time DIALING is entered', () => {
    expectLaws('an absolute deadline is armed once in its state');
    const without = visits.filter(
      ({ place }) => place.state === 'DIALING' && !place.deadlines.some(({ name }) => name === 'dialBudget'),
    );
    expect(without).toEqual([]);
  });

  test('T08: bytes put off the deadlines of inactivity, and no others; so does an interim response', () => {
    expectLaws(
      'bytes put off a deadline of inactivity and it is armed anew',
      'bytes do not put off an absolute deadline',
      'an interim response puts off the deadline of the response',
    );
  });

  test('H04, L40: a tunnel inside a connection is held by idle and halfClosed alone, whatever held the exchange before', () => {
    const tunnel = 'ESTABLISHED.TUNNEL, HALF_CLOSED.DOWNSTREAM_ENDED, HALF_CLOSED.UPSTREAM_ENDED'.split(', ');
    const names = visits.flatMap(({ place }) =>
      tunnel.includes(place.leaf) ? place.deadlines.map(({ name }) => name) : [],
    );
    expect(new Set(names)).toEqual(new Set(['idle', 'halfClosed']));
  });
});

describe('resources', () => {
  test('I2: a question to the routes, a claim, a place and an upstream exist only in their states', () => {
    expectLaws(
      'a question to the routes exists only in SNIFFING',
      'a claim exists only in QUEUED',
      'a place and a pending upstream exist only in ATTEMPTING',
      'an upstream exists only in ESTABLISHED and HALF_CLOSED, where something is still wanted of it',
    );
  });

  test('I2: every command fits the world it is given in, also where the fact before it came too late', () => {
    expectLaws('every command fits the world it is given in');
  });

  test('I1: everything is released exactly once, by the last command, on every way into CLOSED', () => {
    expectLaws('everything is released exactly once, by the last command, on entering CLOSED');
  });

  test('H05: an upstream that is not wanted any more is let go at once, and what is left of the request is dropped', () => {
    expectLaws(
      'the rest of a request is dropped once its response is complete',
      'a request is dropped only as long as more of it can come',
    );
  });
});

describe('requests', () => {
  test('I7: nothing is claimed, dialled or sent before routing granted it', () => {
    expectLaws(
      'nothing is claimed, dialled or sent before routing granted it',
      'an exchange that is answered by us alone never asks for an upstream',
    );
  });

  test('I10: a request is sent to at most two connections, the second a fresh one, and never once the client was told anything', () => {
    expectLaws(
      'a request is sent to two connections at most, and dialled for once more than the route allows',
      'what is sent again counts as the same attempt, on a fresh connection',
      'a request that the client was told something about is not sent again',
    );
    expect(visits.some(({ place }) => place.world.sends === 2)).toBe(true);
  });

  test('I10: a client that has seen the head of a response never gets an answer of ours', () => {
    expectLaws(
      'a client that has seen the head of a response never gets an answer of ours, nor is its request sent again',
      'an answer of our own is written only in ANSWERING',
    );
  });

  test('L40: the state says whose turn it is: the client’s, the upstream’s, or whoever takes nothing', () => {
    expectLaws('the state says whose turn it is', 'the chart knows whether the request is complete');
  });

  test('H04, L40: an accepted upgrade is handed over or becomes a tunnel, and each end of a tunnel is passed on', () => {
    expectLaws(
      'a tunnel is opened, or handed over, exactly when it was accepted',
      'the end of one side of a tunnel is passed on to the other',
    );
  });
});

describe('the end', () => {
  test('L22, I4: the reason of a close is the first cause, and nothing overwrites it', () => {
    expectLaws(
      'the reason is the first cause',
      'a recorded reason is never overwritten',
      'the end is told the recorded reason',
      'internal.invariant is never the chart’s own reason',
    );
  });

  test('L04: a cause is answered exactly when the client can read the answer, and ends the exchange', () => {
    expectLaws(
      'an answer of ours is written exactly when the client can read it',
      'a cause ends the exchange, or leaves it only an answer to write or a request to drop',
      'nothing is waited for once our answer is written',
    );
  });

  test('L13, L22: a client that leaves, or a kill, closes every state at once', () => {
    expectLaws('a client that leaves, or a kill, closes at once');
  });

  test('I4: CLOSED has no way out, and a fact that comes too late changes nothing', () => {
    expectLaws('CLOSED has no way out and nothing changes in it', 'a stale fact changes nothing');
  });

  test('L35: the chart itself ends exchanges for these reasons and no others', () => {
    const told: ReadonlySet<string> = new Set(
      models.flatMap(({ facts }) =>
        facts.flatMap((fact) => ('reason' in fact ? [fact.reason] : [])).filter((reason) => reason !== 'completed'),
      ),
    );
    const own = closeReasons.filter((reason) => reasons.has(reason) && !told.has(reason));
    const deadlines = 'sniff, dial, dialBudget, queue, idle, halfClosed, requestHead, requestBody, response'.split(
      ', ',
    );
    expect(own).toEqual([
      'completed',
      'upstream.malformed',
      ...Object.keys(defaultTimeouts)
        .filter((name) => deadlines.includes(name))
        .map((name) => `timeout.${name}`),
    ]);
  });
});

const reasons: ReadonlySet<CloseReason | null> = new Set(
  truthful.flatMap((one) => one.visits.map(({ place }) => place.context.reason)),
);

describe('coverage', () => {
  test('every leaf is visited in every configuration that can reach it, and every law is tried', () => {
    expect(all.flatMap(({ violations }) => violations.filter(({ law }) => law === walkLaws[1]))).toEqual([]);
    expect(Object.keys(laws).filter((name) => timesTried(name) === 0)).toEqual([]);
  });

  test('no walk broke any law', () => {
    expect(all.flatMap(({ violations }) => violations).slice(0, 3)).toEqual([]);
  });
});
