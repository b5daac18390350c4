/**
 * A configuration out of a command line: `8080=127.0.0.1:3000`, `example.com=127.0.0.1:3000`.
 *
 * Decides: which forms of listener and upstream are understood; that a host name means HTTPS on 443, and a redirect to it on
 * 80. Must never do: guess; what could mean two things is refused with the form that means one.
 */
import type { ForwardConfig, RouteConfig, SallyportConfig } from './define-config.ts';
import { readDomain } from './domain.ts';
import { ConfigError, type ConfigProblem } from './problems.ts';
import { redirectToHttps } from './route-helpers.ts';

export interface HttpsOptions {
  /** Where the certificate authority writes to; null: no certificate is ordered. */
  readonly email: string | null;
  /** True: certificates come from the development authority. */
  readonly developmentCertificates: boolean;
}

/**
 * @param mappings `<port>=<upstream>`, `<address>:<port>=<upstream>`, `<host name>=<upstream>`; an upstream is `host:port`, `[ipv6]:port`, or a port of localhost.
 * @throws ConfigError with everything that is wrong with any of them.
 */
export function zeroConfig(mappings: readonly string[], https: HttpsOptions = noHttps): SallyportConfig {
  const problems: ConfigProblem[] = [];
  const routes: RouteConfig[] = [];
  const hosts = new Map<number, string>();
  const names: string[] = [];
  for (const mapping of mappings) {
    const read = readMapping(mapping);
    if ('message' in read) {
      problems.push(problemOf(mapping, read));
      continue;
    }
    const refusal = twice(read, routes) ?? nameProblem(read, https);
    if (refusal !== null) problems.push(problemOf(mapping, refusal));
    else if ('name' in read) {
      routes.push(httpsRoute(read, https));
      names.push(read.name);
    } else {
      routes.push(routeOf(read));
      if (read.host !== null) hosts.set(read.port, read.host);
    }
  }
  if (mappings.length === 0)
    problems.push(problemOf('', { message: 'there is nothing to forward', suggestion: '8080=127.0.0.1:3000' }));
  if (problems.length > 0) throw new ConfigError(problems, null);
  const listeners = Object.fromEntries([...hosts].map(([port, host]) => [String(port), { host }]));
  if (names.length === 0) return { routes, listeners };
  return {
    routes: [...routes, redirectToHttps({ name: 'to-https', domains: names })],
    listeners,
    ...(https.email === null || https.developmentCertificates
      ? {}
      : { acme: { email: https.email, directory: 'letsencrypt' } }),
  };
}

const noHttps: HttpsOptions = { email: null, developmentCertificates: false };

interface Address {
  readonly host: string | null;
  readonly port: number;
}

interface Mapping extends Address {
  readonly upstream: Address;
}

interface NameMapping {
  readonly name: string;
  readonly upstream: Address;
}

interface Refusal {
  readonly message: string;
  readonly suggestion: string | null;
}

function readMapping(mapping: string): Mapping | NameMapping | Refusal {
  const at = mapping.indexOf('=');
  if (at < 0) return { message: 'this is not <port>=<upstream>', suggestion: `8080=${mapping}` };
  const listener = readListener(mapping.slice(0, at));
  const upstream = readUpstream(mapping.slice(at + 1));
  if ('message' in listener) return listener;
  return 'message' in upstream ? upstream : { ...listener, upstream };
}

function readListener(text: string): Address | { readonly name: string } | Refusal {
  const { host, port } = split(text);
  if (port !== null && port > 65_535) return notPort;
  if (host === null && port !== null) return { host, port };
  if (host !== null && port !== null) {
    if (isAddress(host) || host === 'localhost') return { host, port };
    return {
      message: 'a listener is bound to an address, and this is a name',
      suggestion: `${port}=… for every address, ${host}=… for HTTPS, or match.domains in a configuration file`,
    };
  }
  const domain = host !== null && isName(host) && !isAddress(host) ? readDomain(host) : null;
  if (domain?.ok === true) return { name: domain.name };
  return {
    message: 'the part before = is neither a port, nor an address with a port, nor a host name',
    suggestion: '8080, 127.0.0.1:8080, [::1]:8080 or example.com',
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

function twice(read: Mapping | NameMapping, routes: readonly RouteConfig[]): Refusal | null {
  const isThere = routes.some(({ match }) =>
    'name' in read ? match.domains === read.name : match.domains === undefined && match.ports === read.port,
  );
  if (!isThere) return null;
  return {
    message: `${'name' in read ? read.name : `port ${read.port}`} is mapped twice`,
    suggestion: 'a configuration file with targets: [ … ], which are taken in turn',
  };
}

/** Why no certificate could be had for the name; null where one can, or none is needed. */
function nameProblem(read: Mapping | NameMapping, { email, developmentCertificates }: HttpsOptions): Refusal | null {
  if (!('name' in read)) return null;
  const { name } = read;
  if (developmentCertificates)
    return /[*?]/.test(name) && !/^\*\.[^*?]+$/.test(name)
      ? { message: 'no certificate can be made for such a pattern', suggestion: '*.test' }
      : null;
  if (email === null)
    return {
      message: 'HTTPS for a host name needs a certificate',
      suggestion: '--email you@example.com to order one from Let’s Encrypt, or --dev-tls for one of this machine',
    };
  if (/[*?]/.test(name))
    return {
      message: 'a certificate for a wildcard is given for dns-01 only, which needs a configuration in code',
      suggestion: 'names one by one, or --dev-tls',
    };
  return name.includes('.')
    ? null
    : { message: `no public authority gives a certificate for ${name}`, suggestion: '--dev-tls' };
}

function routeOf({ port, upstream }: Mapping): RouteConfig {
  return { name: `port-${port}`, match: { ports: port }, action: forwardTo(upstream) };
}

function httpsRoute({ name, upstream }: NameMapping, { developmentCertificates }: HttpsOptions): RouteConfig {
  return {
    name,
    match: { ports: 443, domains: name },
    action: forwardTo(upstream),
    tls: { mode: 'terminate', certificate: developmentCertificates ? 'development' : 'auto' },
  };
}

function forwardTo({ host, port }: Address): ForwardConfig {
  return { type: 'forward', target: { host: host ?? 'localhost', port } };
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
