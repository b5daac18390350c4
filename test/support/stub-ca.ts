/**
 * A small CA (RFC 8555) in this process, for what Pebble lacks: advice on renewal (RFC 9773), rate limits, problems in its
 * own words, answers that never come, certificates of any life by any clock.
 *
 * It checks signatures, nonces and state like a real one, and believes every challenge unless told otherwise.
 * Must never do: be lenient where a CA is strict. Read first: `acme-world.ts`.
 */
import { createHash, createPublicKey, randomBytes, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { testAuthority } from './certificates.ts';
import { closedPort } from './ports.ts';
import { newIssuer, type Issuer } from './stub-issuer.ts';

export type StubKind =
  | 'dir'
  | 'nonce'
  | 'account'
  | 'order'
  | 'authorization'
  | 'challenge'
  | 'poll'
  | 'finalise'
  | 'certificate'
  | 'advice';

export interface StubRefusal {
  readonly status: number;
  readonly type: string;
  readonly detail: string;
  readonly retryAfter?: string;
  readonly subproblems?: readonly unknown[];
}

interface StubOrder {
  readonly id: string;
  readonly names: readonly string[];
  readonly replaces: string | null;
  status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';
  readonly authorizations: StubAuthorization[];
  certificate: string | null;
  error: unknown;
}

interface StubAuthorization {
  readonly id: string;
  readonly name: string;
  readonly isWildcard: boolean;
  readonly token: string;
  status: 'pending' | 'valid' | 'invalid';
  error: unknown;
}

export class StubCa implements AsyncDisposable {
  readonly directoryUrl: string;
  readonly directoryCa: string;
  readonly orders: StubOrder[] = [];
  /** Every request that was let in, in order. */
  readonly requests: StubKind[] = [];
  /** What becomes of a request; null = what a CA does. `'hang'`: no answer ever. `'drop'`: the connection breaks. */
  behave: (kind: StubKind, order: StubOrder | null) => StubRefusal | 'hang' | 'drop' | null = () => null;
  /** What a challenge ends in; null = the name is proved. */
  judge: (name: string) => { readonly type: string; readonly detail: string } | null = () => null;
  lifeMs = 90 * 86_400_000;
  wallMs: () => number = () => performance.timeOrigin + performance.now();
  /** Null: the CA gives no advice. */
  advice: { readonly startMs: number; readonly endMs: number; readonly retryAfter: string } | null = null;
  /** How often an order says `processing` after the request for its certificate. */
  processing = 0;
  retryAfter: string | null = null;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #accounts = new Map<string, KeyObject>();
  readonly #nonces = new Set<string>();
  readonly #root: Issuer;
  readonly #base: string;

  private constructor(
    port: number,
    tls: { readonly cert: string; readonly key: string },
    directoryCa: string,
    root: Issuer,
  ) {
    this.#base = `https://127.0.0.1:${port}`;
    this.directoryUrl = `${this.#base}/dir`;
    this.directoryCa = directoryCa;
    this.#root = root;
    this.#server = createServer({ ...tls }, (asked, answer) => void this.#serve(asked, answer));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<StubCa> {
    const directory = await testAuthority('Stub Directory');
    const port = await closedPort();
    const ca = new StubCa(port, await directory.issue(['127.0.0.1']), directory.cert, await newIssuer());
    ca.#server.listen(port, '127.0.0.1');
    await once(ca.#server, 'listening');
    return ca;
  }

  count(kind: StubKind): number {
    return this.requests.filter((one) => one === kind).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of asked.setEncoding('utf8')) text += String(chunk);
    const [, place = '', id = ''] = (asked.url ?? '').split('/');
    const kind = kinds[place];
    if (kind === undefined) {
      this.#say(answer, 404, { type: 'about:blank', detail: 'no such thing' });
      return;
    }
    this.requests.push(kind);
    const order = this.orders.find((one) => one.id === id.split('-')[0]) ?? null;
    const behaviour = this.behave(kind, order);
    if (behaviour === 'hang') return;
    if (behaviour === 'drop') {
      asked.socket.destroy();
      return;
    }
    if (behaviour !== null) {
      this.#refuse(answer, behaviour);
      return;
    }
    if (kind === 'dir') this.#directory(answer);
    else if (kind === 'nonce') this.#say(answer, 200, null);
    else if (kind === 'advice') this.#advise(answer);
    else await this.#signed(kind, id, asked, answer, text);
  }

  #directory(answer: ServerResponse): void {
    const at = (place: string) => `${this.#base}/${place}`;
    const advice = this.advice === null ? {} : { renewalInfo: at('advice') };
    this.#say(answer, 200, { newNonce: at('nonce'), newAccount: at('account'), newOrder: at('order'), ...advice });
  }

  #advise(answer: ServerResponse): void {
    if (this.advice === null) {
      this.#refuse(answer, { status: 404, type: 'malformed', detail: 'no advice' });
      return;
    }
    const { startMs, endMs, retryAfter } = this.advice;
    answer.setHeader('retry-after', retryAfter);
    const suggestedWindow = { start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString() };
    this.#say(answer, 200, { suggestedWindow });
  }

  /** RFC 8555 §6.2: the signature, the nonce and the URL, before anything else. */
  async #signed(
    kind: StubKind,
    id: string,
    asked: IncomingMessage,
    answer: ServerResponse,
    text: string,
  ): Promise<void> {
    const body = fieldsOf(parse(text));
    const [head, payload, signature] = [String(body['protected']), String(body['payload']), String(body['signature'])];
    const header = fieldsOf(parse(Buffer.from(head, 'base64url').toString()));
    const key = this.#keyOf(header, kind);
    const isSigned =
      key !== null &&
      verify(
        'sha256',
        Buffer.from(`${head}.${payload}`),
        { key, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      );
    if (!this.#nonces.delete(String(header['nonce']))) {
      this.#refuse(answer, { status: 400, type: 'badNonce', detail: 'the nonce is not one of ours' });
      return;
    }
    if (header['kid'] !== undefined && key === null) {
      this.#refuse(answer, { status: 400, type: 'accountDoesNotExist', detail: 'no such account' });
      return;
    }
    if (!isSigned || header['url'] !== `${this.#base}${asked.url ?? ''}`) {
      this.#refuse(answer, { status: 401, type: 'unauthorized', detail: 'the signature is not right' });
      return;
    }
    const said: unknown = payload === '' ? null : parse(Buffer.from(payload, 'base64url').toString());
    await this.#act(kind, id, fieldsOf(said), header, answer);
  }

  #keyOf(header: Fields, kind: StubKind): KeyObject | null {
    if (kind !== 'account' || header['kid'] !== undefined) return this.#accounts.get(String(header['kid'])) ?? null;
    const jwk: JsonWebKey = fieldsOf(header['jwk']);
    return createPublicKey({ key: jwk, format: 'jwk' });
  }

  async #act(kind: StubKind, id: string, said: Fields, header: Fields, answer: ServerResponse): Promise<void> {
    const order = this.orders.find((one) => one.id === id.split('-')[0]);
    if (kind === 'account' && id !== '') this.#say(answer, 200, { status: 'valid' });
    else if (kind === 'account') {
      const thumbprint = createHash('sha256').update(JSON.stringify(header['jwk'])).digest('hex').slice(0, 16);
      const url = `${this.#base}/account/${thumbprint}`;
      const isNew = !this.#accounts.has(url);
      this.#accounts.set(url, createPublicKey({ key: fieldsOf(header['jwk']), format: 'jwk' }));
      answer.setHeader('location', url);
      this.#say(answer, isNew ? 201 : 200, { status: 'valid' });
    } else if (kind === 'order') this.#newOrder(said, answer);
    else if (order === undefined) this.#refuse(answer, { status: 404, type: 'malformed', detail: 'no such order' });
    else if (kind === 'finalise') await this.#finalise(order, said, answer);
    else if (kind === 'certificate') {
      answer.setHeader('content-type', 'application/pem-certificate-chain');
      this.#say(answer, 200, order.certificate ?? '');
    } else this.#tellOf(kind, order, id, answer);
  }

  #newOrder(said: Fields, answer: ServerResponse): void {
    const id = String(this.orders.length + 1);
    const listed: unknown = said['identifiers'];
    const names = (Array.isArray(listed) ? listed : []).map((one) => String(fieldsOf(one)['value']));
    const order: StubOrder = {
      id,
      names,
      replaces: typeof said['replaces'] === 'string' ? said['replaces'] : null,
      status: 'pending',
      authorizations: names.map((name, at) => ({
        id: `${id}-${at}`,
        name: name.replace(/^\*\./, ''),
        isWildcard: name.startsWith('*.'),
        token: randomBytes(16).toString('base64url'),
        status: 'pending',
        error: null,
      })),
      certificate: null,
      error: null,
    };
    this.orders.push(order);
    answer.setHeader('location', `${this.#base}/poll/${id}`);
    this.#say(answer, 201, this.#orderText(order));
  }

  #tellOf(kind: StubKind, order: StubOrder, id: string, answer: ServerResponse): void {
    if (kind === 'poll') {
      if (order.status === 'processing' && this.processing <= 0) order.status = 'valid';
      if (order.status === 'processing') this.processing -= 1;
      if (this.retryAfter !== null) answer.setHeader('retry-after', this.retryAfter);
      this.#say(answer, 200, this.#orderText(order));
      return;
    }
    const authorization = order.authorizations.find((one) => one.id === id);
    if (authorization === undefined) {
      this.#refuse(answer, { status: 404, type: 'malformed', detail: 'no such authorization' });
      return;
    }
    if (kind === 'challenge') this.#judge(order, authorization);
    const challenges = this.#challenges(authorization);
    this.#say(
      answer,
      200,
      kind === 'challenge'
        ? challenges[0]
        : {
            status: authorization.status,
            identifier: { type: 'dns', value: authorization.name },
            wildcard: authorization.isWildcard,
            challenges,
          },
    );
  }

  #challenges({ id, token, status, error }: StubAuthorization): readonly Fields[] {
    return ['http-01', 'tls-alpn-01', 'dns-01'].map((type) => ({
      type,
      token,
      status,
      url: `${this.#base}/challenge/${id}`,
      ...(error === null || type !== 'http-01' ? {} : { error }),
    }));
  }

  #judge(order: StubOrder, one: StubAuthorization): void {
    const authorization = one;
    const target = order;
    const failure = this.judge(authorization.name);
    authorization.status = failure === null ? 'valid' : 'invalid';
    authorization.error = failure === null ? null : { type: urn(failure.type), detail: failure.detail, status: 403 };
    if (failure !== null) target.status = 'invalid';
    else if (order.authorizations.every(({ status }) => status === 'valid')) target.status = 'ready';
  }

  async #finalise(order: StubOrder, said: Fields, answer: ServerResponse): Promise<void> {
    if (order.status !== 'ready') {
      this.#refuse(answer, { status: 403, type: 'orderNotReady', detail: `the order is ${order.status}` });
      return;
    }
    const target = order;
    const csr = Buffer.from(String(said['csr']), 'base64url');
    const notBefore = this.wallMs();
    target.certificate = await this.#root.issue(csr, order.names, notBefore, notBefore + this.lifeMs);
    target.status = this.processing > 0 ? 'processing' : 'valid';
    if (this.retryAfter !== null) answer.setHeader('retry-after', this.retryAfter);
    this.#say(answer, 200, this.#orderText(order));
  }

  #orderText({ id, status, names, authorizations, error }: StubOrder): Fields {
    return {
      status,
      identifiers: names.map((value) => ({ type: 'dns', value })),
      authorizations: authorizations.map((one) => `${this.#base}/authorization/${one.id}`),
      finalize: `${this.#base}/finalise/${id}`,
      ...(status === 'valid' ? { certificate: `${this.#base}/certificate/${id}` } : {}),
      ...(error === null ? {} : { error }),
    };
  }

  #refuse(answer: ServerResponse, { status, type, detail, retryAfter, subproblems }: StubRefusal): void {
    answer.setHeader('content-type', 'application/problem+json');
    if (retryAfter !== undefined) answer.setHeader('retry-after', retryAfter);
    this.#say(answer, status, {
      type: urn(type),
      detail,
      status,
      ...(subproblems === undefined ? {} : { subproblems }),
    });
  }

  #say(answer: ServerResponse, status: number, body: unknown): void {
    const nonce = randomBytes(12).toString('base64url');
    this.#nonces.add(nonce);
    answer.setHeader('replay-nonce', nonce);
    if (!answer.hasHeader('content-type')) answer.setHeader('content-type', 'application/json');
    answer.writeHead(status);
    answer.end(body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body));
  }
}

type Fields = Readonly<Record<string, unknown>>;

const kinds: Readonly<Record<string, StubKind>> = {
  dir: 'dir',
  nonce: 'nonce',
  account: 'account',
  order: 'order',
  authorization: 'authorization',
  challenge: 'challenge',
  poll: 'poll',
  finalise: 'finalise',
  certificate: 'certificate',
  advice: 'advice',
};

function urn(type: string): string {
  return `urn:ietf:params:acme:error:${type}`;
}

function parse(text: string): unknown {
  return JSON.parse(text);
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
