/**
 * An HTTP handler as an upstream: the exchange speaks HTTP/1.1 on an in-process leg, and a server of Node's that never
 * listens makes real requests and responses of it.
 *
 * Decides: what a handler's fault does. Before the head was sent its leg fails with `SALLYPORT_HANDLER_FAILED`, so that the
 * exchange can answer 500; afterwards the same failure cuts the response; a complete response stands.
 * One leg serves one exchange: that is how a request finds its context, and nothing on the wire can pretend to be another.
 * Must never do: own a timer. Node's are off twice, by option and because an in-process socket has none. A request to
 * upgrade reaches the handler as a request like any other, which it may answer like any other: `upgrade` is never emitted.
 * Read first: `in-process-pair.ts`, `fetch-form.ts`.
 */
import { createServer, IncomingMessage, ServerResponse, type Server } from 'node:http';
import type { HttpHandlerPlan, NodeHandler } from '../../routing/http-plan.ts';
import type { Leg } from '../leg.ts';
import type { LegPorts } from '../leg-base.ts';
import { HandlerFailure, type HandlerOwner } from './failure.ts';
import { nodeFormOf } from './fetch-form.ts';
import { inProcessPair, type InProcessSocket } from './in-process-pair.ts';
import { beginLifetime, type HandlerFacts, type HandlerLifetime } from './lifetime.ts';
import { contain } from './socket-handler.ts';

/** One per route. It holds nothing while no exchange is under way. */
export interface HttpHandler {
  /**
   * A new upstream leg for one exchange, in the ledger. The handler is called once the whole head was written to it.
   * @param owner told of the handler's fault before the leg fails.
   */
  connect(facts: HandlerFacts, owner: HandlerOwner): Leg;
}

/** By their sockets. */
const calls = new WeakMap<object, Call>();

/** Above what a client may send (32 KiB), because the proxy adds fields of its own. */
const headBytesMax = 131_072;

export function createHttpHandler(plan: HttpHandlerPlan, ports: LegPorts): HttpHandler {
  const handle = plan.form === 'node' ? plan.handle : nodeFormOf(plan.handle);
  const server = quietServer((request, response) => calls.get(request.socket)?.begin(handle, request, response));
  return {
    connect(facts, owner) {
      const call = new Call(facts, ports, owner);
      calls.set(call.socket, call);
      server.emit('connection', call.socket);
      return call.leg;
    },
  };
}

/** A server without a single timer, which never listens. */
function quietServer(
  onRequest: (request: ContainedRequest, response: ContainedResponse) => void,
): Server<typeof ContainedRequest, typeof ContainedResponse> {
  const options = {
    headersTimeout: 0,
    requestTimeout: 0,
    keepAliveTimeout: 0,
    connectionsCheckingInterval: 2_147_483_647,
    maxHeaderSize: headBytesMax,
    insecureHTTPParser: false,
    // The proxy's own codec has seen to it, and an HTTP/1.0 client may have none.
    requireHostHeader: false,
    IncomingMessage: ContainedRequest,
    ServerResponse: ContainedResponse,
  };
  return createServer(options, onRequest);
}

/** What one of its listeners throws is the handler's fault, not the end of the process. */
class ContainedRequest extends IncomingMessage {
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    try {
      return super.emit(event, ...values);
    } catch (error) {
      calls.get(this.socket)?.fail(error);
      return true;
    }
  }
}

/** Likewise, also for an `error` that nobody listens for, such as a write after the end. It keeps its call, because a response that is over has no socket. */
class ContainedResponse extends ServerResponse<ContainedRequest> {
  #call: Call | undefined;

  override assignSocket(socket: Parameters<ServerResponse['assignSocket']>[0]): void {
    this.#call = calls.get(socket);
    super.assignSocket(socket);
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    try {
      return super.emit(event, ...values);
    } catch (error) {
      this.#call?.fail(error);
      return true;
    }
  }
}

/** One exchange with the handler. */
class Call {
  readonly leg: Leg;
  readonly socket: InProcessSocket;
  readonly #owner: HandlerOwner;
  readonly #lifetime: HandlerLifetime;
  #response: ServerResponse | null = null;
  #isOver = false;

  constructor(facts: HandlerFacts, ports: LegPorts, owner: HandlerOwner) {
    this.#owner = owner;
    this.#lifetime = beginLifetime(facts);
    const options = { name: `handler of ${facts.route}`, socket: { remote: facts.client, local: nowhere } };
    const { leg, socket } = inProcessPair(options, ports, {
      failed: (error) => owner.failed(error),
      over: () => this.#end(),
    });
    this.leg = leg;
    this.socket = socket;
  }

  begin(handle: NodeHandler, request: IncomingMessage, response: ServerResponse): void {
    this.#response = response;
    contain(
      () => handle(request, response, this.#lifetime.context),
      (error) => this.fail(error),
    );
  }

  /** @internal The handler is at fault. */
  fail(error: unknown): void {
    if (this.#isOver || this.socket.destroyed) return;
    this.#owner.failed(error);
    if (this.#response?.writableEnded !== true) this.socket.destroy(new HandlerFailure(error));
  }

  #end(): void {
    this.#isOver = true;
    this.#lifetime.end();
    if (!this.socket.writableEnded) this.socket.destroy();
  }
}

const nowhere = { host: '', port: 0 };
