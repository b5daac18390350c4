/**
 * HAProxy for one test: configured by the test, ready when its ports answer, gone with the test.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { peerPath } from './peers.ts';
import { portOf } from './sockets.ts';

const loopback = '127.0.0.1';

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, loopback);
  await once(server, 'listening');
  const port = portOf(server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** @param config `FOLDER` stands for a folder of its own, where `pem` is `demo.pem`. @param ports that are probed. */
export async function haproxy(config: string, ports: readonly number[], pem = ''): Promise<void> {
  const where = await mkdtemp(join(tmpdir(), 'sallyport-haproxy-'));
  onTestFinished(() => rm(where, { recursive: true, force: true }));
  await writeFile(join(where, 'demo.pem'), pem);
  const defaults = `defaults\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n`;
  await writeFile(join(where, 'haproxy.cfg'), defaults + config.replaceAll('FOLDER', where));
  const child = spawn(peerPath('haproxy'), ['-f', join(where, 'haproxy.cfg'), '-db'], { stdio: 'ignore' });
  onTestFinished(async () => {
    const gone = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode === null && child.kill('SIGKILL')) await gone;
  });
  for (const port of ports) {
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error('haproxy did not start');
      await setImmediate();
    }
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ host: loopback, port });
    probe
      .once('error', () => resolve(false))
      .once('connect', () => {
        probe.destroy();
        resolve(true);
      });
  });
}
