/**
 * A subject: something that is compared, known by its id, started on a port and known to be ready.
 *
 * Must never do: know a suite; which subjects are compared under which load is `l4-suite.ts`,
 * `http/http-suite.ts` and `tls/tls-suite.ts`.
 * Read first: `children.ts`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startChild, type Child } from './children.ts';
import type { PeerPorts } from './peers/configurations.ts';

/** Of every suite; the order is that of nothing. */
export const subjectIds = [
  'haproxy',
  'nginx',
  'pipe',
  'http-proxy',
  'httpxy',
  'reply-from',
  'fast-proxy',
  'undici',
  'sallyport',
  'sallyport-xstate',
] as const;
export type SubjectId = (typeof subjectIds)[number];

/** Where a subject runs. */
export interface Place extends PeerPorts {
  /** For configurations and output. */
  readonly folder: string;
  /** A second port, for HTTP inside of TLS. */
  readonly httpsPort: number;
  readonly core: number | null;
  readonly logLevel: string;
}

export interface Running {
  readonly id: SubjectId;
  readonly child: Child;
  readonly place: Place;
}

/** What is known of a subject before it runs. */
export type Found = { readonly version: string } | { readonly absent: string };

/** The built command, as users run it: from source, Node would keep its type stripper and the sources on the heap. */
export const cli = join(import.meta.dirname, '../dist/cli/main.js');
const readyMs = 10_000;

/**
 * Starts a subject and waits until it accepts connections.
 * @throws Error with its last words when it does not within ten seconds.
 */
export async function startSubject(id: SubjectId, command: readonly string[], place: Place): Promise<Running> {
  const name = `${id}-${place.port}`;
  const child = startChild(name, command, { core: place.core, output: { file: join(place.folder, `${name}.log`) } });
  const endMs = Date.now() + readyMs;
  while (!(await accepts(place.port))) {
    if (child.hasEnded || Date.now() > endMs) {
      await child.stop();
      throw new Error(`${id} did not start: ${child.lastWords() || 'it said nothing'}`);
    }
    await pause(50);
  }
  return { id, child, place };
}

export function findHaproxy(): Found {
  return findProgram('haproxy', '-v', /HAProxy version (\S+)/);
}

export function findNginx(): Found {
  return findProgram('nginx', '-v', /nginx\/(\S+)/);
}

export function findSallyport(): Found {
  return existsSync(cli) ? { version: `node ${process.versions.node}` } : { absent: 'it is not built: npm run build' };
}

/** @param option makes it print its version, where `pattern` finds it. */
export function findProgram(command: string, option: string, pattern: RegExp): Found {
  const { stdout, stderr, status } = spawnSync(command, [option], { encoding: 'utf8' });
  if (status !== 0) return { absent: `${command} is not installed` };
  return { version: pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown version' };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
