/**
 * TLS that ends at the proxy: handshakes, bytes and requests through HAProxy, nginx, Node's own `tls.Server` with a pipe, and
 * Sallyport.
 *
 * Decides: how each is started, and which of its ports a load goes to. What is negotiated is decided by the client.
 * Read first: `../suite.ts`, `tls-configurations.ts`, `../load/tls-load.c`.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNginxStream, nginxModulesPath } from '../l4-suite.ts';
import { measureWorkload } from '../measure.ts';
import { cli, findHaproxy, findSallyport, type Found, type Place, type SubjectId } from '../subjects.ts';
import type { Suite } from '../suite.ts';
import {
  certificateFiles,
  haproxyTlsConfiguration,
  nginxTlsConfiguration,
  sallyportTlsConfiguration,
} from './tls-configurations.ts';
import { checkTlsExpectations } from './tls-expectations.ts';
import { tlsMetrics, tlsWorkloads } from './tls-workloads.ts';

const titles: Partial<Record<SubjectId, string>> = { pipe: 'node tls + pipe' };

export const tlsSuite: Suite = {
  id: 'tls',
  subjects: ['haproxy', 'nginx', 'pipe', 'sallyport'],
  workloads: tlsWorkloads,
  metrics: tlsMetrics,
  warmUp: { workloads: tlsWorkloads, ms: 1_000 },
  roundSeconds: 75,
  program: 'tls-load',
  hasExtras: false,
  missing: () => null,
  titleOf: (id) => titles[id] ?? id,
  find,
  commandOf,
  measure: (generator, running, workload, window) => {
    const { place } = running;
    const isHttp = workload.command === 'https';
    const target = isHttp ? { ...running, place: { ...place, port: place.httpsPort } } : running;
    return measureWorkload(generator, target, workload, window);
  },
  expectations: checkTlsExpectations,
};

/** Which OpenSSL does the arithmetic explains more than who calls it, so it stands with the version. */
function find(id: SubjectId): Found {
  if (id === 'haproxy')
    return withOpenssl(findHaproxy(), 'haproxy', '-vv', /Running on OpenSSL version : OpenSSL (\S+)/);
  if (id === 'nginx') return withOpenssl(findNginxStream(), 'nginx', '-V', /(?:built|running) with OpenSSL (\S+)/);
  const node = findSallyport();
  const isHere = id === 'pipe' || 'version' in node;
  return isHere ? { version: `node ${process.versions.node}, OpenSSL ${process.versions.openssl}` } : node;
}

function withOpenssl(found: Found, command: string, option: string, pattern: RegExp): Found {
  if ('absent' in found) return found;
  const { stdout, stderr } = spawnSync(command, [option], { encoding: 'utf8' });
  const openssl = pattern.exec(`${stdout}${stderr}`)?.[1];
  return openssl === undefined ? found : { version: `${found.version}, OpenSSL ${openssl}` };
}

function commandOf(id: SubjectId, place: Place): readonly string[] {
  const files = certificateFiles(place.folder);
  if (id === 'haproxy')
    return ['haproxy', '-db', '-f', written(place, 'tls.cfg', haproxyTlsConfiguration(place, files))];
  if (id === 'nginx') {
    const file = written(place, 'tls.conf', nginxTlsConfiguration(place, nginxModulesPath(), files));
    return ['nginx', '-p', place.folder, '-e', 'stderr', '-c', file];
  }
  if (id === 'pipe') {
    const ports = [place.port, place.httpsPort, place.upstreamPort].map(String);
    return [process.execPath, join(import.meta.dirname, '../peers/tls-pipe-relay.ts'), ...ports, files.cert, files.key];
  }
  const file = written(place, 'tls.json', sallyportTlsConfiguration(place, files));
  return [process.execPath, cli, 'run', file, '--log-level', place.logLevel];
}

function written({ folder, port }: Place, name: string, text: string): string {
  const file = join(folder, `${port}-${name}`);
  writeFileSync(file, text);
  return file;
}
