/**
 * What a proxy's users see and do of its connections: list, explain, kill, and the actor behind each.
 *
 * Decides nothing; it reads the registry and speaks to charts through `Connection.tell`.
 */
import { ProxyError } from './errors.ts';
import { durationMs } from './duration-argument.ts';
import type { Connection } from './io/connection.ts';
import { uniqueIdOf } from './io/proxied.ts';
import type { ConnectionSnapshot } from './io/reports.ts';
import { connectionTable } from './machines/connection/connection-chart.ts';
import { connectionMachine } from './machines/connection/machine.ts';
import { containedObservable } from './observe/contained-observable.ts';
import { connectionOfExchange, explainLiveExchange } from './observe/explain-exchange.ts';
import { explainLive } from './observe/explain.ts';
import type { ConnectionActor, ConnectionFilter, Explanation, Proxy } from './proxy-api.ts';
import type { ProxyRuntime } from './proxy-runtime.ts';

type ConnectionFace = Pick<Proxy, 'connections' | 'connections$' | 'actor' | 'explain' | 'kill'>;

export function proxyConnections(runtime: ProxyRuntime): ConnectionFace {
  const { live } = runtime.registry;
  const { bus, callbackFailed } = runtime.observation;
  const list = (filter: ConnectionFilter = {}) =>
    selected(
      [...live.values()].map((one) => one.snapshot()),
      filter,
    );
  return {
    connections: list,
    connections$: containedObservable((observer) => {
      observer.next(list());
      return bus.events$.subscribe({
        next: ({ event }) => {
          if (event === 'connection.opened' || event === 'connection.moved' || event === 'connection.closed')
            observer.next(list());
        },
        complete: () => observer.complete(),
      });
    }, callbackFailed),
    actor: (connectionId) => {
      const connection = live.get(connectionId);
      return connection === undefined ? null : actorOf(connection, runtime);
    },
    explain: (id) => explainNamed(id, runtime) ?? explainIntroduced(id, runtime),
    kill: (connectionId) => {
      const connection = live.get(connectionId);
      connection?.hear({ type: 'kill.requested', reason: 'operator.killed' });
      return connection !== undefined;
    },
  };
}

/** By the id of a connection or exchange. */
function explainNamed(id: string, { registry: { live }, observation }: ProxyRuntime): Explanation | null {
  const connection = live.get(id);
  if (connection !== undefined) return explainLive(connection.snapshot());
  const holder = live.get(connectionOfExchange(id) ?? '');
  const living = holder === undefined ? null : explainLiveExchange(id, holder.snapshot());
  return living ?? observation.explainClosed(id);
}

/**
 * By the unique id of a PROXY header, in hexadecimal: the connection that came with it, a live one first, of several the
 * latest; or the one for which a header of our own was sent, which calls it by its id. Likewise by that id itself, at the
 * proxy that got the header.
 */
function explainIntroduced(id: string, runtime: ProxyRuntime): Explanation | null {
  const { registry, observation } = runtime;
  for (const uniqueId of [id.toLowerCase(), Buffer.from(id).toString('hex')]) {
    const live = [...registry.live.values()].findLast(({ greeting }) => uniqueIdOf(greeting.proxied) === uniqueId);
    if (live !== undefined) return explainLive(live.snapshot());
    const closed = observation.explainIntroduced(uniqueId);
    if (closed !== null) return closed;
  }
  return /^(?:[\da-f]{2})+$/i.test(id) ? explainNamed(Buffer.from(id, 'hex').toString(), runtime) : null;
}

const states: ReadonlySet<string> = new Set(connectionTable.leaves.map((leaf) => leaf.state));

/** @throws ProxyError SALLYPORT_CONFIG_INVALID when `olderThan` is no duration or `state` no state. */
function selected(snapshots: readonly ConnectionSnapshot[], filter: ConnectionFilter): readonly ConnectionSnapshot[] {
  const olderThanMs = filter.olderThan === undefined ? 0 : durationMs(filter.olderThan);
  if (filter.state !== undefined && !states.has(filter.state)) {
    throw new ProxyError(
      'SALLYPORT_CONFIG_INVALID',
      `a connection has no state ${filter.state}: ${[...states].join(', ')}`,
    );
  }
  return snapshots.filter(
    (one) =>
      (filter.state === undefined || one.state === filter.state) &&
      (filter.route === undefined || one.route === filter.route) &&
      one.stateMs >= olderThanMs,
  );
}

function actorOf(connection: Connection, runtime: ProxyRuntime): ConnectionActor {
  const getSnapshot = () => {
    const { snapshot } = connection.chart.persist();
    return connectionMachine.resolveState({
      value: snapshot.value,
      context: snapshot.context,
      status: snapshot.status,
    });
  };
  return {
    id: connection.connectionId,
    interpreter: connection.listener.interpreter,
    send: (fact) => connection.hear(fact),
    getSnapshot,
    getPersistedSnapshot: () => connection.chart.persist(),
    subscribe: (observer) => {
      const { next, complete } = typeof observer === 'function' ? { next: observer, complete: undefined } : observer;
      const { connectionId } = connection;
      const subscription = runtime.observation.bus.events$.subscribe((event) => {
        if (event.event !== 'connection.moved' || event.connectionId !== connectionId) return undefined;
        const answer = next?.(getSnapshot());
        if (event.to === 'CLOSED') {
          subscription.unsubscribe();
          complete?.();
        }
        return answer;
      });
      return subscription;
    },
  };
}
