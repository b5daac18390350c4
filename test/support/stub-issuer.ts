/**
 * What the stub CA signs with: a root of its own, and leaves for any time, with what names them for advice on renewal.
 *
 * Read first: `stub-ca.ts`; `certificates.ts` is the authority of every other test.
 */
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface Issuer {
  issue(csr: Uint8Array<ArrayBuffer>, names: readonly string[], fromMs: number, toMs: number): Promise<string>;
}

export async function newIssuer(): Promise<Issuer> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const root = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'O=Sallyport, CN=Stub Issuer',
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(0),
      notAfter: new Date(Date.UTC(2090, 0, 1)),
      extensions: [
        new BasicConstraintsExtension(true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return {
    issue: async (csr, names, fromMs, toMs) => {
      const leaf = await X509CertificateGenerator.create(
        {
          subject: 'O=Sallyport',
          issuer: root.subject,
          publicKey: new Pkcs10CertificateRequest(csr).publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: algorithm,
          notBefore: new Date(fromMs),
          notAfter: new Date(toMs),
          extensions: [
            new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
            await AuthorityKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          ],
        },
        webcrypto,
      );
      return `${leaf.toString('pem')}\n${root.toString('pem')}\n`;
    },
  };
}
