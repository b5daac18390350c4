/**
 * The HTTP handlers of a proxy's routes, as upstreams of exchanges.
 *
 * Decides nothing. A handler's fault is told as trouble, because its author must see it, and as the exchange's cause.
 * Read first: `../handlers/http-handler.ts`.
 */
import type { RoutePlan } from '../../routing/plan.ts';
import { createHttpHandler, type HttpHandler } from '../handlers/http-handler.ts';
import type { Leg } from '../leg.ts';
import type { LegPorts } from '../leg-base.ts';
import { handlerProxied } from '../proxied.ts';
import { handlerTls } from '../tls/secured-client.ts';
import type { Exchange } from './exchange.ts';
import { hostOf } from './host-of.ts';

export class HandlerUpstreams {
  readonly #ports: LegPorts;
  readonly #handlers = new Map<RoutePlan, HttpHandler>();

  constructor(ports: LegPorts) {
    this.#ports = ports;
  }

  /** @returns what makes the one connection that the exchange needs. */
  connect(exchange: Exchange): () => Leg {
    const { verdict, holder, head, exchangeId } = exchange;
    if (verdict?.kind !== 'forward') throw new Error('an exchange without a handler asked for one');
    const { route, path } = verdict;
    const facts = {
      connectionId: holder.connectionId,
      exchangeId,
      route: route.name,
      listener: holder.listener.name,
      client: holder.client,
      protocol: holder.protocol,
      serverName: hostOf(head?.authority ?? ''),
      path,
      tls: handlerTls(holder.tls),
      proxied: handlerProxied(holder.proxied, holder.peer),
    };
    return () => this.#handlerOf(route).connect(facts, exchange);
  }

  #handlerOf(route: RoutePlan): HttpHandler {
    const known = this.#handlers.get(route);
    if (known !== undefined) return known;
    const { action } = route;
    if (action.type !== 'handler' || action.kind !== 'http') throw new Error(`route ${route.name} has no HTTP handler`);
    const handler = createHttpHandler(action.http, this.#ports);
    this.#handlers.set(route, handler);
    return handler;
  }
}
