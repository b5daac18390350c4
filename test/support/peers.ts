/**
 * Tests that need a real program: they run where it is, are skipped *by name* where it is not, and fail with `CI=true`.
 *
 * Read first: `set-up-peers.ts`, which looked the programs up before the first test.
 */
import { inject, test } from 'vitest';
import type { PeerName, PeerPaths } from './find-peers.ts';

export function hasPeer(name: PeerName): boolean {
  return peers()[name] !== undefined;
}

/** @throws Error where the peer is absent; ask `hasPeer` or use `peerTest`. */
export function peerPath(name: PeerName): string {
  const path = peers()[name];
  if (path === undefined) throw new Error(`the peer ${name} is not installed`);
  return path;
}

/** A test that talks to these programs. */
export function peerTest(names: PeerName | readonly PeerName[], title: string, run: () => void | Promise<void>): void {
  const missing = (typeof names === 'string' ? [names] : names).filter((name) => !hasPeer(name));
  if (missing.length === 0) {
    test(title, run);
    return;
  }
  const why = `needs ${missing.join(', ')}`;
  if (process.env['CI'] !== 'true') {
    test.skip(`${title} [skipped: ${why}]`, run);
    return;
  }
  test(title, () => {
    throw new Error(`${why}; with CI=true a skipped test is a failure`);
  });
}

/** Empty where no set-up ran. */
function peers(): PeerPaths {
  const provided: PeerPaths | undefined = inject('peers');
  return provided ?? {};
}
