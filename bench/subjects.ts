/**
 * What is compared: how each subject is looked up, started on a port, and known to be ready.
 *
 * Must never do: tune one subject more than another. Each runs with its defaults, on one core, without access logs.
 * Read first: `peers/configurations.ts`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startChild, type Child } from './children.ts';
import { haproxyConfiguration, nginxConfiguration, type PeerPorts } from './peers/configurations.ts';

export const subjectIds = ['haproxy', 'nginx', 'pipe', 'sallyport', 'sallyport-xstate'] as const;
export type SubjectId = (typeof subjectIds)[number];

export const subjectTitles: Readonly<Record<SubjectId, string>> = {
  haproxy: 'haproxy',
  nginx: 'nginx stream',
  pipe: 'node a.pipe(b)',
  sallyport: 'sallyport',
  'sallyport-xstate': 'sallyport xstate',
};

/** Where a subject runs. */
export interface Place extends PeerPorts {
  /** For configurations and output. */
  readonly folder: string;
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

const root = join(import.meta.dirname, '..');
/** The built command, as users run it: from source, Node would keep its type stripper and the sources on the heap. */
const cli = join(root, 'dist/cli/main.js');
const readyMs = 10_000;

/** Looks a subject up on this machine. */
export function findSubject(id: SubjectId): Found {
  if (id === 'pipe') return { version: `node ${process.versions.node}` };
  if (id === 'haproxy') return version('haproxy', 'haproxy is not installed', /HAProxy version (\S+)/);
  if (id === 'nginx') {
    const found = version('nginx', 'nginx is not installed', /nginx\/(\S+)/);
    const modules = nginxModulesPath();
    const isLoadable = modules === null || existsSync(join(modules, 'ngx_stream_module.so'));
    return 'absent' in found || isLoadable ? found : { absent: 'the stream module of nginx is not installed' };
  }
  return existsSync(cli) ? { version: `node ${process.versions.node}` } : { absent: 'it is not built: npm run build' };
}

/**
 * Starts a subject and waits until it accepts connections.
 * @throws Error with its last words when it does not within ten seconds.
 */
export async function startSubject(id: SubjectId, place: Place): Promise<Running> {
  const name = `${id}-${place.port}`;
  const child = startChild(name, commandOf(id, place), {
    core: place.core,
    output: { file: join(place.folder, `${name}.log`) },
  });
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

function commandOf(id: SubjectId, place: Place): readonly string[] {
  if (id === 'haproxy') {
    const file = join(place.folder, `haproxy-${place.port}.cfg`);
    writeFileSync(file, haproxyConfiguration(place));
    return ['haproxy', '-db', '-f', file];
  }
  if (id === 'nginx') {
    const file = join(place.folder, `nginx-${place.port}.conf`);
    writeFileSync(file, nginxConfiguration(place, nginxModulesPath(), place.folder));
    return ['nginx', '-p', place.folder, '-e', 'stderr', '-c', file];
  }
  if (id === 'pipe') {
    return [
      process.execPath,
      join(import.meta.dirname, 'peers/pipe-relay.ts'),
      String(place.port),
      String(place.upstreamPort),
    ];
  }
  const interpreter = id === 'sallyport' ? 'compiled' : 'xstate';
  const mapping = `${place.port}=127.0.0.1:${place.upstreamPort}`;
  const loopback = `listeners.${place.port}.host=127.0.0.1`;
  return [
    process.execPath,
    cli,
    mapping,
    '--set',
    loopback,
    '--interpreter',
    interpreter,
    '--log-level',
    place.logLevel,
  ];
}

function version(command: string, absent: string, pattern: RegExp): Found {
  const { stdout, stderr, status } = spawnSync(command, ['-v'], { encoding: 'utf8' });
  if (status !== 0) return { absent };
  return { version: pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown version' };
}

/** Null when nginx has `stream` built in. */
function nginxModulesPath(): string | null {
  const { stderr } = spawnSync('nginx', ['-V'], { encoding: 'utf8' });
  if (!stderr.includes('--with-stream=dynamic')) return null;
  return /--modules-path=(\S+)/.exec(stderr)?.[1] ?? null;
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
