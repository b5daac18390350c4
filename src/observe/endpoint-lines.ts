/**
 * What the log says of the endpoints of pools: one sentence for each event, and how loud it is.
 *
 * Decides nothing else. Read first: `log-events.ts`, `../io/endpoints/endpoint-events.ts`.
 */
import { durationText } from '../machines/chart/explain.ts';
import type { EndpointEvent, Logger } from '../proxy-api.ts';

export function endpointLevel(event: EndpointEvent): Parameters<Logger['log']>[0] {
  switch (event.event) {
    case 'endpoint.up':
    case 'pool.resolved':
      return 'info';
    case 'endpoint.down':
      return event.cause === 'draining' ? 'info' : 'warn';
    case 'endpoint.ejected':
    case 'pool.unresolved':
  }
  return 'warn';
}

export function endpointSentence(event: EndpointEvent): string {
  switch (event.event) {
    case 'endpoint.up':
      return `the endpoint ${event.endpoint} of ${event.pool} is up again`;
    case 'endpoint.down': {
      if (event.cause === 'draining') return `the endpoint ${event.endpoint} of ${event.pool} is wanted no more`;
      const detail = event.detail === null ? '' : `: ${event.detail}`;
      return `the endpoint ${event.endpoint} of ${event.pool} is down by its checks${detail}`;
    }
    case 'endpoint.ejected':
      return `the endpoint ${event.endpoint} of ${event.pool} is left alone for ${durationText(event.forMs)}: dials failed`;
    case 'pool.resolved':
      return `${event.name} of ${event.pool} was answered; endpoints: ${listed(event.endpoints)}`;
    case 'pool.unresolved':
  }
  return `${event.name} of ${event.pool} is not answered: ${event.cause}; asked again in ${durationText(event.retryMs)}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown === '' ? 'none' : shown;
}
