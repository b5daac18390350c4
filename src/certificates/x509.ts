/**
 * Makes certificates: a root that signs, and leaves that it signed. ECDSA on P-256, as every client knows it.
 *
 * The library is imported when it is first needed: it blocks the event loop for 200 ms, which `x509Library` lets happen
 * before connections are accepted. Must never do: make a certificate that lives longer than clients accept.
 * @see RFC 5280
 */
import { createPrivateKey, webcrypto } from 'node:crypto';
import type * as x509Types from '@peculiar/x509';
import { canonicalAddress } from '../routing/ip-address.ts';

export interface MadeCertificate {
  readonly cert: string;
  /** PKCS #8. */
  readonly key: string;
}

export const rootDays = 3_650;
/** No client of today accepts more than 825 days from a root that its user added; a leaf is made anew long before. */
export const leafDays = 90;

/** Machines and containers beside this one may be behind. */
const behindMs = 3_600_000;
const dayMs = 86_400_000;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export function x509Library(): Promise<typeof x509Types> {
  library ??= import('@peculiar/x509').then((loaded) => {
    loaded.cryptoProvider.set(webcrypto);
    return loaded;
  });
  return library;
}

let library: Promise<typeof x509Types> | null = null;

export async function makeRoot(wallMs: number): Promise<MadeCertificate> {
  const x509 = await x509Library();
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const mark = Buffer.from(webcrypto.getRandomValues(new Uint8Array(3))).toString('hex');
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Sallyport development authority ${mark}`,
    ...lifeFrom(wallMs, rootDays),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${made.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

/** @returns the leaf, its root behind it. @param names DNS names, wildcards and addresses */
export async function makeLeaf(
  root: MadeCertificate,
  names: readonly string[],
  wallMs: number,
): Promise<MadeCertificate> {
  const x509 = await x509Library();
  const issuer = new x509.X509Certificate(root.cert);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.create({
    subject: 'O=Sallyport development',
    issuer: issuer.subject,
    ...lifeFrom(wallMs, leafDays),
    publicKey: keys.publicKey,
    signingKey: await signingKeyOf(root.key),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(generalName)),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${made.toString('pem')}\n${root.cert}`, key: await pemOf(keys.privateKey) };
}

function generalName(name: string): { readonly type: 'dns' | 'ip'; readonly value: string } {
  return { type: canonicalAddress(name) === null ? 'dns' : 'ip', value: name };
}

function lifeFrom(wallMs: number, days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(wallMs - behindMs), notAfter: new Date(wallMs - behindMs + days * dayMs) };
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

function signingKeyOf(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']);
}
