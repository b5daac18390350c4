/**
 * The import law: which part of `src/` may know which other part, and which packages.
 *
 * `machines/` decides, `routing/` and `protocols/` compute, `io/` does; the table below is what keeps it so. A change here
 * changes the architecture: say why in docs/ARCHITECTURE.md, and in an ADR where the reason is not one sentence.
 */
import { posix } from 'node:path';
import { importsOf, type Import, type SourceFile } from './tidy-source.ts';

interface Law {
  /** Folders or files below `src/` whose values may be imported; types come with them. Its own folder always may. */
  readonly values: readonly string[];
  /** Folders or files of which only types may be imported. */
  readonly types: readonly string[];
  /** Packages, types and values. */
  readonly packages: readonly string[];
  /** Built-in modules: name to the files that may use it, `*` for all. */
  readonly node: Readonly<Record<string, readonly string[]>>;
}

/** What the chart says about itself, for those who print, word, configure or check by it; no file here moves a connection. */
const connectionTables = [
  'machines/connection/armed-check.ts',
  'machines/connection/close-reason.ts',
  'machines/connection/delays.ts',
];

const laws: Readonly<Record<string, Law>> = {
  'errors.ts': { values: [], types: [], packages: [], node: {} },
  routing: {
    values: [],
    types: ['protocols', 'machines'],
    // rou3 leaves out routes by path; a matcher of our own decides.
    packages: ['rou3'],
    // `BlockList` and `isIP` are pure; nothing is opened.
    node: {
      'node:net': ['routing/access.ts', 'routing/ip-address.ts'],
      // Types of what handlers are given.
      'node:http': ['routing/http-plan.ts'],
      'node:stream': ['routing/http-plan.ts'],
    },
  },
  // One canonical form of addresses: those that a PROXY header tells are compared with those of lists.
  protocols: { values: ['routing/ip-address.ts'], types: ['routing', 'machines'], packages: [], node: {} },
  machines: { values: [], types: ['routing', 'protocols'], packages: ['xstate'], node: {} },
  config: {
    // `protocols`: the list of built-in detectors, whose names a configuration may use.
    // `password-format.ts`: pure, and the one place that says what a hash looks like. `htpasswd-files.ts`: `check` says what
    // is wrong with a password file by the very code that reads it at the start.
    values: [
      'routing',
      'protocols',
      'machines/connection/delays.ts',
      'io/authentication/password-format.ts',
      'io/authentication/htpasswd-files.ts',
    ],
    types: ['machines'],
    packages: ['yaml', 'zod'],
    node: {
      'node:fs/promises': ['config/load.ts'],
      // Paths of certificates and password files are relative to the configuration file.
      'node:path': [
        'config/load.ts',
        'config/build-tls.ts',
        'config/build-http.ts',
        'config/build-plan.ts',
        // So are those of UNIX sockets.
        'config/build-action.ts',
        'config/build-pool.ts',
      ],
      'node:module': ['config/import-config.ts'],
      'node:url': ['config/import-config.ts', 'config/load.ts'],
    },
  },
  io: {
    values: [
      'routing',
      'protocols',
      'machines/chart',
      'machines/connection/connection-chart.ts',
      'machines/exchange/exchange-chart.ts',
      'machines/pooled/pooled-chart.ts',
      // The endpoints of pools; `context.ts` says how a weight grows, which only a clock can tell.
      'machines/endpoint/endpoint-chart.ts',
      'machines/endpoint/context.ts',
      ...connectionTables,
    ],
    types: ['machines'],
    // jose and bcryptjs: credentials, in io/authentication/ alone.
    packages: ['rxjs', 'jose', 'bcryptjs', 'lru-cache'],
    node: {
      'node:crypto': [
        'io/authentication/answer-cache.ts',
        'io/authentication/hashing.ts',
        'io/authentication/password.ts',
        // Pins and contexts are known by hashes; OpenSSL's options are constants; certificates are read.
        'io/tls/common-name.ts',
        'io/tls/contexts.ts',
        'io/tls/material-files.ts',
        'io/tls/ticket-keys.ts',
        'io/tls/verification.ts',
      ],
      'node:worker_threads': ['io/authentication/hashing.ts', 'io/authentication/bcrypt-worker.ts'],
      'node:net': ['io/socket.ts', 'io/listener.ts', 'io/direct-handles.ts'],
      // The names of error numbers, for writes past a stream.
      'node:util': ['io/direct-handles.ts'],
      'node:tls': ['io/tls/tls-socket.ts', 'io/tls/contexts.ts', 'io/tls/verification.ts', 'io/tls/common-name.ts'],
      'node:dns/promises': ['io/resolver.ts', 'io/endpoints/endpoint-resolver.ts'],
      'node:fs/promises': ['io/fd-limit.ts', 'io/authentication/htpasswd-files.ts', 'io/tls/material-files.ts'],
      'node:stream': ['io/socket-like.ts', 'io/http/http2-transport.ts'],
      // nghttp2's framing, HPACK and flow control (ADR 0013).
      'node:http2': [
        'io/http/http2-requester.ts',
        'io/http/http2-service.ts',
        'io/http/http2-upstream.ts',
        'io/http/http2-upstream-stream.ts',
      ],
      // A server that never listens: it makes requests and responses of what an in-process leg brings.
      'node:http': ['io/handlers/http-handler.ts'],
      'node:os': ['*'],
    },
  },
  // A driver of the Store contract. Types: the clock that is handed in.
  store: {
    values: [],
    types: ['io'],
    packages: [],
    node: { 'node:crypto': ['*'], 'node:fs': ['*'], 'node:fs/promises': ['*'], 'node:path': ['*'] },
  },
  certificates: {
    // `routing`: names compared as routes compare them. `store/folder-watch.ts`: files that are watched like a store.
    values: ['machines', 'routing', 'store/folder-watch.ts'],
    types: ['io', 'store'],
    // acme-client and @peculiar/x509 are imported where they are first needed: they block the loop for 180 ms.
    packages: ['rxjs', 'xstate', 'lru-cache', 'acme-client', '@peculiar/x509'],
    node: {
      'node:crypto': ['*'],
      'node:fs/promises': ['*'],
      'node:path': ['*'],
      'node:net': ['*'],
      // Only a SecureContext can read PFX.
      'node:tls': ['certificates/openssl.ts'],
      'node:stream': ['certificates/openssl.ts'],
      // Requests to a CA, each verified by its own root, through acme-client (ADR 0014).
      'node:https': ['certificates/acme-transport.ts'],
      'node:async_hooks': ['certificates/acme-library.ts'],
    },
  },
  observe: {
    values: ['machines/chart', 'io/address-text.ts', ...connectionTables],
    types: ['machines', 'io', 'routing', 'proxy-api.ts'],
    packages: ['pino', 'pino-pretty', 'rxjs'],
    node: { 'node:fs': ['observe/log-destination.ts'], 'node:events': ['*'] },
  },
  proxy: {
    values: ['config', 'routing', 'protocols', 'machines', 'io', 'observe', 'store', 'certificates'],
    types: [],
    packages: ['rxjs', 'xstate'],
    // Types only: what `handleConnection` takes.
    node: { 'node:stream': ['proxy-api.ts', 'proxy-runtime.ts'] },
  },
  'index.ts': {
    values: ['config', 'proxy', 'machines', 'io', 'protocols', 'routing'],
    types: [],
    packages: [],
    node: {},
  },
  // The command puts a proxy together from the same parts as an embedder, and prints charts and configurations.
  cli: {
    // `route-order.ts`: `check` shows both orders of a port on which TLS ends.
    values: ['config', 'proxy', 'machines', 'io', 'observe', 'routing/route-order.ts'],
    types: ['routing', 'protocols'],
    packages: ['commander', 'rxjs', 'xstate'],
    node: {
      'node:fs': ['*'],
      'node:fs/promises': ['*'],
      'node:path': ['*'],
      'node:util': ['*'],
      'node:process': ['*'],
      'node:os': ['*'],
    },
  },
  // `protocols`: a handshake in memory reads the client's hello with the real reader.
  testing: { values: ['io', 'proxy', 'protocols'], types: ['machines', 'routing'], packages: ['rxjs'], node: {} },
};

