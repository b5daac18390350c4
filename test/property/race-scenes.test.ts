/**
 * Ring 4, scenes: single races by name, each with every law asked after every event.
 */
import fc from 'fast-check';
import { Observable, type Subscriber } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { Detect } from '../../src/protocols/detector.ts';
import type { Address, ChunkLifetime, Handshake, Leg, LegFact } from '../../src/io/leg.ts';
import type { Dialer } from '../../src/io/dialer.ts';
import type { DialPlan } from '../../src/testing/memory-network.ts';
import { runs, seed } from '../support/fuzz.ts';
import { lifetimeMs, portNames, ports, timeouts, upstreamHosts, upstreamPort } from '../support/race-plan.ts';
import { accepted, joined, leafOf, leftovers, nothingLeft, recordOf, stage } from '../support/race-stage.ts';

describe.each(['compiled', 'xstate'] as const)('scenes under the %s interpreter', (interpreter) => {
  describe('half-close', () => {
    test.each(['client', 'upstream'] as const)(
      'L06, L07: FIN of the %s is passed on after its last byte, and the other direction keeps flowing',
      (who) => {
        const world = stage(interpreter, { windowBytes: 1000 });
        const { client, upstream } = joined(world);
        const [first, second] = who === 'client' ? [client, upstream] : [upstream, client];
        first.send(5000);
        first.end();
        world.advance(1);
        expect([second.received.length, second.sawEnd]).toEqual([5000, true]);
        for (let sent = 0; sent < 5; sent += 1) {
          world.advance(timeouts.halfClosed - 10);
          second.send(2500);
        }
        expect(first.sawEnd).toBe(false);
        second.end();
        world.advance(1);
        expect([first.received.length, first.sawEnd]).toEqual([12_500, true]);
        expect(recordOf(world, client)).toMatchObject({
          reason: 'completed',
          by: who === 'client' ? 'downstream' : 'upstream',
        });
        expect(leftovers(world)).toEqual(nothingLeft);
      },
    );

    test('L07: ends and resets that come after the end change nothing', () => {
      const world = stage(interpreter);
      const { client, upstream } = joined(world);
      for (const peer of [client, upstream]) peer.end();
      world.advance(1);
      const [record] = world.records;
      for (const peer of [client, upstream, client, upstream]) peer.reset();
      world.connectionOf(client)?.hear({ type: 'kill.requested', reason: 'operator.killed' });
      world.advance(1000);
      expect(world.records).toEqual([record]);
      expect(record?.reason).toBe('completed');
    });

    test('TestHalfCloseWrite_UnwrapsIdleConn: a leg in a wrapper that counts bytes is half-closed through the wrapper', () => {
      const wraps: CountingLeg[] = [];
      const wrapDialer =
        (dial: Dialer): Dialer =>
        (endpoint, watch) =>
          new Observable((subscriber: Subscriber<Leg>) =>
            dial(endpoint, watch).subscribe({
              next: (leg) => {
                const wrapped = new CountingLeg(leg);
                wraps.push(wrapped);
                subscriber.next(wrapped);
              },
              error: (error) => subscriber.error(error),
            }),
          );
      const world = stage(interpreter, { wrapDialer });
      const { client, upstream } = joined(world);
      client.send(300);
      client.end();
      world.advance(1);
      expect([upstream.received.length, upstream.sawEnd, client.sawEnd]).toEqual([300, true, false]);
      upstream.send(400);
      upstream.end();
      world.advance(1);
      expect([client.received.length, client.sawEnd]).toEqual([400, true]);
      expect(recordOf(world, client)?.reason).toBe('completed');
      expect(wraps.map(({ written }) => written)).toEqual([300]);
    });

    test('L08, TestHalfCloseWrite_ReturnsFalseForNonHalfCloser: an upstream transport without half-close is closed whole after the last byte, and the record says so', () => {
      const world = stage(interpreter, { dials: [cannotHalfClose], windowBytes: 1000 });
      const { client, upstream } = joined(world);
      client.send(5000);
      client.end();
      world.advance(1);
      expect([upstream.received.length, upstream.sawEnd, client.sawEnd]).toEqual([5000, true, true]);
      expect(recordOf(world, client)).toMatchObject({
        reason: 'completed',
        by: 'downstream',
        code: 'SALLYPORT_FULL_CLOSE',
      });
      upstream.end();
      world.advance(1);
      expect(leftovers(world)).toEqual(nothingLeft);
    });

    test('L08: a client’s transport without half-close is closed whole when the upstream ends', () => {
      const world = stage(interpreter);
      const client = accepted(world, 'plain', 'nothing', { cannotHalfClose: true });
      world.advance(10);
      const upstream = world.upstreamOf(world.connectionOf(client));
      upstream?.send(700);
      upstream?.end();
      world.advance(1);
      expect([client.received.length, client.sawEnd, upstream?.sawEnd]).toEqual([700, true, true]);
      expect(recordOf(world, client)).toMatchObject({
        reason: 'completed',
        by: 'upstream',
        code: 'SALLYPORT_FULL_CLOSE',
      });
      expect(leftovers(world)).toEqual(nothingLeft);
    });

    test('L08: where both sides have ended anyway, a transport without half-close loses nothing', () => {
      const world = stage(interpreter, { dials: [cannotHalfClose], windowBytes: 1000 });
      const { client, upstream } = joined(world);
      upstream.send(3000);
      upstream.end();
      world.advance(1);
      client.send(3000);
      client.end();
      world.advance(1);
      expect([client.received.length, upstream.received.length]).toEqual([3000, 3000]);
      expect(recordOf(world, client)).toMatchObject({ reason: 'completed', by: 'upstream', code: null });
    });
  });

  describe('leaving early', () => {
    test('L14: a dial that fails after the client has left is nobody’s any more', () => {
      const plan: DialPlan = { type: 'fails', afterMs: 20, code: 'ECONNREFUSED' };
      const world = stage(interpreter, { dials: [plan] });
      const client = accepted(world, 'plain');
      world.advance(10);
      client.reset();
      world.advance(100);
      expect(world.records.map(({ reason }) => reason)).toEqual(['downstream.reset']);
      expect(world.troubles).toEqual([]);
      expect(leftovers(world)).toEqual(nothingLeft);
    });

    test('L14: an upstream that fails in the moment in which the client does is not a second cause', () => {
      const world = stage(interpreter);
      const { client, upstream } = joined(world);
      client.reset();
      upstream.reset();
      world.advance(100);
      expect(world.records.map(({ reason }) => reason)).toEqual(['downstream.reset']);
    });

    test.each([
      { type: 'hangs' },
      { type: 'succeeds', afterMs: 30 },
      { type: 'succeedsAfterAbort', afterMs: 30 },
      { type: 'resets', afterMs: 30, resetMs: 1 },
      { type: 'hangs', resolveMs: 30 },
    ] as const)(
      'L17, L18: a client that leaves while its upstream socket is opening leaves nothing behind (%o)',
      (plan) => {
        const world = stage(interpreter, { dials: [plan] });
        for (const leaves of ['end', 'reset', 'close'] as const) {
          const client = accepted(world, 'plain');
          world.advance(10);
          expect(leafOf(world, client)).toMatch(/^DIALING\.ATTEMPTING/);
          client[leaves]();
          world.advance(1);
          expect(leafOf(world, client)).toBe('CLOSED');
          world.advance(100);
          expect(leftovers(world)).toEqual(nothingLeft);
        }
        expect(world.records.map(({ reason }) => reason)).toEqual([
          'downstream.left',
          'downstream.reset',
          'downstream.left',
        ]);
        expect(world.upstreams.flatMap(({ received }) => received.length).filter((length) => length > 0)).toEqual([]);
      },
    );

    test('L34: a client that is gone before its connection has begun leaves nothing behind, on any port', () => {
      for (const port of portNames) {
        for (const leaves of ['end', 'reset', 'close'] as const) {
          const world = stage(interpreter, { dials: [{ type: 'succeeds', afterMs: 1 }] });
          const client = world.connect(port);
          client[leaves]();
          world.advance(port === 'many' ? lifetimeMs : timeouts.linger);
          expect([port, leaves, leafOf(world, client), leftovers(world)]).toEqual([
            port,
            leaves,
            port === 'closed' ? 'refused' : 'CLOSED',
            nothingLeft,
          ]);
        }
      }
    });
  });

  describe('the peek', () => {
    test('I2: a client that was routed is not looked at again, whatever it sends while the dial lasts', () => {
      let looks = 0;
      const counting: Detect = (prefix) => {
        looks += 1;
        return prefix.length < 4
          ? { verdict: 'needsMore' }
          : { verdict: 'match', preface: { serverName: null, alpn: [] } };
      };
      const plan = resolveConfig({
        interpreter,
        detectors: { counting },
        routes: [
          {
            name: 'only',
            match: { ports: ports.plain, protocol: 'counting' },
            action: { type: 'forward', target: { host: upstreamHosts[0], port: upstreamPort } },
          },
        ],
      });
      const world = stage(interpreter, { plan, dials: [{ type: 'succeeds', afterMs: 30 }] });
      const client = accepted(world, 'plain');
      for (let sent = 0; sent < 8; sent += 1) {
        client.send(1);
        world.advance(2);
      }
      expect(leafOf(world, client)).toMatch(/^DIALING/);
      expect(looks).toBe(4);
      world.advance(30);
      expect(world.upstreams.map(({ received }) => received.length)).toEqual([8]);
    });

    test('I4: a client that is refused in words gets the answer and FIN at once, and the end waits for its own FIN or for linger', () => {
      for (const isPolite of [true, false]) {
        const world = stage(interpreter);
        const client = accepted(world, 'blockedInWords', 'http');
        client.sendPreface();
        world.advance(1);
        expect(Buffer.from(client.received.view()).toString('latin1')).toMatch(/^HTTP\/1\.1 403 /);
        expect([client.sawEnd, leafOf(world, client)]).toEqual([true, 'HALF_CLOSED.REFUSING']);
        if (isPolite) client.end();
        else client.send(500);
        world.advance(isPolite ? 1 : timeouts.linger);
        expect(recordOf(world, client)?.reason).toBe('route.blocked');
        world.advance(1);
        expect([client.sawFailure, leftovers(world)]).toEqual([null, nothingLeft]);
      }
    });

    test('L12, L22: a client that leaves before it said anything gets FIN, and no reset', () => {
      const world = stage(interpreter);
      const client = accepted(world, 'sniffed');
      client.end();
      world.advance(1);
      expect(recordOf(world, client)?.reason).toBe('downstream.left');
      expect([client.sawEnd, client.sawFailure]).toEqual([true, null]);
    });
  });

  describe('slots', () => {
    test('C01: 500 clients that race for 40 slots get exactly 40, whatever else happens in that tick', () => {
      const world = stage(interpreter);
      const racers = Array.from({ length: 500 }, (_, at) => world.connect(at % 7 === 0 ? 'sniffed' : 'plain'));
      const { afterEvent } = world;
      world.afterEvent = () => expect(world.registry.entrance.slots.held).toBeLessThanOrEqual(40);
      world.tick(500);
      afterEvent();
      expect([world.registry.entrance.slots.held, world.connections.length, world.refusals.length]).toEqual([
        40, 40, 460,
      ]);
      expect(new Set(world.refusals.map(({ reason }) => reason))).toEqual(new Set(['refused.capacity']));
      world.advance(1);
      expect(racers.filter(({ sawFailure }) => sawFailure !== null)).toHaveLength(460);
    });

    test('C01, C02: slots that are given back are there to be claimed, in any order of coming and going', () => {
      const moves = fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { maxLength: 60, size: 'max' });
      const property = fc.property(moves, (script) => {
        const world = stage(interpreter);
        for (const [isComing, who] of script) {
          const here = world.clients.filter((client) => leafOf(world, client) !== 'refused' && client.leg.isOpen);
          if (isComing) world.connect('capped');
          else here[who % Math.max(1, here.length)]?.reset();
          world.advance(1);
          expect(world.registry.entrance.slots.held).toBe(
            Math.min(2, world.clients.filter(({ leg }) => leg.isOpen).length),
          );
        }
      });
      fc.assert(property, { seed: seed(), numRuns: runs(30) });
    });

    test('C02: a cap of 0 refuses everybody', () => {
      const world = stage(interpreter);
      const clients = Array.from({ length: 20 }, () => world.connect('closed'));
      world.advance(1000);
      expect([world.connections.length, world.refusals.length]).toEqual([0, 20]);
      expect(clients.every(({ sawFailure }) => sawFailure === 'ECONNRESET')).toBe(true);
      expect(leftovers(world)).toEqual(nothingLeft);
    });
  });
});

