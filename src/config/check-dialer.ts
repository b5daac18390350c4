/**
 * What can be wrong with a `dialer`, on a pool or on a route: options of another type, and what it cannot reach.
 *
 * Must never do: repeat a user name or a password. Read first: `schema-dialer.ts`.
 */
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { isRecord, ownValue } from './plain.ts';
import { dialerTypes } from './schema-dialer.ts';

type DialerType = (typeof dialerTypes)[number];

const ofProxies = ['host', 'port', 'username', 'password'] as const;
const ofTls = ['ca', 'servername', 'verify', 'pins', 'minVersion', 'cert', 'key'] as const;
const keysOf: Readonly<Record<DialerType, readonly string[]>> = {
  direct: [],
  tls: ofTls,
  socks5: ofProxies,
  'http-connect': ofProxies,
};

/** @param path of the dialer. */
export function checkDialer(dialer: unknown, path: Path): readonly Finding[] {
  const type = dialerType(dialer);
  if (type === null) return [];
  const has = (key: string): boolean => ownValue(dialer, key) !== undefined;
  const misplaced = [...ofProxies, ...ofTls]
    .filter((key) => has(key) && !keysOf[type].includes(key))
    .map((key): Finding => {
      const owners = dialerTypes.filter((one) => keysOf[one].includes(key)).join(' and ');
      return {
        path: [...path, key],
        message: `${key} belongs to a dialer of type ${owners} and cannot be enforced here`,
        part: 'key',
      };
    });
  return [...misplaced, ...(goesThroughProxy(dialer) ? checkProxy(dialer, path) : checkTls(dialer, path))];
}

/** True exactly for a dialer to whose other end a path of this machine means nothing. */
export function goesThroughProxy(dialer: unknown): boolean {
  const type = dialerType(dialer);
  return type === 'socks5' || type === 'http-connect';
}

/** `direct` where nothing is said, `custom` for a function; null where it cannot be read. */
export function dialerKind(dialer: unknown): DialerType | 'custom' | null {
  if (dialer === undefined) return 'direct';
  return typeof dialer === 'function' ? 'custom' : dialerType(dialer);
}

function dialerType(dialer: unknown): DialerType | null {
  const type = isRecord(dialer) ? ownValue(dialer, 'type') : undefined;
  return dialerTypes.find((one) => one === type) ?? null;
}

function checkProxy(dialer: unknown, path: Path): readonly Finding[] {
  const has = (key: string): boolean => ownValue(dialer, key) !== undefined;
  const findings: Finding[] = ['host', 'port']
    .filter((key) => !has(key))
    .map((key) => ({
      path: [...path, key],
      message: `${key} is missing: where is the proxy?`,
      expected: '{ host: 127.0.0.1, port: 1080 }',
    }));
  if (has('username') !== has('password'))
    findings.push({
      path,
      message: `${has('username') ? 'password' : 'username'} is missing: username and password go together`,
      part: 'key',
    });
  const username = ownValue(dialer, 'username');
  if (dialerType(dialer) === 'http-connect' && typeof username === 'string' && username.includes(':'))
    findings.push({ path: [...path, 'username'], message: 'a user name of HTTP holds no colon (RFC 7617)' });
  return findings;
}

function checkTls(dialer: unknown, path: Path): readonly Finding[] {
  const has = (key: string): boolean => ownValue(dialer, key) !== undefined;
  if (dialerType(dialer) !== 'tls') return [];
  const findings: Finding[] = [];
  if (has('cert') !== has('key'))
    findings.push({
      path,
      message: `${has('cert') ? 'key' : 'cert'} is missing: cert and key go together`,
      part: 'key',
    });
  if (String(ownValue(dialer, 'verify')) === 'false' && has('ca'))
    findings.push({
      path: [...path, 'ca'],
      message: 'ca cannot be enforced here: verify: false believes anybody',
      part: 'key',
    });
  return findings;
}
