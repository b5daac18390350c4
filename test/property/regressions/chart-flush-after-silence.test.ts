/**
 * Found by the chart walk, law "a deadline is armed with the length the route gives it".
 *
 * A half-closed connection whose bytes were last reported quiet for 200 s took that silence along into FLUSHING, where it
 * was subtracted from the 10 s that the rest has to be written in: nothing was left, and a connection that had just ended
 * well was reset for `timeout.flush`.
 */
import { describe, expect, test } from 'vitest';
import type { ConnectionFact } from '../../../src/machines/connection/events.ts';
import { defaultTimeouts } from '../../../src/machines/connection/delays.ts';
import { configurationOf } from '../../support/chart-configurations.ts';
import { maker, type ConnectionRun } from '../../support/chart-histories.ts';
import { begin } from '../../support/chart-pair.ts';

const configuration = {
  ...configurationOf({
    attemptsMax: 1,
    isServerFirst: false,
    isIdleInfinite: false,
    hasHalfClosedMax: false,
    hasLifetime: false,
    hasSilentDeaths: false,
  }),
  listenerTimeouts: defaultTimeouts,
};

const downstreamEnded: ConnectionFact = { type: 'downstream.ended', heldBytes: 0, ageMs: 0 };
const upstreamEnded: ConnectionFact = { type: 'upstream.ended', ageMs: 0 };
const downstreamFailed: ConnectionFact = { type: 'downstream.failed', reason: 'downstream.reset' };
const upstreamFailed: ConnectionFact = { type: 'upstream.failed', reason: 'upstream.reset' };

describe.each(['compiled', 'xstate'] as const)('by the %s interpreter', (interpreter) => {
  test.each([
    ['both sides have ended, the client first', downstreamEnded, upstreamEnded],
    ['both sides have ended, the upstream first', upstreamEnded, downstreamEnded],
    ['the client is gone after its end', downstreamEnded, downstreamFailed],
    ['the upstream is gone after its end', upstreamEnded, upstreamFailed],
  ])('T12: the rest has the whole flush deadline, however quiet it was before, when %s', (_name, first, second) => {
    const run: ConnectionRun = begin(maker(interpreter, configuration));
    run.chart.send({ type: 'admission.granted' });
    run.chart.send({ type: 'client.identified' });
    run.chart.send({
      type: 'sniff.routed',
      serves: 'upstream',
      ageMs: 0,
      timeouts: defaultTimeouts,
      attemptsMax: 1,
      keepHalfOpen: false,
      answerable: false,
      waits: false,
    });
    run.chart.send({ type: 'dial.succeeded', ageMs: 0 });
    run.chart.send(first);
    run.host.toldBefore = [{ type: 'bytes.flowed', quietMs: 200_000 }];
    run.clock.advance(300_000);
    run.clock.advance(50_000);
    run.chart.send(second);
    expect(run.chart.leaf).toBe('HALF_CLOSED.FLUSHING');
    expect(run.chart.armed().map(({ remainingMs }) => remainingMs)).toEqual([10_000]);
  });
});
