/** Records of connections and exchanges, snapshots and refusals for the tests of `src/observe/`. */
import fc from 'fast-check';
import type {
  ClosedRecord,
  ConnectionSnapshot,
  ExchangeRecord,
  ExchangeSnapshot,
  Refusal,
} from '../../src/io/reports.ts';
import {
  closeReasons,
  deadlineOf,
  describeReason,
  type CloseReason,
} from '../../src/machines/connection/close-reason.ts';
import type { ProxyEvent } from '../../src/proxy-api.ts';

export function closedSample(connectionId: string, reason: CloseReason = 'completed'): ClosedRecord {
  const deadline = deadlineOf(reason);
  return {
    event: 'connection.closed',
    connectionId,
    listener: '[::]:8080',
    route: 'web',
    client: '127.0.0.1:5000',
    upstream: '10.0.0.7:80',
    protocol: null,
    serverName: null,
    tls: null,
    reason,
    by: describeReason(reason).by,
    state: 'ESTABLISHED',
    deadline,
    limitMs: deadline === null ? null : 5000,
    configPath: 'sallyport.yaml:3:5 routes[0]',
    code: null,
    cause: null,
    interpreter: 'compiled',
    durationMs: 12.5,
    path: [
      ['ACCEPTED', 0.2],
      ['ESTABLISHED', 12.3],
    ],
    bytesIn: 24,
    bytesOut: 1200,
    peer: null,
    proxyHeader: null,
    uniqueId: null,
    attempts: 1,
    timeline: [
      { state: 'ACCEPTED', ms: 0.2, event: 'admission.granted' },
      { state: 'ESTABLISHED', ms: 12.3, event: 'splice.flushed' },
    ],
  };
}

export function exchangeSample(
  exchangeId: string,
  reason: CloseReason = 'completed',
  changes: Partial<ExchangeRecord> = {},
): ExchangeRecord {
  const {
    connectionId: _connectionId,
    protocol: _protocol,
    serverName: _name,
    tls: _tls,
    peer: _peer,
    proxyHeader: _proxyHeader,
    uniqueId: _uniqueId,
    ...shared
  } = closedSample('', reason);
  return {
    ...shared,
    event: 'exchange.closed',
    exchangeId,
    connectionId: exchangeId.slice(0, exchangeId.lastIndexOf('.')),
    protocol: 'http/1.1',
    method: 'GET',
    authority: 'a.example',
    requestPath: '/v1/users',
    status: reason === 'completed' ? 200 : 502,
    isReused: false,
    clientIp: '127.0.0.1',
    ...changes,
  };
}

export function liveExchangeSample(changes: Partial<ExchangeSnapshot> = {}): ExchangeSnapshot {
  return {
    exchangeId: 'c1.3',
    route: 'web',
    upstream: { host: '10.0.0.7', port: 80 },
    method: 'POST',
    authority: 'a.example',
    requestPath: '/v1/users',
    state: 'HALF_CLOSED',
    leaf: 'HALF_CLOSED.AWAITING',
    ageMs: 1300,
    stateMs: 1200,
    ...changes,
  };
}

export function liveSample(changes: Partial<ConnectionSnapshot> = {}): ConnectionSnapshot {
  return {
    connectionId: 'c1',
    listener: '[::]:8080',
    route: 'web',
    client: { host: '127.0.0.1', port: 5000 },
    upstream: { host: '10.0.0.7', port: 80 },
    protocol: null,
    serverName: null,
    state: 'ESTABLISHED',
    leaf: 'ESTABLISHED.TUNNEL.ACTIVE',
    interpreter: 'compiled',
    ageMs: 12_301,
    stateMs: 12_300,
    bytesIn: 24,
    bytesOut: 1234,
    bufferedBytes: 0,
    exchanges: [],
    peer: null,
    proxyHeader: null,
    uniqueId: null,
    timeline: [
      { state: 'ACCEPTED', ms: 0.1, event: 'admission.granted' },
      { state: 'ESTABLISHED', ms: 12_300, event: null },
    ],
    ...changes,
  };
}

/** An event that carries a number, so that a test can tell which ones came. */
export function numbered(number: number): ProxyEvent {
  return {
    event: 'connection.moved',
    connectionId: String(number),
    from: 'ACCEPTED',
    to: 'SNIFFING',
    on: 'admission.granted',
  };
}

export function numberOf(event: ProxyEvent): number {
  return event.event === 'connection.moved' ? Number(event.connectionId) : Number.NaN;
}

export const anyReason: fc.Arbitrary<CloseReason> = fc.constantFrom(...closeReasons);

export const anyRefusal: fc.Arbitrary<Refusal> = fc.record({
  listener: fc.constantFrom('[::]:80', '[::]:443'),
  client: fc.nat(9).map((port) => `127.0.0.1:${port}`),
  reason: fc.constantFrom('refused.capacity', 'refused.address', 'refused.rate'),
});
