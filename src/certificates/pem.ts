/**
 * The blocks of a PEM text: certificates and one private key, and a sentence for everything that is neither.
 *
 * Decides: which block is meant. Must never do: show what is in a block.
 * @see RFC 7468
 */
import { X509Certificate } from 'node:crypto';
import { CertificateError } from './certificate-error.ts';
import { wordsOf } from './openssl.ts';

/** PEM as it was written, and what people call the place: a path, or `certificate.key` of the configuration. */
export interface Written {
  readonly text: string;
  readonly where: string;
}

const blocks = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/** More than any chain has. */
const certificatesMax = 32;

/** All certificates, in their order, each once. */
export function certificatesIn(written: Written): readonly X509Certificate[] {
  const found = blocksOf(written).filter(({ label }) => /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label));
  if (found.length === 0) throw new CertificateError('SALLYPORT_CERTIFICATE_INVALID', whyNone(written, 'certificate'));
  if (found.length > certificatesMax)
    throw new CertificateError(
      'SALLYPORT_CERTIFICATE_INVALID',
      `${written.where} has ${found.length} certificates; a chain has at most ${certificatesMax}`,
    );
  const read = found.map(({ text, line }) => readCertificate(text, `${written.where}:${line}`));
  return read.filter((one, at) => read.findIndex((other) => other.fingerprint256 === one.fingerprint256) === at);
}

/** The text of the one private key. */
export function keyIn(written: Written): string {
  const [key, another] = blocksOf(written).filter(({ label }) => label.endsWith('PRIVATE KEY'));
  if (key === undefined) throw new CertificateError('SALLYPORT_CERTIFICATE_KEY', whyNone(written, 'private key'));
  if (another !== undefined)
    throw new CertificateError(
      'SALLYPORT_CERTIFICATE_KEY',
      `${written.where}:${another.line}: there is a second private key; which one is meant?`,
    );
  return key.text;
}

interface Block {
  readonly label: string;
  readonly text: string;
  /** 1 is the first. */
  readonly line: number;
}

function blocksOf({ text }: Written): readonly Block[] {
  return [...text.matchAll(blocks)].map((match) => ({
    label: match[1] ?? '',
    text: match[0],
    line: text.slice(0, match.index).split('\n').length,
  }));
}

function readCertificate(text: string, where: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw new CertificateError(
      'SALLYPORT_CERTIFICATE_INVALID',
      `${where}: the certificate cannot be read (${wordsOf(error)})`,
      { cause: error },
    );
  }
}

function whyNone(written: Written, wanted: 'certificate' | 'private key'): string {
  const labels = [...new Set(blocksOf(written).map(({ label }) => label))];
  const none = `${written.where} has no ${wanted} in it`;
  if (labels.length > 0) return `${none}, only ${labels.join(', ')}`;
  if (written.text.trim() === '') return `${none}: it is empty`;
  if (written.text.includes('-----BEGIN')) return `${none}: a block is cut off`;
  return `${none}: it is no PEM text (a binary file can be converted by openssl)`;
}
