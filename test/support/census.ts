/**
 * What is open in this process: file descriptors, and what a proxy says it holds. For tests that must end at the baseline.
 */
import { expect } from 'vitest';
import type { Proxy } from '../../src/index.ts';
import { openFileCount } from '../../src/io/fd-limit.ts';
import { eventually } from './world.ts';

/** Waits until the file descriptors are back at the baseline and asserts that the proxy holds nothing of any connection. */
export async function expectBaseline(proxy: Proxy, filesBefore: number | null): Promise<void> {
  // The last timer to go is the fold of refusals, which tells its counts once a second.
  await eventually(() => proxy.census().transports === 0 && proxy.census().timers === 0);
  expect(proxy.census()).toMatchObject({ connections: 0, slots: 0, transports: 0, upstreams: 0, timers: 0 });
  if (filesBefore !== null) await eventually(async () => ((await openFileCount()) ?? 0) <= filesBefore);
  const { accepted, live, closed, closedByReason, invariantViolations, releasesOverdue } = proxy.counters();
  expect(accepted).toBe(closed + live);
  expect(Object.values(closedByReason).reduce((sum, count) => sum + count, 0)).toBe(closed);
  expect({ invariantViolations, releasesOverdue }).toEqual({ invariantViolations: 0, releasesOverdue: 0 });
}
