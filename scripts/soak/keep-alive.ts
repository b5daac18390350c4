/**
 * The keep-alive race: requests that go out on upstream connections which the origin is just closing.
 *
 * Decides what is right: a request without a body whose method is idempotent is answered 200 by the right origin, always;
 * a POST is answered 200 or 502 and arrives at most once, whatever happens (RFC 9110 §9.2.2).
 * Read first: `closing-origin.ts`.
 */
import { createServer, type Server } from 'node:http';
import { closingOrigin, idleMaxMs, type Arrived } from './closing-origin.ts';
import { HttpClient, type Answer } from './http-client.ts';
import { pause, pick, whole, type Soak, type SoakContext } from './report.ts';
import { closed, listen, withProxy } from './stage.ts';

const clientCount = 50;
const postBody = 'once and never again';

export const keepAlive: Soak = { name: 'keep-alive', run };

async function run(context: SoakContext): Promise<void> {
  const race = new Race(context);
  const { random, report } = context;
  const arrived: Arrived = (id, method) => race.arrived(id, method);
  const raw = closingOrigin(random, arrived);
  const node = timingOutOrigin(random, arrived);
  const forward = (name: string, port: number) =>
    ({
      name,
      match: { ports: 0, protocol: 'http', path: `/${name}/*` },
      action: { type: 'forward', target: { host: '127.0.0.1', port } },
      timeouts: { poolIdle: '1s' },
    }) as const;
  const config = { routes: [forward('raw', await listen(raw)), forward('node', await listen(node))] };
  let retries = 0;
  let reused = 0;
  await withProxy(context, config, async (port, proxy) => {
    proxy.on('exchange.closed', ({ timeline, isReused }) => {
      if (timeline.filter(({ state }) => state === 'DIALING').length > 1) retries += 1;
      if (isReused) reused += 1;
    });
    await Promise.all(Array.from({ length: clientCount }, (_, client) => race.client(port, client)));
  });
  node.closeAllConnections();
  await Promise.all([closed(raw), closed(node)]);
  race.tell(retries, reused);
  if (retries === 0 && context.durationMs >= 10_000)
    report.problem('no request was ever sent again', 'the race did not happen, nothing is proved');
}

/** Node's own server. How long it lets a connection idle is chosen anew with every request. */
function timingOutOrigin(random: () => number, arrived: Arrived): Server {
  const server = createServer({ keepAliveTimeout: idleMaxMs, keepAliveTimeoutBuffer: 0 }, (request, response) => {
    const id = String(request.headers['x-id']);
    arrived(id, request.method ?? '');
    server.keepAliveTimeout = whole(random, 1, idleMaxMs);
    request.resume().on('end', () => response.setHeader('x-id', id).end(id));
  });
  return server;
}

class Race {
  readonly #context: SoakContext;
  readonly #endMs: number;
  /** How often each POST arrived. */
  readonly #posts = new Map<string, number>();
  #requests = 0;
  #failures = 0;
  #lostPosts = 0;

  constructor(context: SoakContext) {
    this.#context = context;
    this.#endMs = performance.now() + context.durationMs;
  }

  arrived(id: string, method: string): void {
    if (method !== 'POST') return;
    const times = (this.#posts.get(id) ?? 0) + 1;
    this.#posts.set(id, times);
    if (times > 1) this.#context.report.problem('a POST arrived more than once', `${id}: ${times} times`);
  }

  async client(port: number, number: number): Promise<void> {
    const { random } = this.#context;
    const client = new HttpClient(port);
    for (let count = 0; performance.now() < this.#endMs; count += 1) {
      const id = `${number}-${count}`;
      const method = pick(random, ['GET', 'GET', 'GET', 'HEAD', 'DELETE', 'POST']);
      const path = pick(random, ['/raw/x', '/node/x']);
      // A POST without a body could be sent again, and must not be.
      const body = method === 'POST' && random() < 0.5 ? { body: postBody } : {};
      const answer = await client.ask({ method, path, headers: { 'x-id': id }, ...body });
      this.#judge(`${method} ${path} ${id}`, id, method, answer);
      await pause(whole(random, 0, idleMaxMs + 5));
    }
    client.close();
  }

  tell(retries: number, reused: number): void {
    const { report } = this.#context;
    const { size: posts } = this.#posts;
    report.say(`${this.#requests} requests, ${reused} of them on a connection that had been used before`);
    report.say(`${retries} retries, ${this.#failures} failures, ${posts} POSTs arrived`);
    report.say(`${this.#lostPosts} POSTs answered 502, because nobody knows whether they took effect`);
  }

  #judge(what: string, id: string, method: string, { status, headers, body, error }: Answer): void {
    this.#requests += 1;
    if (method === 'POST' && status === 502) {
      this.#lostPosts += 1;
      return;
    }
    const expected = method === 'HEAD' ? '' : id;
    if (status === 200 && headers['x-id'] === id && body === expected) return;
    this.#failures += 1;
    const kind = status === 200 ? 'the answer to another request' : 'a request failed';
    this.#context.report.problem(kind, `${what}: ${status ?? error} ${body.trim()}`);
  }
}
