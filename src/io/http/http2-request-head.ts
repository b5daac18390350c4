/**
 * The head of an HTTP/2 request, from the flat list of names and values that node:http2 gives, into the model.
 *
 * Decides: whether it is a clean request. Nothing unclean reaches an exchange, because what is read here may be written as
 * HTTP/1.1: a blank in a path, a line end in a value or a second length would be another request there.
 * Pure. Must never do: guess; where two readings are possible there is none.
 * @see RFC 9113 §8.3, RFC 8441 §4
 */
import { type HttpProblem, noBody, type Body, type RequestHead, streamBody } from '../../protocols/http/message.ts';
import { authorityProblem, methodProblem, targetProblem, valueProblem } from '../../protocols/http/validate.ts';
import { isShadow } from '../../protocols/http1/request-head.ts';
import { fieldProblem, readLength } from './http2-fields.ts';

export interface HeadLimits {
  /** Names and values of all fields together. */
  readonly headBytesMax: number;
  /** Fields, cookies counted as one. */
  readonly fieldsMax: number;
}

export type ReadHead = { readonly head: RequestHead } | { readonly problem: HttpProblem };

/** @param isComplete true exactly when no body and no trailers follow. */
export function readRequestHead(raw: readonly string[], isComplete: boolean, limits: HeadLimits): ReadHead {
  const draft = new Draft();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    draft.add(name, value);
    if (draft.problem !== null) return { problem: draft.problem };
  }
  const problem = draft.oversize(limits) ?? draft.unclean(isComplete);
  return problem === null ? { head: draft.head(isComplete) } : { problem };
}

/**
 * HTTP/2 has no such key, HTTP/1.1 wants 16 bytes. It only has to show that the upstream speaks the protocol, which a fixed
 * one does as well as any.
 */
const websocketKey = 'c2FsbHlwb3J0LXByb3h5IQ==';

const pseudoHeaders: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path', ':protocol']);

function bad(detail: string): HttpProblem {
  return { status: 400, detail };
}

class Draft {
  problem: HttpProblem | null = null;
  readonly #pseudo = new Map<string, string>();
  readonly #fields: string[] = [];
  #bytes = 0;
  #host: string | null = null;
  #length: number | null = null;
  #expect: string | null = null;
  #acceptsTrailers = false;
  /** Where the value of the cookies is among the fields; -1 when there are none. */
  #cookieAt = -1;
  #hasFields = false;

