/**
 * The laws of HTTP through the proxy, asked after every event: whose bytes are these, and is what looks complete complete?
 *
 * Each answers with a sentence. Read first: `http-race-world.ts`. The numbers are those of the invariants: I1 slots,
 * I4 the end, I10 HTTP, I11 counters, I13 no bug of ours.
 */
import type { Asked, HttpClient } from './http-race-client.ts';
import type { Message } from './http-race-messages.ts';
import type { HttpOrigin } from './http-race-origin.ts';
import { handledBytes, originsFor, responded } from './http-race-plan.ts';
import { patternOf } from './http-race-pattern.ts';
import type { HttpRaceWorld } from './http-race-world.ts';
import { LawBroken } from './race-laws.ts';

export class HttpRaceLaws {
  readonly #world: HttpRaceWorld;
  readonly #isInOnePiece: boolean;
  /** On which origin connections each request was seen. */
  readonly #reached = new Map<string, Set<HttpOrigin>>();
  #recordsSeen = 0;
  readonly #closed = new Set<string>();

  /** @param windowBytes on each wire: where it is wide, what is written in one piece arrives so. */
  constructor(world: HttpRaceWorld, windowBytes: number) {
    this.#world = world;
    this.#isInOnePiece = windowBytes >= 65_536;
  }

  /** @throws LawBroken */
  check(): void {
    this.#slots();
    this.#counters();
    for (const client of this.#world.clients) {
      if (!client.isNews) continue;
      client.isNews = false;
      if (client.isHttp) this.#client(client);
      else this.#handled(client);
    }
    for (const origin of this.#world.origins) {
      if (!origin.isNews) continue;
      origin.isNews = false;
      this.#origin(origin);
    }
  }

