/**
 * HTTP/1.1, HTTP/2 and WebSocket through HAProxy, nginx, the proxies of Node's world and Sallyport.
 *
 * Decides: how each is started: one process on one core, connections to the origin kept alive, no access log. Where a peer
 * has to be told so, `http-configurations.ts` and `../peers/` tell it; nothing else is tuned.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { measureWorkload } from '../measure.ts';
import { cli, findHaproxy, findNginx, findSallyport, type Found, type Place, type SubjectId } from '../subjects.ts';
import type { Suite } from '../suite.ts';
import { haproxyHttpConfiguration, nginxHttpConfiguration, sallyportConfiguration } from './http-configurations.ts';
import { checkHttpExpectations } from './http-expectations.ts';
import { httpMetrics, httpWorkloads } from './http-workloads.ts';
import { measureH2, missingH2load } from './h2load.ts';

/** The program of a Node peer in `peers/`, and the package whose version counts. */
const nodePeers: Partial<Record<SubjectId, readonly [program: string, library: string]>> = {
  'http-proxy': ['http-proxy.ts', 'http-proxy'],
  httpxy: ['httpxy.ts', 'httpxy'],
  'reply-from': ['reply-from.ts', '@fastify/reply-from'],
  'fast-proxy': ['fast-proxy.ts', 'fast-proxy'],
  undici: ['undici-dispatch.ts', 'undici'],
};
const titles: Partial<Record<SubjectId, string>> = {
  'reply-from': '@fastify/reply-from',
  undici: 'undici dispatch',
  'sallyport-xstate': 'sallyport xstate',
};
const root = join(import.meta.dirname, '../..');
const h2loadMissing = missingH2load();
const packageSchema = z.object({ version: z.string() });

export const httpSuite: Suite = {
  id: 'http',
  subjects: [
    'haproxy',
    'nginx',
    'http-proxy',
    'httpxy',
    'reply-from',
    'fast-proxy',
    'undici',
    'sallyport',
    'sallyport-xstate',
  ],
  workloads: httpWorkloads,
  metrics: httpMetrics,
  warmUp: { workloads: httpWorkloads, ms: 1_000 },
  roundSeconds: 130,
  program: 'http-load',
  hasExtras: false,
  missing: ({ command }) => (command === 'h2load' ? h2loadMissing : null),
  titleOf: (id) => titles[id] ?? id,
  find,
  commandOf,
  measure: (generator, running, workload, window) =>
    workload.command === 'h2load'
      ? measureH2(generator, running, workload, window)
      : measureWorkload(generator, running, workload, window),
  expectations: checkHttpExpectations,
};

function find(id: SubjectId): Found {
  if (id === 'haproxy') return findHaproxy();
  if (id === 'nginx') return findNginx();
  const peer = nodePeers[id];
  if (peer === undefined) return findSallyport();
  try {
    const about = readFileSync(join(root, 'node_modules', peer[1], 'package.json'), 'utf8');
    return packageSchema.parse(JSON.parse(about));
  } catch {
    return { absent: `${peer[1]} is not installed` };
  }
}

function commandOf(id: SubjectId, place: Place): readonly string[] {
  if (id === 'haproxy') return ['haproxy', '-db', '-f', written(place, 'haproxy.cfg', haproxyHttpConfiguration(place))];
  if (id === 'nginx') {
    const file = written(place, 'nginx.conf', nginxHttpConfiguration(place, place.folder));
    return ['nginx', '-p', place.folder, '-e', 'stderr', '-c', file];
  }
  const peer = nodePeers[id];
  if (peer !== undefined) {
    const ports = [place.port, place.upstreamPort, place.h2Port].map(String);
    return [process.execPath, join(root, 'bench/peers', peer[0]), ...ports];
  }
  const file = written(place, 'sallyport.json', sallyportConfiguration(place));
  const interpreter = id === 'sallyport' ? 'compiled' : 'xstate';
  return [process.execPath, cli, 'run', file, '--interpreter', interpreter, '--log-level', place.logLevel];
}

function written({ folder, port }: Place, name: string, text: string): string {
  const file = join(folder, `${port}-${name}`);
  writeFileSync(file, text);
  return file;
}
