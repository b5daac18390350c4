/**
 * The request of an HTTP check, whole: the smallest that every server of HTTP/1.1 answers.
 *
 * Pure. Must never do: write what is no clean request; the path and the host were looked at with the configuration.
 * @see RFC 9112 §3.2 (Host), §9.6 (close)
 */
import type { CheckPlan } from '../../routing/pool-plan.ts';
import { addressText } from '../address-text.ts';
import type { Endpoint } from '../dialer.ts';
import { isUnixHost } from '../unix-path.ts';

export function checkRequest(
  { method, path, host }: Extract<CheckPlan, { type: 'http' }>,
  endpoint: Endpoint,
): Uint8Array {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host ?? hostFieldOf(endpoint)}`,
    'User-Agent: sallyport-check',
    'Accept: */*',
    'Connection: close',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** A path is no host. */
function hostFieldOf({ host, port, serverName }: Endpoint): string {
  if (isUnixHost(host)) return 'localhost';
  return addressText({ host: serverName ?? host, port });
}
