/**
 * An HTTP/2 service on a real leg, with exchanges that a test plays itself, and a client of raw frames at the other end.
 *
 * An exchange of the rig behaves as the real one towards its requester: whatever ends it, `over` is told once, after `cut`
 * where no answer is complete. Read first: `src/io/http/service.ts`.
 */
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import { defaultTimeouts } from '../../src/machines/connection/delays.ts';
import { Http2Service } from '../../src/io/http/http2-service.ts';
import type { ExchangeEnd, Requester } from '../../src/io/http/ports.ts';
import type { ExchangeHandle, ServiceOwner } from '../../src/io/http/service.ts';
import type { Leg, LegFact } from '../../src/io/leg.ts';
import type { ExchangeSnapshot } from '../../src/io/reports.ts';
import {
  type Fields,
  type HttpProblem,
  noBody,
  noFields,
  type RequestHead,
  type ResponseHead,
  streamBody,
} from '../../src/protocols/http/message.ts';
import { type Frame, readFrames, types } from './http2-frames.ts';
import { type LegPair, publicPair } from './sockets.ts';

export function response(status: number, parts: Partial<ResponseHead> = {}): ResponseHead {
  return {
    status,
    version: '1.1',
    reason: '',
    fields: noFields,
    body: noBody,
    upgrade: null,
    announcedBytes: null,
    isPersistent: true,
    ...parts,
  };
}

export class PlayedExchange implements ExchangeHandle {
  readonly requester: Requester;
  head: RequestHead | null = null;
  body = '';
  trailers: Fields | null = null;
  problem: HttpProblem | null = null;
  failure: CloseReason | null = null;
  writableTold = 0;
  hasRoom = true;
  isOver = false;
  #isRequestOver = false;
  #isAnswered = false;
  readonly #play: (exchange: PlayedExchange) => void;

  constructor(requester: Requester, play: (exchange: PlayedExchange) => void) {
    this.requester = requester;
    this.#play = play;
  }

  requestHead(head: RequestHead): void {
    this.head = head;
    this.#isRequestOver = head.body.kind === 'none';
    this.#play(this);
  }

  requestBody(bytes: Uint8Array): boolean {
    this.body += Buffer.from(bytes).toString('latin1');
    return this.hasRoom;
  }

  requestEnded(trailers: Fields): void {
    this.trailers = trailers;
    this.#isRequestOver = true;
    if (this.#isAnswered) this.over('completed');
  }

  requestSettled(): void {
    return undefined;
  }

  requestFailed(reason: CloseReason, problem: HttpProblem): void {
    this.problem = problem;
    this.failure = reason;
    if (!this.#isAnswered) this.answer(problem.status, problem.detail);
    this.over(reason);
  }

  responseWritable(): void {
    this.writableTold += 1;
  }

  clientFailed(reason: CloseReason): void {
    this.failure = reason;
    this.over(reason);
  }

  snapshot(): ExchangeSnapshot {
    throw new Error('nobody asks');
  }

  /** A whole answer. Where the request is complete the exchange is over. */
  answer(status: number, text: string): void {
    this.requester.respond(response(status, { body: streamBody, fields: ['content-type', 'text/plain'] }));
    if (text !== '') this.requester.write(Buffer.from(text), 'owned');
    this.finish();
  }

  finish(trailers: Fields = noFields): void {
    this.requester.end(trailers);
    this.#isAnswered = true;
    if (this.#isRequestOver) this.over('completed');
  }

  over(reason: CloseReason): void {
    if (this.isOver) return;
    this.isOver = true;
    if (!this.#isAnswered) this.requester.cut(reason, 'reset');
    const end: ExchangeEnd = {
      reason,
      cause: null,
      isClean: this.#isAnswered && this.#isRequestOver,
      timeouts: defaultTimeouts,
    };
    this.requester.over(end);
  }
}

export interface Told {
  readonly name: string;
  readonly reason?: CloseReason;
  readonly cause?: string | null;
}

export interface Http2Rig extends AsyncDisposable {
  readonly pair: LegPair;
  readonly service: Http2Service;
  readonly exchanges: readonly PlayedExchange[];
  readonly told: readonly Told[];
  /** What the service has sent. */
  frames(type?: number): readonly Frame[];
  /** Error codes of the GOAWAY frames so far. */
  goaways(): readonly number[];
  /** Streams that were reset, with their codes. */
  resets(): readonly (readonly [streamId: number, code: number])[];
  send(...bytes: readonly Uint8Array[]): void;
  until(holds: () => boolean): Promise<void>;
}

/**
 * @param play what an exchange does when its head has come.
 * @param early what the client has sent, FIN behind it, before the service starts.
 */
export async function http2Rig(
  play: (exchange: PlayedExchange) => void = (exchange) => exchange.answer(200, 'ok'),
  onTold: (told: Told, service: Http2Service) => void = endWhenFinished,
  early: Uint8Array | null = null,
): Promise<Http2Rig> {
  const pair = await publicPair();
  const exchanges: PlayedExchange[] = [];
  const told: Told[] = [];
  const note = (one: Told): void => {
    told.push(one);
    onTold(one, service);
  };
  const owner: ServiceOwner = {
    opened: () => note({ name: 'opened' }),
    closed: () => note({ name: 'closed' }),
    clientEnded: () => note({ name: 'clientEnded' }),
    finished: (reason, cause) => note({ name: 'finished', reason, cause }),
    failed: (reason, cause) => note({ name: 'failed', reason, cause }),
    flushed: () => note({ name: 'flushed' }),
    upgraded: () => note({ name: 'upgraded' }),
    broken: (error) => {
      throw error;
    },
  };
  const service: Http2Service = new Http2Service(
    pair.near,
    owner,
    (requester) => {
      const exchange = new PlayedExchange(requester, play);
      exchanges.push(exchange);
      return exchange;
    },
    pair.clock,
  );
  pair.near.facts$.subscribe((fact: LegFact) => {
    if (fact.type === 'failed') service.stop('downstream.reset');
    else if (fact.type !== 'released') service.told(fact);
  });
  const received = collect(pair.far);
  if (early !== null) {
    pair.far.write(early, 'owned');
    pair.far.end();
    await pair.until(() => pair.near.heldBytes === early.length);
    await pair.settle();
  }
  service.start();
  const frames = (type?: number): readonly Frame[] =>
    readFrames(received()).filter((one) => type === undefined || one.type === type);
  return {
    pair,
    service,
    exchanges,
    told,
    frames,
    goaways: () => frames(types.goaway).map(({ payload }) => payload.readUInt32BE(4)),
    resets: () => frames(types.reset).map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
    send: (...bytes) => void pair.far.write(Buffer.concat(bytes), 'owned'),
    until: (holds) => pair.until(holds),
    [Symbol.asyncDispose]: async () => {
      service.stop('operator.killed');
      await pair[Symbol.asyncDispose]();
    },
  };
}

function endWhenFinished(told: Told, service: Http2Service): void {
  if (told.name === 'finished') service.end();
}

function collect(leg: Leg): () => Buffer {
  const chunks: Buffer[] = [];
  leg.facts$.subscribe(() => undefined);
  leg.bytes$.subscribe((chunk) => void chunks.push(Buffer.from(chunk)));
  return () => Buffer.concat(chunks);
}
