/**
 * A real program as a peer: started with a configuration in a folder of its own, ready when its ports answer, and gone with
 * the test. Read first: `peers.ts`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { PeerName } from './find-peers.ts';
import { peerPath } from './peers.ts';
import { portOf } from './sockets.ts';

/** A port of that address that was free a moment ago. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const port = portOf(server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * @param files by name, each with FOLDER for the folder they are in; so are the arguments.
 * @param ports on 127.0.0.1 that answer once it is ready
 */
export async function startPeer(
  name: PeerName,
  { files = {}, args, ports }: { files?: Record<string, string>; args: readonly string[]; ports: readonly number[] },
): Promise<void> {
  const where = await mkdtemp(join(tmpdir(), 'sallyport-peer-'));
  onTestFinished(() => rm(where, { recursive: true, force: true }));
  const placed = (text: string): string => text.replaceAll('FOLDER', where);
  for (const [file, text] of Object.entries(files)) await writeFile(join(where, file), placed(text));
  const child = spawn(peerPath(name), args.map(placed), { stdio: 'ignore' });
  onTestFinished(async () => {
    const gone = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode === null && child.kill('SIGKILL')) await gone;
  });
  for (const port of ports) {
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error(`${name} did not start`);
      await setImmediate();
    }
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ host: '127.0.0.1', port });
    probe
      .once('error', () => resolve(false))
      .once('connect', () => {
        probe.destroy();
        resolve(true);
      });
  });
}
