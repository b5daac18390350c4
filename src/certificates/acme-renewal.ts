/**
 * When a certificate is to be renewed: the CA's advice (RFC 9773), the configured threshold, or two thirds of its life.
 *
 * Pure: time and chance come in. Must never do: say "now" again and again for a certificate that was just got, whatever
 * the wall clock believes: that would be a storm of orders.
 */
import { X509Certificate } from 'node:crypto';
import { recordOf } from './acme-error.ts';

export interface RenewalWindow {
  readonly startMs: number;
  readonly endMs: number;
}

export interface RenewalAdvice {
  readonly window: RenewalWindow;
  /** When to ask again; null = the CA did not say. */
  readonly retryAfterMs: number | null;
}

export interface RenewalFacts {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Null: the CA gives none, or a threshold is configured. */
  readonly window: RenewalWindow | null;
  readonly thresholdDays: number | null;
  /** Drawn once for each certificate and window: 0 to 1, excluding 1. */
  readonly chance: number;
}

/** Milliseconds since 1970. */
export function renewalTime({ notBeforeMs, notAfterMs, window, thresholdDays, chance }: RenewalFacts): number {
  if (thresholdDays !== null) return notAfterMs - thresholdDays * dayMs;
  if (window !== null) return window.startMs + chance * Math.max(0, window.endMs - window.startMs);
  const lifeMs = notAfterMs - notBeforeMs;
  // Two thirds, give or take a fiftieth, so that certificates of one hour are not renewed in one minute.
  return notBeforeMs + lifeMs * (2 / 3 + (chance - 0.5) / 25);
}

/** A certificate that was got by this process serves at least so long, unless the CA itself wants it back. */
export function leastServiceMs({ notBeforeMs, notAfterMs }: RenewalFacts): number {
  return (notAfterMs - notBeforeMs) / 3;
}

/** How long to wait before the advice is asked for again (RFC 9773 §4.3): a minute to a day, six hours unless told. */
export function adviceIntervalMs(retryAfterMs: number | null): number {
  return Math.min(Math.max(retryAfterMs ?? 6 * hourMs, minuteMs), dayMs);
}

/** The window in the CA's answer; null where there is none that makes sense. */
export function windowIn(body: unknown): RenewalWindow | null {
  const { start, end } = recordOf(recordOf(body)['suggestedWindow']);
  const startMs = typeof start === 'string' ? Date.parse(start) : Number.NaN;
  const endMs = typeof end === 'string' ? Date.parse(end) : Number.NaN;
  return startMs < endMs ? { startMs, endMs } : null;
}

/** How the CA names a certificate in this matter (RFC 9773 §4.1); null where it has no key identifier of its issuer. */
export function renewalId(certificate: string): string | null {
  const leaf = new X509Certificate(certificate);
  const issuer = authorityKeyOf(leaf.raw);
  if (issuer === null) return null;
  const hex = leaf.serialNumber.length % 2 === 0 ? leaf.serialNumber : `0${leaf.serialNumber}`;
  // The DER integer: a leading zero byte where the first bit is set.
  const serial = Buffer.from(/^[89a-f]/i.test(hex) ? `00${hex}` : hex, 'hex');
  return `${issuer.toString('base64url')}.${serial.toString('base64url')}`;
}

/** The keyIdentifier of the extension authorityKeyIdentifier (RFC 5280 §4.2.1.1), found by its object identifier. */
function authorityKeyOf(der: Buffer): Buffer | null {
  const identifier = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x23]);
  const at = der.indexOf(identifier);
  if (at === -1) return null;
  // OCTET STRING { SEQUENCE { [0] keyIdentifier … } }; each header is a tag and a length of one byte.
  const headers = at + identifier.length;
  const isShort = der[headers] === 0x04 && der[headers + 2] === 0x30 && der[headers + 4] === 0x80;
  const length = der[headers + 5];
  if (!isShort || length === undefined || length > 127) return null;
  return der.subarray(headers + 6, headers + 6 + length);
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
