/**
 * The configurations of HTTP subjects: their defaults, one thread, connections to the origin kept alive for as long as the
 * run lasts, WebSocket and HTTP/2 by prior knowledge switched on.
 */
import type { PeerPorts } from '../peers/configurations.ts';

/** HAProxy reuses connections to the origin and recognises HTTP/2 by itself. */
export function haproxyHttpConfiguration({ port, h2Port, upstreamPort, filesMax }: PeerPorts): string {
  return `global
  nbthread 1
  maxconn ${Math.min(12_000, Math.floor((filesMax - 300) / 2))}
defaults
  mode http
  timeout connect 5s
  timeout client 5m
  timeout server 5m
listen web
  bind 127.0.0.1:${port}
  bind 127.0.0.1:${h2Port}
  server origin 127.0.0.1:${upstreamPort}
`;
}

/** Without these lines nginx opens a connection per request to the origin, and ends a client's after 1,000 requests. */
export function nginxHttpConfiguration(ports: PeerPorts, folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
worker_processes 1;
worker_rlimit_nofile ${Math.min(30_000, ports.filesMax)};
pid ${folder}/nginx-${ports.port}.pid;
error_log stderr crit;
events { worker_connections ${Math.min(24_000, ports.filesMax - 200)}; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  keepalive_requests 1000000000;
  map $http_upgrade $upgrade_connection { default upgrade; '' ''; }
  upstream origin {
    server 127.0.0.1:${ports.upstreamPort};
    keepalive 128;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${ports.port} backlog=4096;
    listen 127.0.0.1:${ports.h2Port} http2 backlog=4096;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $upgrade_connection;
      proxy_buffers 16 16k;
      proxy_max_temp_file_size 0;
      proxy_read_timeout 5m;
    }
  }
}
`;
}

export function sallyportConfiguration({ port, h2Port, upstreamPort }: PeerPorts): string {
  const ports = [port, h2Port];
  return JSON.stringify({
    listeners: Object.fromEntries(ports.map((one) => [String(one), { host: '127.0.0.1' }])),
    routes: [
      {
        name: 'web',
        match: { ports, protocol: 'http' },
        action: { type: 'forward', target: { host: '127.0.0.1', port: upstreamPort } },
      },
    ],
  });
}
