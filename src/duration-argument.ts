/**
 * Durations as the library's callers write them: milliseconds, or text such as `30s`.
 */
import { durationExpected, parseDuration } from './config/duration.ts';
import { ProxyError } from './errors.ts';

/** @throws ProxyError SALLYPORT_CONFIG_INVALID */
export function durationMs(value: number | string): number {
  const parsed = parseDuration(value);
  if (parsed.ok) return parsed.ms;
  throw new ProxyError(
    'SALLYPORT_CONFIG_INVALID',
    `${parsed.message}: expected ${durationExpected}, got ${String(value)}`,
  );
}
