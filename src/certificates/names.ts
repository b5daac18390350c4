/**
 * The names that certificates cover, and what a name that a client sent is compared as.
 *
 * Decides: lower case, no final dot, addresses in one form; a wildcard covers one label, the leftmost. Pure.
 * Must never do: read the common name: a name is an alternative name (RFC 9525 §2).
 * @see RFC 9525 §6.3
 */
import type { CertificateMaterial } from '../io/tls/identity.ts';
import { coversLabel } from '../routing/certificate-cover.ts';
import { canonicalAddress } from '../routing/ip-address.ts';

/** What Node writes for the alternative names: `DNS:a, IP Address:1.2.3.4`, with a JSON string where a value is odd. */
const entries = /(?:^|, )(DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** The DNS names and addresses among the alternative names. */
export function namesOf(subjectAltName: string): readonly string[] {
  const names = new Set<string>();
  for (const [, kind = '', value = ''] of subjectAltName.matchAll(entries)) {
    const name = kind === 'DNS' ? normalName(value) : canonicalAddress(value);
    if (name !== null && name !== '' && !name.startsWith('"')) names.add(name);
  }
  return [...names];
}

/** As names are compared. Allocates nothing for a name that is in that form. */
export function normalName(name: string): string {
  return isNormal(name) ? name : name.toLowerCase().replace(/\.+$/, '');
}

function isNormal(name: string): boolean {
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if ((code >= 65 && code <= 90) || code > 127) return false;
  }
  return !name.endsWith('.');
}

/** Names and wildcards, each to the first certificate that has it. Immutable. */
export class NameIndex {
  readonly #exact = new Map<string, CertificateMaterial>();
  /** With the dot before them: `.example.com`. */
  readonly #suffixes: { readonly suffix: string; readonly material: CertificateMaterial }[] = [];

  constructor(materials: Iterable<CertificateMaterial>) {
    for (const material of materials) for (const name of material.names) this.#add(name, material);
  }

  /** Exact, then wildcard. Allocates nothing. @param name as `normalName` writes it */
  find(name: string): CertificateMaterial | null {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    for (const one of this.#suffixes) if (coversLabel(one.suffix, name)) return one.material;
    return null;
  }

  #add(name: string, material: CertificateMaterial): void {
    if (name.startsWith('*.')) this.#suffixes.push({ suffix: name.slice(1), material });
    else if (!this.#exact.has(name)) this.#exact.set(name, material);
  }
}
