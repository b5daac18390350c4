/**
 * Routes that terminate TLS, for the tests of the configuration.
 */
import { routeComplaints } from './config-samples.ts';

export const match = { ports: 443, domains: 'example.com' };
export const email = 'ops@example.com';
export const own = { cert: './a.pem', key: './a.key' };
export const certificatePem = '-----BEGIN CERTIFICATE-----\nMIIBszCC\n-----END CERTIFICATE-----\n';
export const keyPem = '-----BEGIN PRIVATE KEY-----\nVERYSECRETVERYSECRETVERYSECRET\n-----END PRIVATE KEY-----\n';

/** A route that is fine, and what is different about its TLS. */
export function terminating(
  tls: Record<string, unknown> = {},
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return { match, tls: { mode: 'terminate', certificate: own, ...tls }, ...more };
}

/** What is wrong with such a route. */
export function refusedTls(tls: Record<string, unknown>, more: Record<string, unknown> = {}): readonly string[] {
  return routeComplaints(terminating(tls, more));
}
