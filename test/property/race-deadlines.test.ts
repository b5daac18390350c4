/**
 * Ring 4, scenes: deadlines on the real shell. Each belongs to its state, counts from the right moment and is gone after it.
 */
import { describe, expect, test } from 'vitest';
import { lifetimeMs, serverFirstMs, timeouts } from '../support/race-plan.ts';
import { accepted, joined, leafOf, leftovers, nothingLeft, recordOf, stage } from '../support/race-stage.ts';

describe.each(['compiled', 'xstate'] as const)('deadlines of a connection under the %s interpreter', (interpreter) => {
  test.each(['redis', 'tls', 'http'] as const)(
    'T02: the sniff deadline of a %s client is gone once it is routed',
    (preface) => {
      const world = stage(interpreter);
      const client = accepted(world, 'sniffed', preface);
      world.advance(timeouts.sniff - 1);
      client.sendPreface();
      world.advance(timeouts.sniff * 2);
      expect(leafOf(world, client)).toBe('ESTABLISHED.TUNNEL.ACTIVE');
      world.advance(timeouts.idle);
      expect(recordOf(world, client)?.reason).toBe('timeout.idle');
    },
  );

  test('T02: the sniff deadline is gone once a silent client was given to the server that speaks first', () => {
    const world = stage(interpreter);
    const client = accepted(world, 'serverFirst');
    world.advance(serverFirstMs + timeouts.sniff * 2);
    expect(leafOf(world, client)).toBe('ESTABLISHED.TUNNEL.ACTIVE');
  });

  test('T02: a client that trickles is ended at the sniff deadline, counted from the start', () => {
    const world = stage(interpreter);
    const client = accepted(world, 'sniffed', 'http');
    for (let sent = 0; sent < 9; sent += 1) {
      client.send(1);
      world.advance(timeouts.sniff / 10);
    }
    expect(leafOf(world, client)).toBe('SNIFFING.PREFACE');
    world.advance(timeouts.sniff / 10);
    expect(leafOf(world, client)).toBe('HALF_CLOSED.REFUSING');
    world.advance(timeouts.linger);
    expect(recordOf(world, client)).toMatchObject({
      reason: 'timeout.sniff',
      limitMs: timeouts.sniff,
      state: 'SNIFFING',
    });
  });

  test('T05: the dial budget ends a connection whose attempts each stay within their own deadline', () => {
    const world = stage(interpreter, { dials: [{ type: 'hangs' }] });
    const client = accepted(world, 'many');
    world.advance(timeouts.dialBudget - 1);
    expect(world.dialled.get('hangs')).toBe(2);
    expect(recordOf(world, client)).toBeNull();
    world.advance(1);
    expect(recordOf(world, client)).toMatchObject({
      reason: 'timeout.dialBudget',
      limitMs: timeouts.dialBudget,
      state: 'DIALING',
      durationMs: timeouts.dialBudget,
    });
    world.advance(1);
    expect(leftovers(world)).toEqual(nothingLeft);
  });

  test('T05: an attempt that hangs is ended by its own deadline, and the next one has a new one', () => {
    const world = stage(interpreter, { dials: [{ type: 'hangs' }, { type: 'succeeds', afterMs: 40 }] });
    const client = accepted(world, 'many');
    world.advance(timeouts.dial + timeouts.backoff + 39);
    expect(leafOf(world, client)).toBe('DIALING.ATTEMPTING.CONNECTING');
    world.advance(1);
    expect(leafOf(world, client)).toBe('ESTABLISHED.TUNNEL.ACTIVE');
  });

  test('T11: the lifetime counts from accept, and bytes do not put it off', () => {
    const world = stage(interpreter, { dials: [{ type: 'succeeds', afterMs: 30 }] });
    const client = accepted(world, 'many');
    for (let passedMs = 0; passedMs < lifetimeMs - 10; passedMs += 10) {
      client.send(1);
      world.advance(10);
    }
    expect(leafOf(world, client)).toBe('ESTABLISHED.TUNNEL.ACTIVE');
    world.advance(10);
    expect(recordOf(world, client)).toMatchObject({ reason: 'timeout.lifetime', durationMs: lifetimeMs });
  });

  test('T11: the lifetime goes on counting when one side has ended', () => {
    const world = stage(interpreter);
    const { client, upstream } = joined(world, 'many');
    world.advance(lifetimeMs - 160);
    client.end();
    for (let passedMs = 0; passedMs < 150; passedMs += 10) {
      upstream.send(1);
      world.advance(10);
    }
    expect(recordOf(world, client)).toMatchObject({ reason: 'timeout.lifetime', durationMs: lifetimeMs });
  });

  test.each(['client', 'upstream'] as const)(
    'T12: a connection whose %s has ended is ended after its own deadline without a byte, and bytes put it off',
    (who) => {
      const world = stage(interpreter);
      const { client, upstream } = joined(world);
      const [ended, other] = who === 'client' ? [client, upstream] : [upstream, client];
      ended.end();
      world.advance(timeouts.halfClosed - 5);
      other.send(10);
      world.advance(timeouts.halfClosed - 1);
      expect(leafOf(world, client)).toBe(
        who === 'client' ? 'HALF_CLOSED.DOWNSTREAM_ENDED' : 'HALF_CLOSED.UPSTREAM_ENDED',
      );
      world.advance(1);
      expect(recordOf(world, client)).toMatchObject({ reason: 'timeout.halfClosed', limitMs: timeouts.halfClosed });
      world.advance(1);
      expect(leftovers(world)).toEqual(nothingLeft);
    },
  );

  test('T12: the flush deadline ends a connection whose reader takes nothing', () => {
    const world = stage(interpreter, { windowBytes: 1000 });
    const { client, upstream } = joined(world);
    upstream.leg.pause();
    client.send(1500);
    world.advance(timeouts.flush / 2);
    upstream.end();
    client.end();
    world.advance(0);
    expect(leafOf(world, client)).toBe('HALF_CLOSED.FLUSHING');
    world.advance(timeouts.flush - 1);
    expect(leafOf(world, client)).toBe('HALF_CLOSED.FLUSHING');
    world.advance(1);
    expect(recordOf(world, client)).toMatchObject({ reason: 'timeout.flush', limitMs: timeouts.flush });
    world.advance(1);
    expect(leftovers(world)).toEqual(nothingLeft);
  });

  test('T12: a reader that takes a little before each deadline puts the flush deadline off, and gets everything', () => {
    const windowBytes = 1000;
    const world = stage(interpreter, { windowBytes });
    const { client, upstream } = joined(world);
    upstream.leg.pause();
    upstream.end();
    client.send(windowBytes * 5);
    client.end();
    world.advance(0);
    for (let taken = 0; taken < 4; taken += 1) {
      world.advance(timeouts.flush - 1);
      upstream.leg.resume();
      world.tick(1);
      upstream.leg.pause();
    }
    expect(recordOf(world, client)).toBeNull();
    expect(world.clock.nowMs()).toBeGreaterThan(timeouts.flush * 3);
    upstream.leg.resume();
    world.advance(1);
    expect(recordOf(world, client)?.reason).toBe('completed');
    expect(upstream.received.length).toBe(windowBytes * 5);
  });

  test('L21: a leg that died without a word is missed at the next deadline, within a minute where idle is infinite', () => {
    for (const side of ['client', 'upstream'] as const) {
      const world = stage(interpreter, {
        dials: [{ type: 'succeeds', afterMs: 0, faults: side === 'upstream' ? { diesSilently: 5000 } : {} }],
      });
      const client = accepted(world, 'unbounded', 'nothing', side === 'client' ? { diesSilently: 5000 } : {});
      world.advance(59_999);
      expect(leafOf(world, client)).toBe('ESTABLISHED.TUNNEL.ACTIVE');
      world.advance(1);
      expect(recordOf(world, client)).toMatchObject({
        reason: side === 'client' ? 'downstream.reset' : 'upstream.reset',
        code: 'SALLYPORT_SILENT_DEATH',
        durationMs: 60_000,
      });
      world.advance(1);
      expect(leftovers(world)).toEqual(nothingLeft);
    }
  });

  test('L21: a connection without any limit lives on, look after look, while its legs do', () => {
    const world = stage(interpreter);
    const { client } = joined(world, 'unbounded');
    world.advance(3_600_000);
    expect(leafOf(world, client)).toBe('ESTABLISHED.TUNNEL.ACTIVE');
    expect(world.clock.armedCount).toBe(1);
  });
});