const cannotHalfClose: DialPlan = { type: 'succeeds', afterMs: 0, faults: { cannotHalfClose: true } };

/** A leg around another one, as an embedder's dialer may make it. */
class CountingLeg implements Leg {
  written = 0;
  readonly #leg: Leg;

  constructor(leg: Leg) {
    this.#leg = leg;
  }

  secure(how: Handshake): void {
    this.#leg.secure(how);
  }

  get remote(): Address {
    return this.#leg.remote;
  }
  get local(): Address {
    return this.#leg.local;
  }
  get canHalfClose(): boolean {
    return this.#leg.canHalfClose;
  }
  get chunks(): ChunkLifetime {
    return this.#leg.chunks;
  }
  get facts$(): Observable<LegFact> {
    return this.#leg.facts$;
  }
  get bytes$(): Observable<Uint8Array> {
    return this.#leg.bytes$;
  }
  get held(): readonly Uint8Array[] {
    return this.#leg.held;
  }
  get heldBytes(): number {
    return this.#leg.heldBytes;
  }
  get receivedBytes(): number {
    return this.#leg.receivedBytes;
  }
  get sentBytes(): number {
    return this.#leg.sentBytes;
  }
  get lastByteAtMs(): number {
    return this.#leg.lastByteAtMs;
  }
  get isGone(): boolean {
    return this.#leg.isGone;
  }
  get isFlushed(): boolean {
    return this.#leg.isFlushed;
  }
  write(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    this.written += chunk.length;
    return this.#leg.write(chunk, lifetime);
  }
  end(): void {
    this.#leg.end();
  }
  reset(): void {
    this.#leg.reset();
  }
  release(): void {
    this.#leg.release();
  }
  pause(): void {
    this.#leg.pause();
  }
  resume(): void {
    this.#leg.resume();
  }
  skip(bytes: number): void {
    this.#leg.skip(bytes);
  }
  next(chunk: Uint8Array): void {
    this.write(chunk, 'shared');
  }
  complete(): void {
    this.end();
  }
  error(): void {
    this.reset();
  }
}
