/**
 * The waiting room under random histories, compared with a plain list of who came when.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Door, WaitingRoom } from '../../src/routing/waiting-room.ts';
import { runs, seed } from '../support/fuzz.ts';

interface Size {
  readonly maxConnections: number | null;
  readonly waitersMax: number;
}

interface Step {
  readonly kind: 'come' | 'go';
  readonly door: 0 | 1;
  readonly which: number;
  /** What it does at once when it is admitted. */
  readonly reaction: 'stays' | 'goes' | 'sendsAnotherAway' | 'makesWay';
}

const size: fc.Arbitrary<Size> = fc.record({
  maxConnections: fc.option(fc.nat({ max: 3 })),
  waitersMax: fc.nat({ max: 4 }),
});

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('come', 'come', 'go'),
    door: fc.constantFrom(0, 1),
    which: fc.nat({ max: 30 }),
    reaction: fc.constantFrom('stays', 'stays', 'goes', 'sendsAnotherAway', 'makesWay'),
  }),
  { maxLength: 60, size: 'max' },
);

interface Visitor {
  readonly number: number;
  readonly door: Door;
  readonly reaction: Step['reaction'];
  state: 'waits' | 'has' | 'gone';
}

class World {
  readonly doors: readonly [Door, Door];
  readonly room: WaitingRoom<Visitor>;
  readonly visitors: Visitor[] = [];

  constructor(gate: Size, first: Size, second: Size) {
    this.doors = [new Door(first), new Door(second)];
    this.room = new WaitingRoom<Visitor>(gate, (visitor) => this.#admitted(visitor));
  }

  of(state: Visitor['state'], door: Door | null = null): readonly Visitor[] {
    return this.visitors.filter((one) => one.state === state && (door === null || one.door === door));
  }

  come({ door: at, reaction }: Step): void {
    const visitor: Visitor = { number: this.visitors.length, door: this.doors[at], reaction, state: 'waits' };
    if (this.room.tryClaim(visitor.door)) visitor.state = 'has';
    else if (this.room.hasPlaceAt(visitor.door)) this.room.wait(visitor.door, visitor, '10.0.0.1');
    else return;
    this.visitors.push(visitor);
  }

  go(visitor: Visitor | undefined): void {
    if (visitor === undefined || visitor.state === 'gone') return;
    visitor.state = 'gone';
    if (!this.room.leave(visitor)) this.room.release(visitor.door);
  }

  obeys(): void {
    const { gate } = this.room;
    expect(gate.slots.held).toBe(this.of('has').length);
    expect(gate.places.held).toBeLessThanOrEqual(gate.places.max ?? Infinity);
    expect(this.room.waiting).toBe(this.of('waits').length);
    expect(gate.slots.held).toBeLessThanOrEqual(gate.slots.max ?? Infinity);
    for (const door of this.doors) {
      expect(door.slots.held).toBe(this.of('has', door).length);
      expect(door.slots.held).toBeLessThanOrEqual(door.slots.max ?? Infinity);
      expect(door.places.held).toBeLessThanOrEqual(door.places.max ?? Infinity);
      // Nobody waits for what is free.
      if (!gate.isFull && !door.isFull) expect(this.of('waits', door)).toEqual([]);
    }
  }

  #admitted(visitor: Visitor): void {
    // It may have left after it was given a slot, which it gave back itself.
    if (visitor.state === 'gone') return;
    expect(visitor.state).toBe('waits');
    const ahead = this.of('waits', visitor.door).filter(({ number }) => number < visitor.number);
    expect(ahead).toEqual([]);
    visitor.state = 'has';
    if (visitor.reaction === 'goes') this.go(visitor);
    if (visitor.reaction === 'makesWay') {
      // Whoever comes next has the slot, and does not know of it yet.
      this.go(visitor);
      for (const one of this.of('waits')) this.go(one);
    }
    if (visitor.reaction === 'sendsAnotherAway') this.go(this.of('waits')[0]);
  }
}

