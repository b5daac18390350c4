/**
 * Connections that one client has authenticated: nobody else is ever given one, and there are not more than so many.
 */
import { expect, test } from 'vitest';
import { Pins, pinsMax } from '../../src/io/http/pins.ts';
import type { UpstreamPool } from '../../src/io/http/pool.ts';
import type { Pinned } from '../../src/io/http/ports.ts';
import { Pools } from '../../src/io/http/pools.ts';
import { createDialers } from '../../src/io/route-dialers.ts';
import { MemoryNetwork } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { legPorts } from '../support/sockets.ts';

const nothing = (): void => undefined;
const clock = new StepClock();
const ports = legPorts(clock);
const network = new MemoryNetwork({ clock, ports });
const pools = new Pools({
  clock,
  reports: {
    opened: nothing,
    moved: nothing,
    idling: nothing,
    closed: nothing,
    exchangeOpened: nothing,
    exchangeClosed: nothing,
    refused: nothing,
    trouble: nothing,
  },
  interpreter: 'compiled',
  dialerOf: createDialers({ plain: network.dial, secured: (beneath) => beneath, legPorts: ports }).of,
});

function poolOf(key: string): UpstreamPool {
  return pools.single(key, () => {
    throw new Error('nobody dials here');
  });
}

class Connection implements Pinned {
  canLend = true;
  isLetGo = false;

  lend(): never {
    throw new Error('nobody asks for it here');
  }

  letGo(): void {
    this.isLetGo = true;
  }
}

test('I10: a pinned connection is given to the client that authenticated it in that pool, and to nobody else', () => {
  const pins = new Pins();
  const [one, other] = [poolOf('one'), poolOf('other')];
  const [hers, his] = [new Connection(), new Connection()];
  expect(pins.areNone).toBe(true);
  pins.put(one, '192.0.2.1', hers);
  expect(pins.take(one, '192.0.2.1')).toBe(hers);
  expect([pins.take(one, '192.0.2.2'), pins.take(other, '192.0.2.1')]).toEqual([null, null]);
  pins.put(one, '192.0.2.2', his);
  expect([pins.take(one, '192.0.2.1'), pins.take(one, '192.0.2.2'), hers.isLetGo]).toEqual([hers, his, false]);
  hers.canLend = false;
  expect([pins.take(one, '192.0.2.1'), pins.take(one, '192.0.2.2')]).toEqual([null, his]);
  const hersAgain = new Connection();
  pins.put(one, '192.0.2.1', hersAgain);
  expect([hers.isLetGo, hersAgain.isLetGo, his.isLetGo]).toEqual([true, false, false]);
  // Whoever authenticates the same connection last has it alone.
  pins.put(one, '192.0.2.2', hersAgain);
  expect([pins.take(one, '192.0.2.1'), pins.take(one, '192.0.2.2'), his.isLetGo]).toEqual([null, hersAgain, true]);
  pins.letGo();
  expect([hersAgain.isLetGo, pins.areNone, pins.take(one, '192.0.2.2')]).toEqual([true, true, null]);
});

test('I10: however many clients come over one connection, so many pins are kept, and the oldest goes first', () => {
  const pins = new Pins();
  const pool = poolOf('one');
  const all = Array.from({ length: pinsMax + 3 }, () => new Connection());
  for (const [index, each] of all.entries()) pins.put(pool, `192.0.2.${index}`, each);
  expect(all.map(({ isLetGo }) => isLetGo)).toEqual(all.map((_, index) => index < 3));
  expect(all.map((_, index) => pins.take(pool, `192.0.2.${index}`) !== null)).toEqual(
    all.map((_, index) => index >= 3),
  );
});
