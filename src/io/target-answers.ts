/**
 * What a target function is told, and what of its answer is believed.
 *
 * Decides: that an answer is a host and a port, or a UNIX socket, and nothing else. Whatever a function is given is its
 * own: nothing that it could change for others. Read first: `../routing/pool-plan.ts` (TargetContext).
 */
import { readHostName } from '../protocols/host-name.ts';
import { noFields, type Fields } from '../protocols/http/message.ts';
import { pathOfTarget } from '../protocols/http/target-path.ts';
import type { RoutePlan, Target } from '../routing/plan.ts';
import type { TargetContext } from '../routing/pool-plan.ts';
import type { DialSubject } from './candidates.ts';
import { ipFamily } from './socket.ts';
import { unixPathOf } from './unix-path.ts';

export function targetContext(route: RoutePlan, subject: DialSubject, attempt: number): TargetContext {
  const { head } = subject;
  return {
    connectionId: subject.connectionId,
    route: route.name,
    listener: subject.listenerName,
    clientIp: subject.client.host,
    clientPort: subject.client.port,
    localPort: subject.local.port,
    serverName: subject.serverName,
    path: head === null ? null : pathOfTarget(head.target),
    method: head?.method ?? null,
    headers: headersOf(head?.fields ?? noFields),
    attempt,
  };
}

/** Several of one name as one, as RFC 9110 §5.3 joins them; cookies by a semicolon. */
function headersOf(fields: Fields): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = (fields[index] ?? '').toLowerCase();
    const value = fields[index + 1] ?? '';
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}${name === 'cookie' ? '; ' : ', '}${value}`);
  }
  return Object.fromEntries(headers);
}

/** @throws TypeError where the answer is no target; it says what was wanted, not what came. */
export function targetOfAnswer(answer: unknown): Target {
  if (typeof answer !== 'object' || answer === null) throw new TypeError(`${nonsense}, not ${typeof answer}`);
  const host: unknown = Reflect.get(answer, 'host');
  const port: unknown = Reflect.get(answer, 'port');
  const unix: unknown = Reflect.get(answer, 'unix');
  if (typeof unix === 'string' && host === undefined) return unixTarget(unix);
  if (typeof host !== 'string') throw new TypeError(`${nonsense}: the host is no text`);
  const path = unixPathOf(host);
  if (path !== null) return unixTarget(path);
  if (!isHost(host)) throw new TypeError(`${nonsense}: the host is neither a name nor an address without brackets`);
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new TypeError(`${nonsense}: the port is not 1 to 65535`);
  return { host, port };
}

const nonsense = 'the target function of the route has to answer { host, port } or { unix }';

function unixTarget(path: string): Target {
  if (path === '' || path.includes('\0'))
    throw new TypeError(`${nonsense}: the path of the UNIX socket is empty or has a NUL`);
  return { host: `unix:${path}`, port: 0 };
}

function isHost(host: string): boolean {
  if (ipFamily(host) !== 0) return true;
  if (/[^\x21-\x7e]/.test(host)) return false;
  const bytes = encoder.encode(host);
  return readHostName(bytes, 0, bytes.length) !== null;
}

const encoder = new TextEncoder();
