/**
 * Ring 1: is a zombie reachable at all? Every state of chart × world, by every order of what can happen.
 *
 * Read first: test/support/chart-laws.ts (what is asserted), test/support/chart-world.ts (the world).
 */
import { describe, expect, test } from 'vitest';
import { closeReasons, type CloseReason } from '../../src/machines/connection/close-reason.ts';
import { connectionTable } from '../../src/machines/connection/connection-chart.ts';
import { defaultTimeouts } from '../../src/machines/connection/delays.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { connectionLeaves } from '../../src/machines/connection/verdicts.ts';
import {
  configurations,
  declaredDeadlines,
  headerConfigurations,
  pingConfigurations,
  silentConfigurations,
} from '../support/chart-configurations.ts';
import { lawNames, laws, type LawName } from '../support/chart-laws.ts';
import { subjectOf, takeStep } from '../support/chart-step.ts';
import { walk, type Visit, type Walk } from '../support/chart-walk.ts';

const subject = subjectOf(connectionTable);
const everywhere = [...configurations, ...silentConfigurations, ...pingConfigurations, ...headerConfigurations];
const truthful = everywhere.map((configuration) => walk(subject, configuration, { isTruthful: true, isHasty: false }));
const lying = everywhere.map((configuration) => walk(subject, configuration, { isTruthful: false, isHasty: false }));
const all: readonly Walk[] = [...truthful, ...lying];

/** No step of any walk broke one of these laws, and each was tried. */
function expectLaws(...names: readonly LawName[]): void {
  const broken = all.flatMap(({ violations }) => violations.filter(({ law }) => names.some((name) => name === law)));
  const said = broken.map(({ law, configuration, path }) => [law, `[${configuration}]`, ...path].join('\n  '));
  expect(said.slice(0, 3)).toEqual([]);
  for (const name of names) expect(timesTried(name), `"${name}" was never tried`).toBeGreaterThan(0);
}

function timesTried(name: LawName): number {
  return all.reduce((sum, one) => sum + (one.tried.get(name) ?? 0), 0);
}

function visitsOf(walks: readonly Walk[]): readonly Visit[] {
  return walks.flatMap(({ visits }) => visits);
}

const count = (walks: readonly Walk[]) =>
  `${walks.length} walks, ${visitsOf(walks).length} states, ${walks.reduce((sum, one) => sum + one.steps, 0)} edges`;
console.info(`[chart] truthful worlds: ${count(truthful)}; lying worlds: ${count(lying)}`);

describe('deadlines', () => {
  test('L05: every state is held by exactly the deadlines that the declared table names', () => {
    expectLaws('exactly the declared deadlines are armed');
  });

  test('L05: every state but CLOSED has a deadline, whatever a configuration turns off', () => {
    const off = { ...defaultTimeouts, serverFirst: null, idle: null, halfClosedMax: null, lifetime: null };
    const without = connectionLeaves.filter(
      (leaf) => declaredDeadlines(leaf, { timeouts: off, pingMs: null, pingedMs: 0, quietMs: 0 }).length === 0,
    );
    expect(without).toEqual(['CLOSED']);
  });

  test('I9: deadlines alone lead from every state to CLOSED, except round the documented looks at the legs; an exchange brings its own', () => {
    const stranded = all.flatMap(({ violations }) =>
      violations.filter(({ law }) => law === 'deadlines alone lead to CLOSED'),
    );
    expect(stranded.slice(0, 3)).toEqual([]);
  });

  test('I9: a deadline is armed with the length that the route, the attempt, the silence and the age give it', () => {
    expectLaws('a deadline is armed with the length the route gives it');
  });

  test('I3, L37: nothing is armed in CLOSED', () => {
    expectLaws('nothing is armed in CLOSED');
  });

  test('T01, T05, T11, T12: an absolute deadline is armed once in its state, and nothing inside the state extends it', () => {
    expectLaws('an absolute deadline is armed once in its state');
  });

  test('T02: the sniff deadline is armed in SNIFFING and nowhere else', () => {
    const wrong = visitsOf(all).filter(
      ({ place }) => place.deadlines.some(({ name }) => name === 'sniff') !== (place.state === 'SNIFFING'),
    );
    expect(wrong).toEqual([]);
  });

  test('T05: the dial budget is armed in all of DIALING, between attempts too', () => {
    const dialling = visitsOf(all).filter(({ place }) => place.state === 'DIALING');
    expect(dialling.filter(({ place }) => !place.deadlines.some(({ name }) => name === 'dialBudget'))).toEqual([]);
    expect(dialling.some(({ place }) => place.leaf === 'DIALING.BACKING_OFF')).toBe(true);
    expect(dialling.some(({ place }) => place.leaf === 'DIALING.QUEUED')).toBe(true);
  });

  test('T11, T12: lifetime and halfClosedMax are armed in every state they bound, where they are on', () => {
    const bounded = visitsOf(all).filter(({ place }) => place.state === 'HALF_CLOSED');
    for (const name of ['lifetime', 'halfClosedMax'] as const) {
      const on = bounded.filter(({ place }) => place.context.timeouts[name] !== null);
      expect(on.length).toBeGreaterThan(0);
      expect(on.filter(({ place }) => !place.deadlines.some((one) => one.name === name))).toEqual([]);
    }
  });

  test('T08: bytes put off the deadlines of inactivity, and only those', () => {
    expectLaws('bytes put off a deadline of inactivity and it is armed anew');
  });

  test('T09, L39: the idle deadline announces itself; where it is infinite, the legs are looked at', () => {
    expectLaws('the idle deadline announces itself, or looks at the legs where it is infinite');
  });

  test('H03, T08: a ping is sent when it is due, to WebSockets whose route asks for it, and puts off no other deadline', () => {
    expectLaws(
      'a ping is sent when it is due, and puts off nothing',
      'nobody is pinged whose route does not ask for it',
    );
  });

  test('S01: TLS with the client is being agreed on exactly in TLS_HANDSHAKE', () => {
    expectLaws('TLS is being agreed on in TLS_HANDSHAKE');
  });

  test('S01: an upstream that is reached and not agreed with yet is SECURING', () => {
    expectLaws('an upstream that is reached and not agreed with yet is SECURING');
  });

  test('L21: a live exchange is left to its own deadlines, and the leg is looked at meanwhile', () => {
    expectLaws('a live exchange is left to its own deadlines, and the leg is looked at meanwhile');
  });

  test('M10: a silent client is routed at the server-first deadline, which ends as soon as the client speaks', () => {
    expectLaws(
      'a silent client is routed when the server speaks first',
      'the server-first deadline ends when the client speaks',
    );
  });
});

