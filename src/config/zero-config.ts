/**
 * A configuration out of a command line: `8080=127.0.0.1:3000`.
 *
 * Decides: which forms of listener and upstream are understood. Must never do: guess; what could mean two things is
 * refused with the form that means one.
 */
import type { RouteConfig, SallyportConfig } from './define-config.ts';
import { ConfigError, type ConfigProblem } from './problems.ts';

/**
 * @param mappings `<port>=<upstream>`, `<address>:<port>=<upstream>`; an upstream is `host:port`, `[ipv6]:port`, or a port of localhost.
 * @throws ConfigError with everything that is wrong with any of them.
 */
export function zeroConfig(mappings: readonly string[]): SallyportConfig {
  const problems: ConfigProblem[] = [];
  const routes: RouteConfig[] = [];
  const hosts = new Map<number, string>();
  for (const mapping of mappings) {
    const read = readMapping(mapping);
    if ('message' in read) problems.push(problemOf(mapping, read));
    else if (routes.some((route) => route.match.ports === read.port))
      problems.push(problemOf(mapping, twice(read.port)));
    else {
      routes.push(routeOf(read));
      if (read.host !== null) hosts.set(read.port, read.host);
    }
  }
  if (mappings.length === 0)
    problems.push(problemOf('', { message: 'there is nothing to forward', suggestion: '8080=127.0.0.1:3000' }));
  if (problems.length > 0) throw new ConfigError(problems, null);
  return { routes, listeners: Object.fromEntries([...hosts].map(([port, host]) => [String(port), { host }])) };
}

interface Address {
  readonly host: string | null;
  readonly port: number;
}

interface Mapping extends Address {
  readonly upstream: Address;
}

interface Refusal {
  readonly message: string;
  readonly suggestion: string | null;
}

function readMapping(mapping: string): Mapping | Refusal {
  const at = mapping.indexOf('=');
  if (at < 0) return { message: 'this is not <port>=<upstream>', suggestion: `8080=${mapping}` };
  const listener = readListener(mapping.slice(0, at));
  const upstream = readUpstream(mapping.slice(at + 1));
  if ('message' in listener) return listener;
  return 'message' in upstream ? upstream : { ...listener, upstream };
}

function readListener(text: string): Address | Refusal {
  const { host, port } = split(text);
  if (port !== null && port > 65_535) return notPort;
  if (host === null && port !== null) return { host, port };
  if (host !== null && port !== null) {
    if (isAddress(host) || host === 'localhost') return { host, port };
    return {
      message: 'a listener is bound to an address, and this is a name',
      suggestion: `${port}=… for every address, or match.domains in a configuration file`,
    };
  }
  if (host !== null && isName(host)) {
    return {
      message: `automatic HTTPS for a host name is not built yet`,
      suggestion: 'a port instead of the name, such as 8080=127.0.0.1:3000',
    };
  }
  return {
    message: 'the part before = is neither a port nor an address with a port',
    suggestion: '8080, 127.0.0.1:8080 or [::1]:8080',
  };
}

function readUpstream(text: string): Address | Refusal {
  const scheme = /^[a-z]+:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) {
    return {
      message: 'an upstream is host:port, without a scheme',
      suggestion: text.slice(scheme.length).replace(/\/.*$/, ''),
    };
  }
  const { host, port } = split(text);
  if (port !== null && (port < 1 || port > 65_535)) return notPort;
  if (port === null)
    return {
      message: 'the upstream has no port',
      suggestion: host === null ? '127.0.0.1:3000' : `${host.includes(':') ? `[${host}]` : host}:3000`,
    };
  if (host !== null && !isAddress(host) && !isName(host))
    return { message: 'the upstream is not host:port', suggestion: '127.0.0.1:3000' };
  return { host, port };
}

const notPort: Refusal = { message: 'a port is at most 65535, and at least 1 for an upstream', suggestion: null };

function split(text: string): { readonly host: string | null; readonly port: number | null } {
  if (/^\d+$/.test(text)) return { host: null, port: Number(text) };
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,9}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? (text === '' ? null : text);
  return { host: host === '' ? null : host, port: port === undefined ? null : Number(port) };
}

function isAddress(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || (/^[\da-f:.]+(%\w+)?$/i.test(host) && host.split(':').length > 2);
}

function isName(host: string): boolean {
  return /^[a-z\d*_]([a-z\d*_.-]*[a-z\d])?$/i.test(host);
}

function twice(port: number): Refusal {
  return {
    message: `port ${port} is mapped twice`,
    suggestion: 'a configuration file with targets: [ … ], which are taken in turn',
  };
}

function routeOf({ port, upstream }: Mapping): RouteConfig {
  return {
    name: `port-${port}`,
    match: { ports: port },
    action: { type: 'forward', target: { host: upstream.host ?? 'localhost', port: upstream.port } },
  };
}

function problemOf(mapping: string, { message, suggestion }: Refusal): ConfigProblem {
  return {
    path: '',
    file: mapping === '' ? null : mapping,
    line: null,
    col: null,
    message,
    expected: null,
    got: null,
    suggestion,
  };
}
