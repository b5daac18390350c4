/**
 * The development authority (`--dev-tls`): certificates for this machine, signed by a root that only this machine has.
 *
 * Decides: the root is made once and kept in the store, its key as a secret; certificates are made when they are asked for
 * and kept in memory only. Must never do: sign for a name that is neither configured nor of this machine, or make a second
 * root while another process makes the first. Read first: `x509.ts`, which makes them.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { Store } from '../store/store.ts';
import { isCovered } from '../routing/certificate-cover.ts';
import { canonicalAddress } from '../routing/ip-address.ts';
import { CertificateError } from './certificate-error.ts';
import { materialFromPem } from './material.ts';
import { normalName } from './names.ts';
import { makeLeaf, makeRoot, x509Library, type MadeCertificate } from './x509.ts';

export interface DevelopmentAuthority {
  /** PEM, without its key: what a client must trust. */
  readonly rootPem: string;
  /** Under this key of the store it can be read. */
  readonly rootKey: string;
  /** True exactly when this process made it just now: it is trusted nowhere yet. */
  readonly isNew: boolean;
  /** A certificate for these names: DNS names, wildcards and addresses. */
  certificateFor(names: readonly string[]): Promise<CertificateMaterial>;
}

/** The root alone, for other programs to read; and with its key, a secret. */
export const rootKey = 'development/root.pem';
export const authorityKey = 'development/authority.pem';

/** So much before its end a root is replaced by a new one. */
const rootLeftMsMin = 30 * 86_400_000;

/** Names of this machine: they are in the certificate for who sends no name, because an address is never sent as one. */
export const machineNames = ['localhost', '127.0.0.1', '::1'];

/** @throws StoreError where the root can neither be read nor kept */
export async function openDevelopmentAuthority(store: Store, clock: Clock): Promise<DevelopmentAuthority> {
  const { root, isNew } = await rootIn(store, clock);
  const rootPem = root.cert;
  await publish(store, rootPem);
  await x509Library();
  return {
    rootPem,
    rootKey,
    isNew,
    async certificateFor(names) {
      const { cert, key } = await makeLeaf(root, [...new Set(names.map(normalName))], clock.wallMs());
      const parts = { cert: { text: cert, where: 'it' }, key: { text: key, where: 'it' }, passphrase: null };
      return materialFromPem(parts, clock.wallMs()).material;
    },
  };
}

/** This machine's own names, names that end in .test or .localhost (RFC 6761), and those that are configured. */
export function isDevelopmentName(name: string, configured: readonly string[]): boolean {
  if (name === 'localhost' || name.endsWith('.localhost') || name.endsWith('.test')) return true;
  const address = canonicalAddress(name);
  if (address !== null && (address === '::1' || address.startsWith('127.'))) return true;
  return isCovered(configured.map(normalName), name);
}

/** What to tell the person whose machine it is. @param path of the root's file */
export function trustText(path: string): string {
  return [
    `certificates of this run are signed by the development authority in ${path}`,
    'clients accept them once they trust it; take it away again when you are done with it:',
    `  one command     curl --cacert ${path} …   NODE_EXTRA_CA_CERTS=${path} node …`,
    `  Debian, Ubuntu  sudo cp ${path} /usr/local/share/ca-certificates/sallyport.crt && sudo update-ca-certificates`,
    `  Fedora          sudo trust anchor ${path}`,
    `  macOS           sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain ${path}`,
    `  Windows         certutil -addstore -user Root ${path}`,
    '  Firefox         Settings, Certificates, View Certificates, Authorities, Import',
  ].join('\n');
}

async function rootIn(
  store: Store,
  clock: Clock,
): Promise<{ readonly root: MadeCertificate; readonly isNew: boolean }> {
  for (;;) {
    const found = await store.get(authorityKey);
    if (found !== null) {
      const root = parseRoot(Buffer.from(found.bytes).toString('utf8'));
      if (root.endMs - clock.wallMs() > rootLeftMsMin) return { root, isNew: false };
    }
    const root = await makeRoot(clock.wallMs());
    const bytes = Buffer.from(`${root.cert}${root.key}`);
    const version = await store.put(authorityKey, bytes, { version: found?.version ?? null, isSecret: true });
    // Otherwise somebody else was first: theirs is the root.
    if (version !== null) return { root, isNew: true };
  }
}

/** The process that made the root may have ended before it wrote this. */
async function publish(store: Store, rootPem: string): Promise<void> {
  const found = await store.get(rootKey);
  if (found === null || !Buffer.from(rootPem).equals(found.bytes)) await store.put(rootKey, Buffer.from(rootPem));
}

function parseRoot(text: string): MadeCertificate & { readonly endMs: number } {
  const at = text.indexOf('-----BEGIN PRIVATE KEY-----');
  try {
    const certificate = new X509Certificate(text.slice(0, at));
    const key = text.slice(at);
    if (certificate.checkPrivateKey(createPrivateKey(key)))
      return { cert: text.slice(0, at), key, endMs: certificate.validToDate.getTime() };
  } catch {
    // As little an authority as any other text.
  }
  throw new CertificateError(
    'SALLYPORT_CERTIFICATE_INVALID',
    `the store's ${authorityKey} is no development authority: remove it, and a new one is made`,
  );
}
