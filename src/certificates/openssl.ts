/**
 * What only OpenSSL can say: what is in a PFX file, and whether a certificate and its key make a TLS context at all.
 *
 * Node can neither read nor write PFX but through a SecureContext, so a PFX stays what it is, and its leaf is read off a
 * TLS socket that is never connected. Must never do: open a connection.
 */
import type { X509Certificate } from 'node:crypto';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { CertificateError } from './certificate-error.ts';

/** @throws CertificateError where there is no certificate with its key in it, or it is locked */
export function leafOfPfx(pfx: Buffer, passphrase: string | null, where: string): X509Certificate {
  const secureContext = contextOfPfx(pfx, passphrase, where);
  const socket = new TLSSocket(new Duplex({ read: () => {} }), { isServer: true, secureContext });
  try {
    const leaf = socket.getX509Certificate();
    if (leaf !== undefined) return leaf;
  } finally {
    socket.destroy();
  }
  throw new CertificateError('SALLYPORT_CERTIFICATE_INVALID', `${where} has no certificate in it`);
}

/** @throws CertificateError where TLS would refuse it: a weak key or signature, most likely */
export function checkUsable(cert: string, key: string, where: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new CertificateError('SALLYPORT_CERTIFICATE_INVALID', `${where} cannot be used for TLS: ${wordsOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * What of a cipher list OpenSSL does not know. Of a whole list it ignores such names as long as one is left, so that a
 * slip would go unseen. What is only taken away or moved need not be known.
 */
export function unknownCiphers(list: string): readonly string[] {
  return list.split(':').filter((entry) => /^\w/.test(entry) && !isCipher(entry));
}

function isCipher(ciphers: string): boolean {
  try {
    createSecureContext({ ciphers });
    return true;
  } catch {
    return false;
  }
}

/** OpenSSL's own words, without the numbers in front of them. */
export function wordsOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error:[0-9A-F]+:[^:]*::?/, '').trim();
}

function contextOfPfx(pfx: Buffer, passphrase: string | null, where: string): SecureContext {
  try {
    return createSecureContext(passphrase === null ? { pfx } : { pfx, passphrase });
  } catch (error) {
    const words = wordsOf(error);
    if (words.includes('mac verify')) {
      const why = passphrase === null ? 'is locked: give its passphrase' : 'does not open with this passphrase';
      throw new CertificateError('SALLYPORT_CERTIFICATE_KEY', `${where} ${why}`, { cause: error });
    }
    const why = words.includes('unsupported')
      ? 'is locked by a cipher that OpenSSL 3 does not open any more (RC2 or DES): openssl pkcs12 -legacy opens it, and openssl pkcs12 -export writes it anew'
      : `is no PFX file with a certificate and its key (${words})`;
    throw new CertificateError('SALLYPORT_CERTIFICATE_INVALID', `${where} ${why}`, { cause: error });
  }
}