/** What breaks the law, one sentence each. */
export function importProblems(file: SourceFile): readonly string[] {
  const from = file.path.replace(/^src\//, '');
  const zone = zoneOf(from);
  const law = laws[zone];
  if (law === undefined)
    return [`${file.path}: the folder ${zone}/ has no row in the import law (test/support/tidy-imports.ts)`];
  return importsOf(file).flatMap((one) => {
    const why = one.specifier.startsWith('.') ? whyNotLocal(from, zone, law, one) : whyNotPackage(from, law, one);
    return why === null ? [] : [`${file.path}:${one.line}: ${why}`];
  });
}

function whyNotLocal(from: string, zone: string, law: Law, { specifier, isType }: Import): string | null {
  if (!specifier.endsWith('.ts')) return `import '${specifier}' with its .ts extension`;
  const to = posix.normalize(posix.join(posix.dirname(from), specifier));
  if (to.startsWith('..')) return `'${specifier}' is outside src/`;
  if (zoneOf(to) === zone || to === 'errors.ts') return null;
  const isAmong = (places: readonly string[]) =>
    places.some((place) => to === place || to.startsWith(`${place}/`) || zoneOf(to) === place);
  if (isAmong(law.values)) return null;
  if (!isAmong(law.types)) return `${zone} may not know ${to}`;
  return isType ? null : `${zone} may import only types of ${to}: use import type, or have the value handed in`;
}

function whyNotPackage(from: string, law: Law, { specifier, isType }: Import): string | null {
  if (!specifier.startsWith('node:')) {
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return law.packages.includes(name) ? null : `${from} may not use the package ${name}`;
  }
  // The type of a socket is only a name.
  if (isType && from.startsWith('io/')) return null;
  const homes = law.node[specifier] ?? [];
  return homes.includes('*') || homes.includes(from)
    ? null
    : `${specifier} belongs in ${homes.join(', ') || 'another folder'}`;
}

/** The row of the law: a folder, `proxy` for the composition root and its parts, or a file at the top. */
function zoneOf(path: string): string {
  const [folder = '', ...rest] = path.split('/');
  if (rest.length > 0) return folder;
  return path === 'errors.ts' || path === 'index.ts' ? path : 'proxy';
}

/** RxJS operators that hide a timer, a buffer or a lifetime: facts and deadlines belong to charts, bytes to the splice. */
const operators: ReadonlySet<string> = new Set(
  [
    'timer interval delay delayWhen timeout timeoutWith debounce debounceTime throttle throttleTime auditTime sampleTime',
    'bufferTime windowTime fromEvent fromEventPattern merge mergeMap concatMap share shareReplay retry repeat catchError',
    'Subject BehaviorSubject ReplaySubject AsyncSubject',
  ].flatMap((line) => line.split(' ')),
);

export function operatorProblems(file: SourceFile): readonly string[] {
  return importsOf(file)
    .filter(({ specifier, isType }) => !isType && /^rxjs(?:\/|$)/.test(specifier))
    .flatMap(({ names, line }) =>
      names
        .filter((name) => operators.has(name))
        .map(
          (name) => `${file.path}:${line}: not RxJS ${name}: make the Observable by hand, and let a chart own the time`,
        ),
    );
}
