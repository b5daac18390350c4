/**
 * The schema of certificates and keys: PEM as text, the path of a file, or bytes in code.
 *
 * Decides: what is text and what is a path, and that a text holds what it is wanted for. Must never do: open a file, or
 * repeat a character of a key. Read first: `../routing/tls-plan.ts`.
 */
import { z } from 'zod';

/** As the configuration holds it; `build-tls.ts` makes paths absolute. */
export type MaterialInput = string | Uint8Array;

/** True exactly for a text that is PEM itself and not the name of a file. */
export function isPemText(text: string): boolean {
  return text.trimStart().startsWith('-----BEGIN');
}

const expectedOf = {
  certificate: 'a certificate: PEM text, or the path of a file',
  key: 'a private key: PEM text, or the path of a file',
} as const;

export function material(holds: 'certificate' | 'key') {
  return textOrBytes(expectedOf[holds], (text) => (isPemText(text) ? pemProblem(text, holds) : pathProblem(text)));
}

const pfxExpected = 'the path of a PKCS #12 file';
export const pfxMaterial = textOrBytes(pfxExpected, (text) =>
  isPemText(text) ? 'this is PEM, which goes into cert and key' : pathProblem(text),
);

function textOrBytes(expected: string, problemOf: (text: string) => string | null) {
  const text = z.string({ error: expected }).transform((written, context): string => {
    const message = problemOf(written);
    if (message === null) return written;
    context.addIssue({ code: 'custom', message, params: { expected } });
    return z.NEVER;
  });
  const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, { error: expected });
  return z.union([text, bytes], { error: expected });
}

function pemProblem(text: string, holds: 'certificate' | 'key'): string | null {
  const hasKey = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(text);
  if (holds === 'certificate') {
    if (hasKey) return 'this holds a private key, which goes into key';
    return /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(text) ? null : 'this PEM text holds no certificate';
  }
  if (!hasKey) return 'this PEM text holds no private key';
  return /-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED/.test(text)
    ? 'this key is encrypted, and nothing here would open it; a pfx has a passphrase'
    : null;
}

function pathProblem(text: string): string | null {
  if (text.trim() === '') return 'this is empty';
  return /\p{Cc}/u.test(text) || text.length > 4_096 ? 'this is neither PEM text nor the path of a file' : null;
}
