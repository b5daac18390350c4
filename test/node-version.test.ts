/**
 * Ring 0: the tests run on the Node that they claim to run on.
 *
 * The repository brings its own Node 26; where npm blocked its install script, everything would silently run on the
 * system's. `npm run test:nodes` sets SALLYPORT_NODE_RING to the major it wants.
 */
import { expect, test } from 'vitest';

test('A01: the tests run on Node 26, or on the major that SALLYPORT_NODE_RING asks for', () => {
  const wanted = process.env['SALLYPORT_NODE_RING'] ?? '26';
  expect(process.versions.node.split('.')[0]).toBe(wanted);
});
