/**
 * The `acme` that is in force for a route: its own keys, and those of the top level for what it leaves open.
 *
 * Decides: key by key, the route's wins. `useProduction` and `directory` say one thing, so a route that says either says it
 * alone. Must never do: judge. Read first: `check-acme.ts`.
 */
import type { AcmeInput } from './schema-acme.ts';
import { directories } from './schema-acme.ts';

/** What could be read of an `acme`; less than all of it where some is wrong. */
export type AcmeDraft = Partial<AcmeInput>;

export function effectiveAcme(own: AcmeDraft | undefined = {}, top: AcmeDraft | undefined = {}): AcmeDraft {
  if (own.directory === undefined && own.useProduction === undefined) return { ...top, ...own };
  const { directory: _, useProduction: __, ...rest } = top;
  return { ...rest, ...own };
}

export function directoryUrl({ directory, useProduction = false }: AcmeDraft): string {
  const named = directory ?? (useProduction ? 'letsencrypt' : 'letsencrypt-staging');
  return named === 'letsencrypt' || named === 'letsencrypt-staging' ? directories[named] : named;
}

export function isLetsEncrypt(acme: AcmeDraft): boolean {
  const url = directoryUrl(acme);
  return Object.values(directories).some((one) => one === url);
}

/** In the order they are tried. */
export function challengesOf({ challenges, dns }: AcmeDraft): NonNullable<AcmeInput['challenges']> {
  return challenges ?? (dns === undefined ? ['http-01', 'tls-alpn-01'] : ['dns-01', 'http-01', 'tls-alpn-01']);
}