  add(name: string, value: string): void {
    this.#bytes += name.length + value.length;
    if (name.startsWith(':')) return this.#addPseudo(name, value);
    this.#hasFields = true;
    const problem = fieldProblem(name, value);
    if (problem !== null) return this.#refuse(bad(problem));
    if (name.includes('_') && isShadow(name.replaceAll('_', '-'))) {
      return this.#refuse(bad('a field name has an underscore where a field of the proxy has a hyphen'));
    }
    switch (name) {
      case 'host':
        if (this.#host !== null) return this.#refuse(bad('the request has several Host fields'));
        this.#host = value;
        return undefined;
      case 'content-length':
        return this.#addLength(value);
      case 'te':
        if (value !== 'trailers') return this.#refuse(bad('TE says something else than trailers'));
        this.#acceptsTrailers = true;
        return undefined;
      case 'expect':
        if (this.#expect !== null) return this.#refuse(bad('the request has several Expect fields'));
        this.#expect = value.toLowerCase();
        return undefined;
      case 'http2-settings':
      case 'sec-websocket-key':
        return undefined;
      case 'cookie':
        return this.#addCookie(value);
      default:
        this.#fields.push(name, value);
        return undefined;
    }
  }

  oversize({ headBytesMax, fieldsMax }: HeadLimits): HttpProblem | null {
    if ((this.#pseudo.get(':path') ?? '').length > headBytesMax) {
      return { status: 414, detail: 'the request target is too long' };
    }
    if (this.#bytes > headBytesMax) return { status: 431, detail: 'the request head is too long' };
    if (this.#fields.length / 2 > fieldsMax) return { status: 431, detail: 'the request has too many fields' };
    return null;
  }

  unclean(isComplete: boolean): HttpProblem | null {
    return this.#uncleanMethod() ?? this.#uncleanTarget() ?? this.#uncleanAuthority() ?? this.#uncleanBody(isComplete);
  }

  head(isComplete: boolean): RequestHead {
    const isTunnel = this.#pseudo.has(':protocol');
    const body = isTunnel ? noBody : this.#body(isComplete);
    return {
      // What an extended CONNECT asks for is what GET with Upgrade asks for in HTTP/1.1.
      method: isTunnel ? 'GET' : (this.#pseudo.get(':method') ?? ''),
      target: this.#pseudo.get(':path') ?? '',
      version: '2',
      authority: this.#pseudo.get(':authority') ?? this.#host ?? '',
      fields: isTunnel ? [...this.#fields, 'sec-websocket-key', websocketKey] : this.#fields,
      body,
      expectsContinue: this.#expect === '100-continue' && body.kind !== 'none',
      upgrade: this.#pseudo.get(':protocol')?.toLowerCase() ?? null,
      acceptsTrailers: this.#acceptsTrailers,
      isPersistent: true,
    };
  }

  #addPseudo(name: string, value: string): void {
    if (this.#hasFields) return this.#refuse(bad('a pseudo-header comes after a field'));
    if (!pseudoHeaders.has(name)) return this.#refuse(bad('the request has a pseudo-header that is none of a request'));
    if (this.#pseudo.has(name)) return this.#refuse(bad('the request has a pseudo-header twice'));
    const problem = valueProblem(value);
    if (problem !== null) return this.#refuse(problem);
    this.#pseudo.set(name, value);
    return undefined;
  }

  #addLength(value: string): void {
    if (this.#length !== null) return this.#refuse(bad('the request has several Content-Length fields'));
    this.#length = readLength(value);
    if (this.#length === null) return this.#refuse(bad('the Content-Length is not 1 to 15 digits'));
    return undefined;
  }

  /** Cookies may come one by one, so that they compress better; anywhere else they are one field. */
  #addCookie(value: string): void {
    if (this.#cookieAt < 0) {
      this.#cookieAt = this.#fields.length + 1;
      this.#fields.push('cookie', value);
    } else {
      this.#fields[this.#cookieAt] += `; ${value}`;
    }
  }

  #uncleanMethod(): HttpProblem | null {
    const method = this.#pseudo.get(':method') ?? '';
    const protocol = this.#pseudo.get(':protocol');
    if (protocol === undefined) return methodProblem(method);
    if (method !== 'CONNECT') return bad(':protocol comes without CONNECT');
    if (protocol.toLowerCase() === 'websocket') return null;
    return { status: 501, detail: 'the protocol of an extended CONNECT is not websocket' };
  }

  #uncleanTarget(): HttpProblem | null {
    const scheme = this.#pseudo.get(':scheme');
    if (scheme !== 'http' && scheme !== 'https') return bad('the scheme is neither http nor https');
    return targetProblem(this.#pseudo.get(':method') ?? '', this.#pseudo.get(':path') ?? '');
  }

  #uncleanAuthority(): HttpProblem | null {
    const authority = this.#pseudo.get(':authority');
    if (authority !== undefined && this.#host !== null && authority.toLowerCase() !== this.#host.toLowerCase()) {
      return bad(':authority and Host differ');
    }
    return authorityProblem(authority ?? this.#host ?? '');
  }

  #uncleanBody(isComplete: boolean): HttpProblem | null {
    if (this.#expect !== null && this.#expect !== '100-continue') {
      return { status: 417, detail: 'Expect says something else than 100-continue' };
    }
    if (this.#pseudo.has(':protocol') && this.#length !== null) return bad('an extended CONNECT has a Content-Length');
    if (isComplete && (this.#length ?? 0) > 0) return bad('the body is shorter than its Content-Length');
    return null;
  }

  #body(isComplete: boolean): Body {
    if (isComplete) return noBody;
    return this.#length === null ? streamBody : { kind: 'length', bytes: this.#length };
  }

  #refuse(problem: HttpProblem): void {
    this.problem ??= problem;
  }
}
