/**
 * What the file-descriptor limit is shared between: connections, and those that wait.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileBudget, placesIn } from '../../src/io/file-budget.ts';
import { runs, seed } from '../support/fuzz.ts';

const size = fc.record({
  maxConnections: fc.option(fc.nat({ max: 400 }), { nil: null }),
  waitersMax: fc.oneof(fc.constant(0), fc.nat({ max: 500 })),
});

test('C05, C08: connections and whoever waits fit into what is free, never more than was asked for, and not less where it fits', () => {
  fc.assert(
    fc.property(size, fc.array(size, { maxLength: 3 }), fc.nat({ max: 2000 }), (proxy, listeners, free) => {
      const { maxConnections, places, listeners: each } = fileBudget(proxy, listeners, free);
      const sized = listeners.map((one, at) => ({ ...one, waitersMax: each[at] ?? -1 }));
      const waiting = placesIn({ ...proxy, waitersMax: places }, sized);
      expect(2 * maxConnections + waiting).toBeLessThanOrEqual(free);
      const wanted = placesIn(proxy, listeners);
      const configured = proxy.maxConnections ?? Infinity;
      expect([maxConnections <= configured, waiting <= wanted, places >= 0]).toEqual([true, true, true]);
      if (2 * configured + wanted <= free) expect([maxConnections, waiting]).toEqual([configured, wanted]);
      // However large the rooms are, connections have most of it.
      else expect(2 * maxConnections).toBeGreaterThanOrEqual(Math.min(2 * configured, Math.floor((free * 3) / 4) - 1));
    }),
    { seed: seed(), numRuns: runs(200) },
  );
});

test('C08: where no limit is known everything is as configured', () => {
  const listener = { maxConnections: 5, waitersMax: 6 };
  const whole = fileBudget({ maxConnections: null, waitersMax: 7 }, [listener], Infinity);
  expect(whole).toEqual({ maxConnections: Infinity, places: 7, listeners: [6] });
});
