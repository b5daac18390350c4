/**
 * The peers' configurations: their defaults, one thread, plain TCP, the same generous timeouts as Sallyport's defaults.
 */

export interface PeerPorts {
  readonly port: number;
  /** For HTTP/2 by prior knowledge, of those that need a port of its own for it. */
  readonly h2Port: number;
  readonly upstreamPort: number;
  /** Open files a peer may have; each proxied connection takes two. */
  readonly filesMax: number;
}

export function haproxyConfiguration({ port, upstreamPort, filesMax }: PeerPorts): string {
  return `global
  nbthread 1
  maxconn ${Math.min(12_000, Math.floor((filesMax - 300) / 2))}
defaults
  mode tcp
  timeout connect 5s
  timeout client 5m
  timeout server 5m
listen relay
  bind 127.0.0.1:${port}
  server backend 127.0.0.1:${upstreamPort}
`;
}

/** `modulesPath`: the folder of the dynamic stream module; null where it is built in. */
export function nginxConfiguration(ports: PeerPorts, modulesPath: string | null, folder: string): string {
  const load = modulesPath === null ? '' : `load_module ${modulesPath}/ngx_stream_module.so;\n`;
  return `${load}daemon off;
worker_processes 1;
worker_rlimit_nofile ${Math.min(30_000, ports.filesMax)};
pid ${folder}/nginx-${ports.port}.pid;
error_log stderr crit;
events { worker_connections ${Math.min(24_000, ports.filesMax - 200)}; }
stream {
  server {
    listen 127.0.0.1:${ports.port} backlog=4096;
    proxy_pass 127.0.0.1:${ports.upstreamPort};
    proxy_connect_timeout 5s;
    proxy_timeout 5m;
  }
}
`;
}
