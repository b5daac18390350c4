/**
 * Layer 4: bytes through HAProxy, nginx `stream`, a plain relay in Node and Sallyport under both interpreters.
 *
 * Must never do: tune one subject more than another. Each runs with its defaults, on one core, without access logs.
 * Read first: `suite.ts`, `peers/configurations.ts`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkExpectations } from './expectations.ts';
import { measureWorkload } from './measure.ts';
import { haproxyConfiguration, nginxConfiguration } from './peers/configurations.ts';
import { cli, findHaproxy, findNginx, findSallyport, type Found, type Place, type SubjectId } from './subjects.ts';
import type { Suite } from './suite.ts';
import { measuredMetrics, warmUp, workloads } from './workloads.ts';

const titles: Partial<Record<SubjectId, string>> = {
  nginx: 'nginx stream',
  pipe: 'node a.pipe(b)',
  'sallyport-xstate': 'sallyport xstate',
};

export const l4Suite: Suite = {
  id: 'l4',
  subjects: ['haproxy', 'nginx', 'pipe', 'sallyport', 'sallyport-xstate'],
  workloads,
  metrics: measuredMetrics,
  warmUp,
  roundSeconds: 60,
  program: 'load',
  hasExtras: true,
  missing: () => null,
  titleOf: (id) => titles[id] ?? id,
  find,
  commandOf,
  measure: measureWorkload,
  expectations: checkExpectations,
};

function find(id: SubjectId): Found {
  if (id === 'pipe') return { version: `node ${process.versions.node}` };
  if (id === 'haproxy') return findHaproxy();
  return id === 'nginx' ? findNginxStream() : findSallyport();
}

export function findNginxStream(): Found {
  const found = findNginx();
  const modules = nginxModulesPath();
  const isLoadable = modules === null || existsSync(join(modules, 'ngx_stream_module.so'));
  return 'absent' in found || isLoadable ? found : { absent: 'the stream module of nginx is not installed' };
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
    const relay = join(import.meta.dirname, 'peers/pipe-relay.ts');
    return [process.execPath, relay, String(place.port), String(place.upstreamPort)];
  }
  const interpreter = id === 'sallyport' ? 'compiled' : 'xstate';
  const mapping = `${place.port}=127.0.0.1:${place.upstreamPort}`;
  const loopback = `listeners.${place.port}.host=127.0.0.1`;
  const options = ['--set', loopback, '--interpreter', interpreter, '--log-level', place.logLevel];
  return [process.execPath, cli, mapping, ...options];
}

/** Null when nginx has `stream` built in. */
export function nginxModulesPath(): string | null {
  const { stderr } = spawnSync('nginx', ['-V'], { encoding: 'utf8' });
  if (!stderr.includes('--with-stream=dynamic')) return null;
  return /--modules-path=(\S+)/.exec(stderr)?.[1] ?? null;
}
