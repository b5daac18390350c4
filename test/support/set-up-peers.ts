/**
 * Runs once before all tests: looks up the real peers, installs the missing ones where it can, says what is missing.
 *
 * Read first: `find-peers.ts`.
 */
import type { TestProject } from 'vitest/node';
import { findPeers, installPeers, peerNames, type PeerPaths } from './find-peers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly peers: PeerPaths;
  }
}

export default async function setUpPeers(project: TestProject): Promise<void> {
  const found = await findPeers();
  const said = await installPeers(peerNames.filter((name) => found[name] === undefined));
  if (said !== null) console.warn(`[peers] ${said}`);
  project.provide('peers', said === null ? found : await findPeers());
}
