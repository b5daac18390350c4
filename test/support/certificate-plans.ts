/**
 * TLS plans for tests of certificates, and the events that a book tells.
 *
 * Read first: `certificates.ts`, which makes the certificates themselves.
 */
import type { Clock } from '../../src/io/clock.ts';
import { openCertificateBook, type BookOptions, type CertificateBook } from '../../src/certificates/book.ts';
import type { CertificateEvent } from '../../src/certificates/certificate-event.ts';
import type { CertificatePlan, Material, TlsPlan } from '../../src/routing/tls-plan.ts';
import type { TestCertificate } from './certificates.ts';

export function tlsPlan(certificate: CertificatePlan, configPath = 'routes[0].tls'): TlsPlan {
  return {
    mode: 'terminate',
    policy: '',
    configPath,
    certificate,
    minVersion: 'TLSv1.2',
    maxVersion: null,
    ciphers: null,
    clientAuth: null,
    upstream: null,
  };
}

export const text = (value: string): Material => ({ kind: 'text', text: value });
export const file = (path: string): Material => ({ kind: 'file', path });

export function pemPlan({ cert, key }: TestCertificate, configPath?: string): TlsPlan {
  return tlsPlan({ type: 'pem', cert: text(cert), key: text(key) }, configPath);
}

export interface TestBook extends AsyncDisposable {
  readonly book: CertificateBook;
  readonly events: readonly CertificateEvent[];
  /** Resolves when that many events have been told. */
  until(count: number): Promise<void>;
}

export async function bookOf(
  clock: Clock,
  plans: readonly TlsPlan[],
  parts: Partial<Pick<BookOptions, 'auto' | 'development' | 'wanted'>> = {},
): Promise<TestBook> {
  const events: CertificateEvent[] = [];
  let wake = (): void => {};
  const report = (event: CertificateEvent): void => {
    events.push(event);
    wake();
  };
  const book = await openCertificateBook({ auto: null, development: null, ...parts, plans, clock, report });
  return {
    book,
    events,
    async until(count) {
      while (events.length < count) await new Promise<void>((resolve) => void (wake = resolve));
    },
    [Symbol.asyncDispose]: () => book.stop(),
  };
}
