/**
 * The common name of a certificate's subject, for those who ask for one name.
 *
 * Decides which one where there are several: the last, which is the most specific. Read from the certificate itself: in a
 * line of text what one field says could be taken for another. Pure.
 */
// `toLegacyObject` loads a part of `node:tls`, and where it is the first to do so Node leaves `createSecureContext` undefined
// for the whole process (seen with 22 to 26). So `node:tls` comes first.
import 'node:tls';
import { X509Certificate } from 'node:crypto';

/** @param der the certificate. Null where the subject has no common name, or where this is no certificate. */
export function commonNameOf(der: Uint8Array): string | null {
  try {
    const { subject } = new X509Certificate(der).toLegacyObject();
    const names: unknown = Reflect.get(subject, 'CN');
    const name: unknown = Array.isArray(names) ? names.at(-1) : names;
    return typeof name === 'string' ? name : null;
  } catch {
    return null;
  }
}