  #broken(law: string, says: string): never {
    throw new LawBroken(`${law} at ${this.#world.clock.nowMs()} ms: ${says}`);
  }

  #slots(): void {
    const { registry, connections, acceptors } = this.#world;
    const live = connections.filter(({ chart }) => !chart.isDone).length;
    const ofListeners = acceptors.reduce((sum, { slots }) => sum + slots.held, 0);
    if (registry.entrance.slots.held === live && registry.live.size === live && ofListeners === live) return;
    this.#broken('I1', `${registry.entrance.slots.held} slots, ${registry.live.size} listed, ${live} live charts`);
  }

  #counters(): void {
    const { observation, connections, records, exchangeRecords, exchangesOpened, troubles } = this.#world;
    const { accepted, live, closed, invariantViolations, exchanges } = observation.counters();
    if (accepted !== connections.length || accepted !== closed + live || closed !== records.length) {
      this.#broken('I11', `accepted ${accepted}, live ${live}, closed ${closed}, ${records.length} records`);
    }
    if (exchanges.opened !== exchangesOpened || exchanges.closed !== exchangeRecords.length) {
      this.#broken('I11', `${exchanges.opened} exchanges, ${exchanges.closed} closed`);
    }
    for (; this.#recordsSeen < exchangeRecords.length; this.#recordsSeen += 1) {
      const id = exchangeRecords[this.#recordsSeen]?.exchangeId ?? '';
      if (this.#closed.has(id)) this.#broken('I4', `${id} has two records`);
      this.#closed.add(id);
    }
    const bad = troubles.find(({ event }) => event !== 'release.overdue' && event !== 'handler.failed');
    if (bad !== undefined || invariantViolations > 0) this.#broken('I13', bad?.message ?? 'an invariant is broken');
  }

  /** What a client got is well formed, its own, in order, and complete only where it is. */
  #client(client: HttpClient): void {
    const { reader, asked, name } = client;
    if (reader.fault !== null) this.#broken('I10', `${name} got ${reader.fault}`);
    for (const [at, message] of reader.messages.entries()) {
      const request = asked[at];
      if (request === undefined) this.#broken('I10', `${name} got an answer too many: ${message.line}`);
      else this.#answer(client, request, message, at);
    }
    for (const { fields, line } of reader.interim) {
      const id = fields.get('x-for') ?? '';
      // Node's server says 100 for a handler.
      const isRight = asked.some((one) => (id === '' ? originsFor(one.way).length === 0 : one.id === id));
      if (!isRight) this.#broken('I10', `${name} got ${line} for ${id}`);
    }
    if (reader.tunnel !== null) this.#tunnel(client, reader.tunnel);
  }

  #answer(client: HttpClient, request: Asked, message: Message, at: number): void {
    const tag = message.fields.get('x-answer') ?? '';
    const of = `${request.id} (${message.line}; ${tag})`;
    if (message.fields.has('proxy-status')) return this.#own(client, request, message, at);
    if (!request.isClean) this.#broken('I10', `${of}: an unclean request was answered as if it were one`);
    const [kind] = tag;
    // What an upstream says between two requests may arrive in the middle of the second, where nobody can tell.
    if (tag === 'rogue') return undefined;
    if (kind === 'o') return this.#originAnswer(request, message, tag, of);
    if (kind === 'h' && tag === `h:${request.id}`)
      return this.#body(message, patternOf(tag, handledBytes), of, request);
    if (request.way === 'respond') return this.#body(message, responded, of, request);
    if (request.way === 'redirect' && message.fields.get('location')?.endsWith(`/${request.id}`) === true)
      return undefined;
    return this.#broken('I10', `${of}: nobody's answer`);
  }

  #own(client: HttpClient, { id, method }: Asked, message: Message, at: number): void {
    const ours = `(exchange ${this.#world.connectionOf(client)?.connectionId ?? '?'}.${at + 1})\n`;
    const isOurs = method === 'HEAD' || !message.isComplete || message.body.endsWith(ours);
    if (!isOurs) this.#broken('I10', `${id}: ${message.body} is another exchange's answer`);
  }

  #originAnswer(request: Asked, message: Message, tag: string, of: string): void {
    const answer = this.#world.answers[Number(tag.slice(1))];
    if (answer === undefined) return this.#broken('I10', `${of}: there is no such answer`);
    if (answer.origin.isRogue) return undefined;
    if (answer.id !== request.id) return this.#broken('I10', `${of}: an answer to ${answer.id}`);
    if (message.status === 101 && request.shape !== 'upgrade')
      return this.#broken('I10', `${of}: nobody asked for 101`);
    if (message.status === 101 || message.status === 204) return undefined;
    if (message.isComplete && !answer.isSent) return this.#broken('I10', `${of}: looks complete, and is not`);
    if (answer.mayBeShort && answer.body.startsWith(message.body)) return undefined;
    return this.#body(message, answer.body, of, request);
  }

  #body(message: Message, body: string, of: string, request: Asked): void {
    if (request.method === 'HEAD') return;
    const isRight = message.isComplete ? message.body === body : body.startsWith(message.body);
    if (!isRight) this.#broken('I10', `${of}: ${message.body.length} of ${body.length} bytes, or other ones`);
  }

  #tunnel(client: HttpClient, got: string): void {
    const tag = client.reader.messages.at(-1)?.fields.get('x-answer') ?? '';
    const origin = this.#world.answers[Number(tag.slice(1))]?.origin;
    if (origin?.spoken.startsWith(got) !== true) this.#broken('I5', `${client.name} got another tunnel's bytes`);
  }

  /** A handler says back what it was told. */
  #handled(client: HttpClient): void {
    if (!client.stream.startsWith(client.received)) this.#broken('I5', `${client.name} got what it did not say`);
  }

  /** What an origin got is well formed, was asked by a client in so many clean words, and once. */
  #origin(origin: HttpOrigin): void {
    const { reader, host } = origin;
    if (reader.fault !== null) this.#broken('I10', `${host} got ${reader.fault}`);
    for (const message of reader.messages) this.#request(origin, message);
    if (this.#isInOnePiece && reader.messages.length > (origin.requestsMax ?? Infinity)) {
      this.#broken('I10', `${host} said more than it was asked, and was asked again`);
    }
    if (reader.tunnel === null) return;
    const id = reader.messages.at(-1)?.fields.get('x-id') ?? '';
    const client = this.#clientOf(id);
    const asked = client?.asked.find((one) => one.id === id);
    const spoken = client?.stream.slice(asked?.end, client.sentBytes) ?? '';
    if (!spoken.startsWith(reader.tunnel)) this.#broken('I5', `${id}: the origin got other bytes`);
  }

  #request(origin: HttpOrigin, message: Message): void {
    const id = message.fields.get('x-id') ?? '';
    const client = this.#clientOf(id);
    const asked = client?.asked.find((one) => one.id === id);
    if (client === undefined || asked === undefined) return this.#broken('I10', `nobody asked ${message.line}`);
    const before = client.asked.slice(0, client.asked.indexOf(asked) + 1);
    if (before.some(({ isClean }) => !isClean)) this.#broken('I10', `${id} reached ${origin.host} and is not clean`);
    if (client.sentBytes < asked.headEnd) this.#broken('I10', `${id} reached ${origin.host} before it was sent`);
    if (message.line !== `${asked.method} /${asked.way}/${id} HTTP/1.1`)
      this.#broken('I10', `${id} became ${message.line}`);
    if (!originsFor(asked.way).includes(origin.host)) this.#broken('I7', `${id} reached ${origin.host}`);
    this.#asSent(message, asked, client.sentBytes);
    const reached = this.#reached.get(id) ?? new Set();
    this.#reached.set(id, reached.add(origin));
    const most = asked.method === 'POST' || asked.body !== '' ? 1 : 2;
    if (reached.size > most) this.#broken('I10', `${id} reached ${reached.size} upstream connections`);
    this.#pinned(origin, client);
  }

  #asSent(message: Message, asked: Asked, sentBytes: number): void {
    const { id } = asked;
    const isRight = message.isComplete ? message.body === asked.body : asked.body.startsWith(message.body);
    if (!isRight) this.#broken('I10', `${id} got another body: ${message.body.length} of ${asked.body.length}`);
    const complete = message.isComplete && sentBytes < asked.end && asked.shape !== 'chunked';
    if (complete && asked.body !== '') this.#broken('I10', `${id} is complete before it was sent`);
  }

  /** Once a client has authenticated a connection, nobody else's request goes over it. */
  #pinned(origin: HttpOrigin, client: HttpClient): void {
    const { messages } = origin.reader;
    const first = messages.find(({ fields }) => fields.get('authorization')?.startsWith('Negotiate') === true);
    if (first === undefined) return;
    const owner = this.#clientOf(first.fields.get('x-id') ?? '');
    const isAfter = messages.indexOf(first) < messages.findLastIndex(({ fields }) => isOf(fields, client));
    if (isAfter && owner !== client) this.#broken('I10', `${client.name} shares an authenticated connection`);
  }

  #clientOf(id: string): HttpClient | undefined {
    const name = /^k\d+/.exec(id)?.[0];
    return this.#world.clients.find((client) => client.name === name);
  }
}

function isOf(fields: ReadonlyMap<string, string>, { name }: HttpClient): boolean {
  return fields.get('x-id')?.startsWith(`${name}r`) === true;
}
