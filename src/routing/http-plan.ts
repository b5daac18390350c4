/**
 * The part of a resolved route that concerns HTTP: what it matches on, what it rewrites, who may pass, what it answers.
 *
 * Decides nothing; it is the shape that `config/` writes and `routing/` and `io/` read. Immutable once made.
 * Read first: `plan.ts`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Fields } from '../protocols/http/message.ts';
import type { TlsVersion } from './tls-plan.ts';

/** What one header or query parameter must be: exact text, a glob (`*` any run of characters), or a regular expression. */
export interface ValueCriterion {
  /** Headers: lower case. Query: as written, case matters. */
  readonly name: string;
  /** As the configuration wrote it: `v`, `a*`, `/^a/i`. `*` asks for presence only. */
  readonly pattern: string;
}

/** All that are given must hold; within a list any may. */
export interface HttpMatch {
  /** `/exact`, `/users/:id`, `/files/*`; null = any. */
  readonly path: string | null;
  /** Upper case as configured; null = any. */
  readonly methods: readonly string[] | null;
  readonly headers: readonly ValueCriterion[];
  readonly query: readonly ValueCriterion[];
}

/** What a path pattern found. All of it in the normalised form (docs/guides/configuration.md). */
export interface PathMatch {
  /** By name, percent-decoded where that is unambiguous. */
  readonly pathParams: Readonly<Record<string, string>>;
  /** The part of the path that the pattern's fixed and named segments took: `/v1/users/7` of `/v1/users/:id/*`. */
  readonly pathMatch: string;
  /** What `*` took, with its leading slash; '' when the pattern ends without one. */
  readonly pathRemainder: string;
}

export interface FieldRewrite {
  /** Set after everything the client sent under that name is removed. Name, value, name, value. */
  readonly set: Fields;
  /** Lower-case names. */
  readonly remove: readonly string[];
}

export interface RewritePlan {
  /** Taken off the front of the path where it stands there as whole segments. */
  readonly stripPrefix: string | null;
  /** A template for the whole path: `/users/:id`, and `*` for the remainder. */
  readonly path: string | null;
  readonly request: FieldRewrite;
  readonly response: FieldRewrite;
}

export interface BasicCredential {
  readonly username: string;
  /** `scrypt:<N>:<r>:<p>:<salt base64>:<hash base64>`, a bcrypt hash (`$2y$…`), or plain text. */
  readonly password: string;
}

export type AuthenticationPlan =
  | {
      readonly type: 'basic';
      readonly realm: string;
      readonly credentials: readonly BasicCredential[];
      /** A file of more of them, read at the start: its absolute path, and where the configuration names it. */
      readonly htpasswd: { readonly path: string; readonly configPath: string } | null;
      /** False: the Authorization field ends here. */
      readonly forwardCredentials: boolean;
    }
  | {
      readonly type: 'jwt';
      readonly jwksUrl: string;
      readonly issuer: string | null;
      readonly audience: readonly string[] | null;
      readonly algorithms: readonly string[];
      readonly forwardCredentials: boolean;
    };

/** What a handler is told about the TLS that ended here. */
export interface HandlerTls {
  readonly version: TlsVersion;
  /** The suite's standard (IANA) name. */
  readonly cipher: string;
  /** What both agreed to speak; null = nothing was negotiated. */
  readonly alpn: string | null;
  /** SNI, normalised; null = none was sent. */
  readonly serverName: string | null;
  /** The certificate that the client showed, verified; null where it showed none. */
  readonly client: HandlerCertificate | null;
}

export interface HandlerCertificate {
  /** As RFC 4514 writes it, one line. */
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal in lower case. */
  readonly serialNumber: string;
  /** SHA-256 of the certificate, hexadecimal in lower case. */
  readonly fingerprint: string;
  /** Its alternative names: DNS names in lower case, addresses, URIs, mail addresses. */
  readonly names: readonly string[];
}

/** What a handler is told about the PROXY header that came before everything else, by the word of a trusted peer. */
export interface HandlerProxied {
  readonly version: 1 | 2;
  /** Who sent it. The client's own address is the context's `client`. */
  readonly peer: { readonly host: string; readonly port: number };
  /** What client and sender agreed to speak; one character a byte. */
  readonly alpn: string | null;
  /** The host name that the client asked for. */
  readonly authority: string | null;
  /** Names the same connection at every hop: hexadecimal in lower case. */
  readonly uniqueId: string | null;
  /** How the client reached the sender; null where it was not over TLS, or nothing was said of it. */
  readonly tls: {
    /** `TLSv1.3` */
    readonly version: string | null;
    readonly cipher: string | null;
    /** Of the client's certificate. */
    readonly commonName: string | null;
    /** True exactly when the client showed a certificate and the sender found it good. */
    readonly isVerified: boolean;
  } | null;
}

/** What a handler is told about the connection or request it is given. */
export interface HandlerContext {
  readonly connectionId: string;
  /** Null for a socket handler. */
  readonly exchangeId: string | null;
  readonly route: string;
  readonly listener: string;
  readonly client: { readonly host: string; readonly port: number };
  readonly protocol: string | null;
  /** SNI or Host, normalised. */
  readonly serverName: string | null;
  readonly path: PathMatch | null;
  /** Null where the client came in clear text, or its TLS was passed through. */
  readonly tls: HandlerTls | null;
  /** Null where no PROXY header came, or none was believed. */
  readonly proxied: HandlerProxied | null;
  /**
   * Aborted when the client leaves or the exchange ends. What a listener of it throws is an uncaught exception of the
   * program's, as Node has it for every EventTarget.
   */
  readonly signal: AbortSignal;
}

/** Gets the client's stream with every sniffed byte still unread. */
export type SocketHandler = (socket: Duplex, context: HandlerContext) => void | Promise<void>;
/** Node's form takes two or three parameters … */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  context: HandlerContext,
) => void | Promise<void>;
/** … and the fetch form one or two; which it is, is told by the answer: a fetch-style handler returns a Response. */
export type FetchHandler = (request: Request, context: HandlerContext) => Response | Promise<Response>;

export type HttpHandlerPlan =
  | { readonly form: 'node'; readonly handle: NodeHandler }
  | { readonly form: 'fetch'; readonly handle: FetchHandler };

/** `{scheme}`, `{host}`, `{port}`, `{path}`, `{query}` and `{param:name}` are replaced; anything else is literal. */
export interface RedirectAction {
  readonly type: 'redirect';
  readonly to: string;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

export interface RespondAction {
  readonly type: 'respond';
  /** 200 to 599. */
  readonly status: number;
  readonly fields: Fields;
  readonly body: Uint8Array;
}

export type HandlerAction =
  | { readonly type: 'handler'; readonly kind: 'socket'; readonly handle: SocketHandler }
  | { readonly type: 'handler'; readonly kind: 'http'; readonly http: HttpHandlerPlan };
