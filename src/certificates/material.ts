/**
 * From PEM or PFX to checked certificate material.
 *
 * Decides: what can be used (the key belongs to the leaf, the leaf names somebody, TLS takes both), and the order of the
 * chain. An expired certificate can be used: it is said, and it is better than none. Must never do: show a line of a file.
 * Read first: `../io/tls/identity.ts`, the shape; `pem.ts`, which finds the blocks.
 */
import { createHash, createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import { CertificateError } from './certificate-error.ts';
import { namesOf } from './names.ts';
import { checkUsable, leafOfPfx, wordsOf } from './openssl.ts';
import { certificatesIn, keyIn, type Written } from './pem.ts';

export interface CheckedMaterial {
  readonly material: CertificateMaterial;
  /** Sentences; it can be used all the same. */
  readonly warnings: readonly string[];
}

export interface PemParts {
  readonly cert: Written;
  readonly key: Written;
  /** Of the key; null = it is not locked. */
  readonly passphrase: string | null;
}

/** @throws CertificateError with one sentence that says where */
export function materialFromPem({ cert, key, passphrase }: PemParts, wallMs: number): CheckedMaterial {
  const certificates = certificatesIn(cert);
  const privateKey = readKey(key, passphrase);
  const leaf = certificates.find((one) => one.checkPrivateKey(privateKey));
  if (leaf === undefined) throw mismatch(cert, key, certificates);
  const { chain, strangers } = chainFrom(leaf, certificates);
  const names = readNames(leaf, cert.where);
  const pem = chain.map((one) => one.toString()).join('');
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  checkUsable(pem, keyPem, cert.where);
  const material = { id: idOf(chain.map((one) => one.raw)), cert: pem, key: keyPem, names, ...lifeOf(leaf) };
  const left = strangers.map(() => `${cert.where} has a certificate that is no part of the chain; it is left out`);
  return { material, warnings: [...left, ...lifeWarnings(material, cert.where, wallMs)] };
}

/** @throws CertificateError with one sentence that says where */
export function materialFromPfx(
  pfx: Buffer,
  passphrase: string | null,
  where: string,
  wallMs: number,
): CheckedMaterial {
  const leaf = leafOfPfx(pfx, passphrase, where);
  const names = readNames(leaf, where);
  const material = {
    id: idOf([leaf.raw, pfx]),
    cert: leaf.toString(),
    key: '',
    pfx: { bytes: pfx, passphrase },
    names,
    ...lifeOf(leaf),
  };
  return { material, warnings: lifeWarnings(material, where, wallMs) };
}

function readKey(written: Written, passphrase: string | null): KeyObject {
  const pem = keyIn(written);
  const isLocked = /ENCRYPTED/.test(pem);
  if (isLocked && passphrase === null)
    throw new CertificateError(
      'SALLYPORT_CERTIFICATE_KEY',
      `the key in ${written.where} is locked by a passphrase: unlock it (openssl pkey), or use a PFX file and its passphrase`,
    );
  try {
    return createPrivateKey(isLocked ? { key: pem, passphrase: passphrase ?? '' } : pem);
  } catch (error) {
    const why = isLocked ? 'does not open with this passphrase' : `cannot be read (${wordsOf(error)})`;
    throw new CertificateError('SALLYPORT_CERTIFICATE_KEY', `the key in ${written.where} ${why}`, { cause: error });
  }
}

function mismatch(cert: Written, key: Written, certificates: readonly X509Certificate[]): CertificateError {
  const [first] = certificates;
  const whose = namesOf(first?.subjectAltName ?? '')
    .slice(0, 3)
    .join(', ');
  return new CertificateError(
    'SALLYPORT_CERTIFICATE_KEY',
    `the key in ${key.where} does not belong to the certificate in ${cert.where}${whose === '' ? '' : ` (${whose})`}`,
  );
}

/** The leaf, who issued it, who issued that, as far as they are there. */
function chainFrom(
  leaf: X509Certificate,
  all: readonly X509Certificate[],
): { readonly chain: readonly X509Certificate[]; readonly strangers: readonly X509Certificate[] } {
  const chain = [leaf];
  for (let last = leaf; ;) {
    const child = last;
    const issuer = all.find((one) => !isAmong(chain, one) && child.checkIssued(one) && child.verify(one.publicKey));
    if (issuer === undefined) break;
    chain.push(issuer);
    last = issuer;
  }
  const related = chain.map((one) => one.subject);
  // The same authority under another root: it is no mistake, and no part of this chain.
  const strangers = all.filter((one) => !isAmong(chain, one) && !related.includes(one.subject));
  return { chain, strangers };
}

function isAmong(some: readonly X509Certificate[], one: X509Certificate): boolean {
  return some.some((other) => other.fingerprint256 === one.fingerprint256);
}

function readNames(leaf: X509Certificate, where: string): readonly string[] {
  const names = namesOf(leaf.subjectAltName ?? '');
  if (names.length > 0) return names;
  throw new CertificateError(
    'SALLYPORT_CERTIFICATE_INVALID',
    `the certificate in ${where} has no name in its subjectAltName; clients do not look at the common name (RFC 9525 §2)`,
  );
}

function lifeOf(leaf: X509Certificate): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  return { notBeforeMs: leaf.validFromDate.getTime(), notAfterMs: leaf.validToDate.getTime() };
}

function lifeWarnings(
  { notBeforeMs, notAfterMs }: { readonly notBeforeMs: number; readonly notAfterMs: number },
  where: string,
  wallMs: number,
): readonly string[] {
  const dateOf = (ms: number): string => new Date(ms).toISOString();
  if (wallMs >= notAfterMs) return [`the certificate in ${where} has expired on ${dateOf(notAfterMs)}`];
  if (wallMs < notBeforeMs) return [`the certificate in ${where} is not valid before ${dateOf(notBeforeMs)}`];
  return [];
}

function idOf(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(createHash('sha256').update(part).digest());
  return hash.digest('hex');
}