describe('resources', () => {
  test('I2: a peek exists only in SNIFFING', () => {
    expectLaws('a peek exists only in SNIFFING');
  });

  test('P02: a PROXY header is looked for before anything else, and nowhere else', () => {
    expectLaws(
      'a PROXY header is looked for exactly in PROXY_HEADER',
      'a PROXY header comes before everything else, where one is expected',
    );
  });

  test('P07: nobody is routed before it is known who it is, whatever is told', () => {
    expectLaws('nobody is routed who is not identified, nor in the middle of a handshake');
  });

  test('C04: a place in a queue is held exactly in QUEUED, and waiting for it is no attempt', () => {
    expectLaws('a place in a queue is held exactly in QUEUED', 'waiting is no attempt');
  });

  test('L13, L17: a pending upstream exists only in ATTEMPTING: whoever leaves aborts the dial', () => {
    expectLaws('a pending upstream exists only in ATTEMPTING');
  });

  test('I2: both legs are joined exactly in tunnels and handlers and the halves of them, and no upstream leg exists anywhere else', () => {
    expectLaws(
      'a splice exists only in tunnels, handlers and the halves of them',
      'an upstream leg exists only while it is joined',
    );
  });

  test('I2: the HTTP service has the stream exactly in HTTP, is ended once, and exchanges are live only where they are counted on', () => {
    expectLaws(
      'the HTTP service has the stream only in HTTP, and only there is it ended',
      'an exchange is live in BUSY and LAST_EXCHANGE, or is ended with its service',
    );
  });

  test('I2: every command fits the world it is given in', () => {
    expectLaws('every command fits the world it is given in');
  });

  test('I7: a refused connection never dials', () => {
    expectLaws('a refused connection never dials');
  });

  test('C02, I1: the slot is released exactly once, by the last command, on every way into CLOSED', () => {
    expectLaws('the slot is released exactly once, by the last command, on entering CLOSED');
  });
});

describe('the end', () => {
  test('L22, I4: the reason of a close is the first cause, and nothing overwrites it', () => {
    expectLaws(
      'the reason is the first cause',
      'a recorded reason is never overwritten',
      'the end is told the recorded reason',
    );
  });

  test('L15, L22: a cause ends the connection at once, or leaves it only what is still to be flushed or refused', () => {
    expectLaws('a cause ends the connection, or leaves it only what is to be flushed or refused');
  });

  test('L04: a refusal is written exactly when the client can read it', () => {
    expectLaws('a refusal is written exactly when the client can read it', 'a refusal is written only in REFUSING');
  });

  test('L07: nothing is waited for once everything is delivered, and the end comes only then', () => {
    expectLaws('nothing is waited for once all is delivered');
  });

  test('L06: a FIN is passed on to the other side, and only a FIN is', () => {
    expectLaws('a FIN is passed on to the other side', 'every command fits the world it is given in');
  });

  test('L14, L15: a fact that comes too late changes nothing', () => {
    expectLaws('a stale fact changes nothing');
  });

  test('I4, L07: CLOSED has no way out and nothing changes in it', () => {
    expectLaws('CLOSED has no way out and nothing changes in it');
  });

  test('L22: kill.requested closes every state at once; drain.requested ends HTTP between requests and lets the rest run on', () => {
    expectLaws(
      'kill.requested closes at once',
      'drain.requested lets run on what is under way',
      'drain.requested ends HTTP between two requests, or makes those under way the last',
    );
  });

  test('L40: a FIN behind a request does not take its answer away, and nothing follows that answer', () => {
    expectLaws(
      'the last exchange is told so at once, and only that one',
      'a client that has ended is waited for only while an exchange of it is live',
    );
  });

  test('L40: what HTTP has written is sent before the end unless the cause is a cut, and the client may read it', () => {
    expectLaws(
      'what HTTP has written is sent on exactly when the cause is no cut',
      'a client lingers exactly when it was sent everything and has not ended',
      'completed is recorded only when everything was handed over',
    );
  });
});

