/**
 * Certificates for tests, made when they are asked for: an authority, and what it signs.
 *
 * Keys are P-256, because they are made in a millisecond. Nothing is written to disk.
 */
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface TestAuthority {
  /** PEM. */
  readonly cert: string;
  issue(names: readonly string[], life?: TestLife): Promise<TestCertificate>;
}

/** Days from now. */
interface TestLife {
  readonly from: number;
  readonly to: number;
}

const dayMs = 86_400_000;
const aMonth: TestLife = { from: -1, to: 30 };

export async function testAuthority(name = 'Test Authority'): Promise<TestAuthority> {
  const keys = await newKeys();
  const root = await X509CertificateGenerator.createSelfSigned(
    { name: `O=Sallyport, CN=${name}`, keys, ...lifeOf(aMonth), extensions: [new BasicConstraintsExtension(true)] },
    webcrypto,
  );
  return {
    cert: root.toString('pem'),
    issue: async (names, life = aMonth) => {
      const own = await newKeys();
      const certificate = await X509CertificateGenerator.create(
        {
          subject: `O=Sallyport, CN=${names[0] ?? 'nobody'}`,
          issuer: root.subject,
          publicKey: own.publicKey,
          signingKey: keys.privateKey,
          ...lifeOf(life),
          extensions: extensionsOf(names),
        },
        webcrypto,
      );
      return { cert: certificate.toString('pem'), key: await pemOf(own.privateKey) };
    },
  };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function lifeOf({ from, to }: TestLife): { notBefore: Date; notAfter: Date; signingAlgorithm: typeof algorithm } {
  const nowMs = performance.timeOrigin + performance.now();
  return {
    notBefore: new Date(nowMs + from * dayMs),
    notAfter: new Date(nowMs + to * dayMs),
    signingAlgorithm: algorithm,
  };
}

function extensionsOf(names: readonly string[]): (SubjectAlternativeNameExtension | ExtendedKeyUsageExtension)[] {
  const alternatives = names.map((name) => ({
    type: /^[\d.]+$|:/.test(name) ? ('ip' as const) : ('dns' as const),
    value: name,
  }));
  const uses = new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  return names.length === 0 ? [uses] : [new SubjectAlternativeNameExtension(alternatives), uses];
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n');
}
