/**
 * The configurations of TLS subjects: their defaults, one thread, one certificate (ECDSA P-256, signed by itself). The
 * first port carries bytes, the second HTTP.
 *
 * Must never do: choose suites, curves or tickets; what the client offers (load/tls-load.c) is the same for all.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../subjects.ts';

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  /** Both in one file, as HAProxy wants them. */
  readonly both: string;
}

/** What the clients ask for by SNI and Host. */
const host = 'bench.example';

/**
 * The same for every subject of a run: made once in its folder.
 * @throws Error where there is no `openssl`.
 */
export function certificateFiles(folder: string): CertificateFiles {
  const files = { cert: join(folder, 'bench.crt'), key: join(folder, 'bench.key'), both: join(folder, 'bench.pem') };
  if (existsSync(files.both)) return files;
  const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  const name = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  const args = ['req', '-x509', ...how, ...name, '-keyout', files.key, '-out', files.cert];
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl makes no certificate: ${stderr ?? 'it is not installed'}`);
  writeFileSync(files.both, readFileSync(files.cert, 'utf8') + readFileSync(files.key, 'utf8'));
  return files;
}

export function haproxyTlsConfiguration(place: Place, { both }: CertificateFiles): string {
  const { port, httpsPort, upstreamPort, filesMax } = place;
  return `global
  nbthread 1
  maxconn ${Math.min(12_000, Math.floor((filesMax - 300) / 2))}
defaults
  timeout connect 5s
  timeout client 5m
  timeout server 5m
listen bytes
  mode tcp
  bind 127.0.0.1:${port} ssl crt ${both}
  server backend 127.0.0.1:${upstreamPort}
listen web
  mode http
  bind 127.0.0.1:${httpsPort} ssl crt ${both}
  server origin 127.0.0.1:${upstreamPort}
`;
}

/** Before 1.23.4 nginx has TLS 1.3 only where it is told. `modulesPath`: the folder of the dynamic stream module; null where it is built in. */
export function nginxTlsConfiguration(place: Place, modulesPath: string | null, files: CertificateFiles): string {
  const { port, httpsPort, upstreamPort, filesMax, folder } = place;
  const load = modulesPath === null ? '' : `load_module ${modulesPath}/ngx_stream_module.so;\n`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const certificate = `ssl_certificate ${files.cert}; ssl_certificate_key ${files.key}; ssl_protocols TLSv1.2 TLSv1.3;`;
  return `${load}daemon off;
worker_processes 1;
worker_rlimit_nofile ${Math.min(30_000, filesMax)};
pid ${folder}/nginx-${port}.pid;
error_log stderr crit;
events { worker_connections ${Math.min(24_000, filesMax - 200)}; }
stream {
  server {
    listen 127.0.0.1:${port} ssl backlog=4096;
    ${certificate}
    proxy_pass 127.0.0.1:${upstreamPort};
    proxy_connect_timeout 5s;
    proxy_timeout 5m;
  }
}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  keepalive_requests 1000000000;
  upstream origin {
    server 127.0.0.1:${upstreamPort};
    keepalive 128;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${httpsPort} ssl backlog=4096;
    ${certificate}
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Connection '';
    }
  }
}
`;
}

export function sallyportTlsConfiguration(place: Place, { cert, key }: CertificateFiles): string {
  const { port, httpsPort, upstreamPort } = place;
  const action = { type: 'forward', target: { host: '127.0.0.1', port: upstreamPort } };
  const tls = { mode: 'terminate', certificate: { cert, key } };
  return JSON.stringify({
    listeners: Object.fromEntries([port, httpsPort].map((one) => [String(one), { host: '127.0.0.1' }])),
    routes: [
      { name: 'bytes', match: { ports: port, domains: host, protocol: 'tcp' }, action, tls },
      { name: 'web', match: { ports: httpsPort, domains: host, protocol: 'http' }, action, tls },
    ],
  });
}
