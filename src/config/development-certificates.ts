/**
 * `--dev-tls`: a configuration that orders certificates, run where none can be ordered.
 *
 * Must never do: touch a certificate that is there already. Read first: `resolve.ts`.
 */
import { isRecord, ownValue, setOwn, valueAt } from './plain.ts';

/** @param value the configuration, a copy; routes of `certificate: auto` become routes of `certificate: development`. */
export function useDevelopmentCertificates(value: unknown): void {
  const routes = ownValue(value, 'routes');
  for (const route of Array.isArray(routes) ? routes : []) {
    for (const path of [['tls'], ['action', 'tls']]) {
      const tls = valueAt(route, path);
      if (isRecord(tls) && ownValue(tls, 'certificate') === 'auto') setOwn(tls, 'certificate', 'development');
    }
  }
}
