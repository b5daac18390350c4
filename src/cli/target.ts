/**
 * What `explain` is asked about, out of what was typed.
 */
export type ParsedTarget =
  | {
      readonly kind: 'route';
      /** Null where only a port was named. */
      readonly host: string | null;
      readonly port: number;
      /** A detector's name; null where the target does not say. */
      readonly protocol: string | null;
      /** Null where the target does not say. */
      readonly tls: boolean | null;
      /** As typed, with its query; null where the target names none. */
      readonly path: string | null;
    }
  | { readonly kind: 'connection' }
  | { readonly kind: 'wrong'; readonly message: string };

/** @param text `a.example:443`, `[::1]:80`, `8080`, `https://a.example/x`, or the id of a connection or exchange */
export function parseTarget(text: string): ParsedTarget {
  if (text.includes('://')) return parseUrl(text);
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]:|([^:]*):)?(\d{1,5})$/.exec(text) ?? [];
  if (digits === undefined) {
    if (/^[a-z0-9]{1,8}-\d+(?:\.\d+)?$/.test(text)) return { kind: 'connection' };
    return { kind: 'wrong', message: `'${text}' is not host:port, a URL, or a connection's id` };
  }
  const host = bracketed ?? plain ?? '';
  return route({ host: host === '' ? null : host, port: Number(digits), protocol: null, tls: null, path: null });
}

interface Scheme {
  readonly port: number;
  /** Inside of TLS where there is some. */
  readonly protocol: string;
  readonly tls: boolean;
}

const schemes: Readonly<Record<string, Scheme | undefined>> = {
  http: { port: 80, protocol: 'http', tls: false },
  h2c: { port: 80, protocol: 'h2c', tls: false },
  ws: { port: 80, protocol: 'websocket', tls: false },
  https: { port: 443, protocol: 'http', tls: true },
  wss: { port: 443, protocol: 'websocket', tls: true },
  tls: { port: 443, protocol: 'tls', tls: true },
};

function parseUrl(text: string): ParsedTarget {
  if (!URL.canParse(text)) return { kind: 'wrong', message: `'${text}' is not a URL` };
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  const known = schemes[scheme];
  const port = url.port === '' ? known?.port : Number(url.port);
  if (port === undefined) return { kind: 'wrong', message: `'${text}' names no port` };
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // A URL's own path has its dots resolved already; what a client sends has not.
  const [, path = ''] = /^[^:]+:\/\/[^/?#]*([^#]*)/.exec(text) ?? [];
  const typed = path === '' || path.startsWith('/') ? path : `/${path}`;
  return route({
    host: host === '' ? null : host,
    port,
    protocol: known?.protocol ?? scheme,
    tls: known?.tls ?? null,
    path: typed === '' ? null : typed,
  });
}

function route(asked: Omit<Extract<ParsedTarget, { kind: 'route' }>, 'kind'>): ParsedTarget {
  if (asked.port > 65_535) return { kind: 'wrong', message: `${asked.port} is not a port` };
  return { kind: 'route', ...asked };
}