describe('zombies', () => {
  test('L19: a full zombie is unreachable: no connection outlives both its legs', () => {
    expectLaws('full zombie: no connection outlives both its legs');
  });

  test('L20: a half zombie is unreachable: where one leg is dead the other has been told', () => {
    expectLaws('half zombie: where one leg is dead the other has been told and its input is nobody’s');
  });

  test('L21: a leg that died without a word is noticed at the next deadline, also where idle is infinite', () => {
    expectLaws('a silent death is told when a deadline is due');
  });
});

describe('coverage', () => {
  test('every leaf is visited in every configuration that can reach it', () => {
    const missed = all.flatMap(({ violations }) => violations.filter(({ law }) => law === 'every leaf is visited'));
    expect(missed).toEqual([]);
    expect(new Set(visitsOf(truthful).map(({ place }) => place.leaf))).toEqual(new Set(connectionLeaves));
  });

  test('every law is tried', () => {
    expect(lawNames.filter((name) => timesTried(name) === 0)).toEqual([]);
    expect(Object.keys(laws)).toHaveLength(lawNames.length);
  });
});

describe('close reasons', () => {
  /** Reasons that the chart writes itself; every other one comes with a fact. */
  const ownReasons: readonly CloseReason[] = [
    ...([
      'completed',
      'downstream.left',
      'timeout.admission',
      'timeout.sniff',
      'timeout.dial',
      'timeout.dialBudget',
      'timeout.queue',
      'timeout.keepAlive',
      'operator.drained',
      'handler.completed',
    ] as const),
    ...(['timeout.idle', 'timeout.halfClosed', 'timeout.halfClosedMax', 'timeout.flush', 'timeout.lifetime'] as const),
  ];
  /** Deadlines that end no connection: they move it on, or belong to the proxy or to a later part. */
  const neverReasons: readonly CloseReason[] = [
    ...(['timeout.serverFirst', 'timeout.backoff', 'timeout.linger'] as const),
    ...(['timeout.startup', 'timeout.drain', 'timeout.readinessDelay'] as const),
    ...(['timeout.requestBody', 'timeout.response', 'timeout.poolIdle'] as const),
  ];
  const givenReasons = closeReasons.filter((reason) => !ownReasons.includes(reason) && !neverReasons.includes(reason));

  const closedFor = new Set(
    visitsOf(truthful).flatMap(({ place }) => (place.leaf === 'CLOSED' ? [place.context.reason] : [])),
  );

  test('L35: every reason that the chart writes itself is produced, and no other deadline ever is', () => {
    expect(ownReasons.filter((reason) => !closedFor.has(reason))).toEqual([]);
    expect(neverReasons.filter((reason) => closedFor.has(reason))).toEqual([]);
  });

  test('L35: every other reason comes with a fact and is recorded as it was told', () => {
    expect(givenReasons.length).toBeGreaterThan(20);
    for (const reason of givenReasons) {
      for (const carrier of carriers(reason)) expect([carrier.type, endOf(carrier)]).toEqual([carrier.type, reason]);
    }
  });

  test('L35: zombie and forced cleanup are not reasons', () => {
    expect(closeReasons.filter((reason) => /zombie|force|cleanup|sweep/i.test(reason))).toEqual([]);
    expect(new Set(closeReasons).size).toBe(closeReasons.length);
  });

  function carriers(reason: CloseReason): readonly ConnectionFact[] {
    return [
      { type: 'kill.requested', reason },
      { type: 'admission.refused', reason },
      { type: 'sniff.failed', reason, answerable: false },
      { type: 'dial.failed', reason, retryable: false },
      { type: 'place.lost', reason },
      { type: 'downstream.failed', reason },
      { type: 'upstream.failed', reason },
      { type: 'service.failed', reason },
    ];
  }

  /** The reason recorded when this fact arrives in a state in which it ends the connection. */
  function endOf(fact: ConnectionFact): CloseReason | null {
    for (const { configuration, visits } of truthful) {
      for (const { place } of visits) {
        if (place.context.reason !== null) continue;
        const { after } = takeStep(subject, configuration, false, place, { kind: 'fact', fact, isStale: false });
        if (after.leaf === 'CLOSED') return after.context.reason;
      }
    }
    return null;
  }
});
