/**
 * What is kept in the store for a set of names, as text and back: the certificate with its key, the order that is open, the
 * failure that others are to learn from.
 *
 * Decides: what is readable and fits, so what may be served. A value that is not ours, damaged, or for other names is
 * nothing. Must never do: tear a certificate from its key; they are one value.
 */
import { createHash } from 'node:crypto';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import { acmeError, recordOf } from './acme-error.ts';
import { parsed } from './acme-transport.ts';
import { materialFromPem } from './material.ts';
import { normalName } from './names.ts';

/** Names that one certificate is for, and where it comes from. */
export interface NameSet {
  /** Sorted, in lower case. */
  readonly names: readonly string[];
  /** Equal exactly for equal names at the same directory. */
  readonly id: string;
}

export function nameSetOf(names: readonly string[], directoryUrl: string): NameSet {
  const sorted = [...new Set(names.map(normalName))].toSorted();
  return {
    names: sorted,
    id: `${directoryId(directoryUrl)}/${sorted[0]?.slice(0, 80) ?? ''}.${shortHash(sorted.join('\n'))}`,
  };
}

/** Keys in the store. */
export const places = {
  certificate: ({ id }: NameSet) => `acme/certificates/${id}`,
  order: ({ id }: NameSet) => `acme/orders/${id}`,
  failure: ({ id }: NameSet) => `acme/failures/${id}`,
  lock: ({ id }: NameSet) => `acme/${id}`,
  account: (directoryUrl: string, eabKeyId: string | null) =>
    `acme/accounts/${directoryId(eabKeyId === null ? directoryUrl : `${directoryUrl}\n${eabKeyId}`)}`,
} as const;

/** A folder for each CA; its host is there for people. */
function directoryId(directoryUrl: string): string {
  const [url = ''] = directoryUrl.split('\n');
  const host = URL.canParse(url) ? new URL(url).hostname.replaceAll(/[^A-Za-z0-9.-]/g, '-').slice(0, 80) : 'ca';
  return `${host}-${shortHash(directoryUrl)}`;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** @throws AcmeError `certificate` where the chain cannot be read or used, or the key is not the leaf's */
export function materialOf(cert: string, key: string): CertificateMaterial {
  const parts = { cert: { text: cert, where: 'the chain' }, key: { text: key, where: 'its order' }, passphrase: null };
  try {
    // What the wall clock says of its life is for the renewal to judge.
    return materialFromPem(parts, 0).material;
  } catch (error) {
    throw acmeError('certificate', error instanceof Error ? error.message : String(error), error);
  }
}

/** True exactly when the certificate covers every name that was asked for, each as it was written. */
export function isFor({ names }: Pick<CertificateMaterial, 'names'>, set: NameSet): boolean {
  return set.names.every((name) => names.includes(name));
}

export function writtenCertificate({ cert, key }: CertificateMaterial, { names }: NameSet): Uint8Array {
  return bytesOf({ format: 1, names, cert, key });
}

/** Null: nothing there, or nothing that could serve these names. */
export function readCertificate(bytes: Uint8Array | undefined, set: NameSet): CertificateMaterial | null {
  const { format, cert, key } = fieldsOf(bytes);
  if (format !== 1 || typeof cert !== 'string' || typeof key !== 'string') return null;
  try {
    const material = materialOf(cert, key);
    return isFor(material, set) ? material : null;
  } catch {
    return null;
  }
}

/** An order that is open at the CA, with the key that its certificate will have. */
export interface OpenOrder {
  readonly url: string;
  /** PEM. */
  readonly key: string;
}

export function writtenOrder({ url, key }: OpenOrder): Uint8Array {
  return bytesOf({ format: 1, url, key });
}

export function readOrder(bytes: Uint8Array | undefined): OpenOrder | null {
  const { format, url, key } = fieldsOf(bytes);
  return format === 1 && typeof url === 'string' && typeof key === 'string' ? { url, key } : null;
}

/** What one process's failure tells the others, and its own next run. */
export interface Failure {
  readonly failures: number;
  readonly atMs: number;
  readonly untilMs: number;
  /** True exactly when the CA itself said how long to wait. */
  readonly isOrdered: boolean;
}

export function writtenFailure(failure: Failure): Uint8Array {
  return bytesOf({ format: 1, ...failure });
}

export function readFailure(bytes: Uint8Array | undefined): Failure | null {
  const { format, failures, atMs, untilMs, isOrdered } = fieldsOf(bytes);
  if (format !== 1 || typeof failures !== 'number' || typeof atMs !== 'number' || typeof untilMs !== 'number')
    return null;
  return { failures, atMs, untilMs, isOrdered: isOrdered === true };
}

function bytesOf(value: Readonly<Record<string, unknown>>): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function fieldsOf(bytes: Uint8Array | undefined): Readonly<Record<string, unknown>> {
  return bytes === undefined ? {} : recordOf(parsed(Buffer.from(bytes).toString('utf8')));
}