describe('C05, C07: the waiting room', () => {
  test('C02, C05, C07: never more slots or places than there are, nobody waits for what is free, the longest waiting first', () => {
    fc.assert(
      fc.property(size, size, size, steps, (gate, first, second, history) => {
        const world = new World(gate, first, second);
        for (const step of history) {
          if (step.kind === 'come') world.come(step);
          else {
            const present = [...world.of('has'), ...world.of('waits')];
            world.go(present[step.which % Math.max(1, present.length)]);
          }
          world.obeys();
        }
        for (const visitor of [...world.of('waits'), ...world.of('has')]) world.go(visitor);
        const { gate: outer } = world.room;
        const left = [outer, ...world.doors].flatMap(({ slots, places }) => [slots.held, places.held]);
        expect([...left, world.room.waiting]).toEqual([0, 0, 0, 0, 0, 0, 0]);
      }),
      { seed: seed(), numRuns: runs(80) },
    );
  });

  test('C05: of several doors the longest waiting is first, and a full door holds up no other', () => {
    const told: string[] = [];
    const room = new WaitingRoom<string>({ maxConnections: 3, waitersMax: 9 }, (name) => void told.push(name));
    const [narrow, wide] = [
      new Door({ maxConnections: 1, waitersMax: 9 }),
      new Door({ maxConnections: null, waitersMax: 0 }),
    ];
    expect([narrow, wide, wide].map((door) => room.tryClaim(door))).toEqual([true, true, true]);
    for (const [door, name] of [
      [narrow, 'n1'],
      [wide, 'w1'],
      [wide, 'w2'],
    ] as const)
      room.wait(door, name, '10.0.0.1');
    room.release(wide);
    room.release(narrow);
    room.release(wide);
    expect(told).toEqual(['w1', 'n1', 'w2']);
  });

  test('C05: a full room is shared between addresses, and nobody goes where that would not make a place', () => {
    const room = new WaitingRoom<string>({ maxConnections: 2, waitersMax: 4 }, () => undefined);
    const wide = new Door({ maxConnections: null, waitersMax: 0 });
    const narrow = new Door({ maxConnections: 1, waitersMax: 3 });
    for (const door of [narrow, wide]) expect(room.tryClaim(door)).toBe(true);
    for (const name of ['n1', 'n2', 'n3']) room.wait(narrow, name, '10.0.0.1');
    expect([room.victimFor(narrow, '10.0.0.1'), room.victimFor(narrow, '10.0.0.2')]).toEqual([null, 'n3']);
    room.wait(wide, 'w1', '10.0.0.3');
    expect(room.victimFor(wide, '10.0.0.2')).toBe('n3');
    room.leave('n3');
    expect(room.hasPlaceAt(narrow) && room.hasPlaceAt(wide)).toBe(true);
    // With two left, another one would have as many.
    room.wait(wide, 'w2', '10.0.0.2');
    expect(room.victimFor(wide, '10.0.0.4')).toBe(null);
  });

  test('C05: whose door is full sends nobody away who has no place at it', () => {
    const room = new WaitingRoom<string>({ maxConnections: 2, waitersMax: 3 }, () => undefined);
    const [narrow, wide] = [
      new Door({ maxConnections: 1, waitersMax: 0 }),
      new Door({ maxConnections: null, waitersMax: 0 }),
    ];
    for (const door of [narrow, wide]) room.tryClaim(door);
    for (const name of ['w1', 'w2', 'w3']) room.wait(wide, name, '10.0.0.1');
    expect([room.victimFor(wide, '10.0.0.2'), room.victimFor(narrow, '10.0.0.2')]).toEqual(['w3', null]);
  });

  test('C05: where two caps have no place left, only somebody who has a place of both goes', () => {
    const room = new WaitingRoom<string>({ maxConnections: 2, waitersMax: 1 }, () => undefined);
    const narrow = new Door({ maxConnections: 1, waitersMax: 3 });
    const wide = new Door({ maxConnections: null, waitersMax: 0 });
    room.tryClaim(narrow);
    for (const name of ['n1', 'n2', 'n3']) room.wait(narrow, name, '10.0.0.1');
    room.tryClaim(wide);
    room.wait(wide, 'w1', '10.0.0.3');
    expect(room.victimFor(narrow, '10.0.0.2')).toBe(null);
  });

  test('C05: whose door came first has no advantage from it', () => {
    const told: string[] = [];
    const room = new WaitingRoom<string>({ maxConnections: 1, waitersMax: 9 }, (name) => void told.push(name));
    const [one, two] = [
      new Door({ maxConnections: null, waitersMax: 0 }),
      new Door({ maxConnections: null, waitersMax: 0 }),
    ];
    expect(room.tryClaim(one)).toBe(true);
    for (const [door, name] of [
      [one, 'first'],
      [two, 'second'],
      [one, 'third'],
    ] as const)
      room.wait(door, name, '10.0.0.1');
    for (const door of [one, one, two]) room.release(door);
    expect(told).toEqual(['first', 'second', 'third']);
  });
});
