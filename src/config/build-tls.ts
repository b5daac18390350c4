/**
 * How a route's TLS is terminated, out of a configuration in which nothing is wrong.
 *
 * Decides: the defaults, and that a path stands for a file beside the configuration. Must never do: read a file; what is in
 * it is looked at when it is needed, and whenever it changes. Read first: `../routing/tls-plan.ts`.
 */
import { resolve } from 'node:path';

import type { AcmePlan, CertificatePlan, Material, TlsPlan, UpstreamTlsPlan } from '../routing/tls-plan.ts';
import { challengesOf, directoryUrl, effectiveAcme } from './acme-effective.ts';
import { orderableNames } from './check-acme.ts';
import { hiding } from './hiding.ts';
import type { AcmeInput } from './schema-acme.ts';
import { isPemText, type MaterialInput } from './schema-material.ts';
import type { RouteInput } from './schema-route.ts';
import type { CertificateInput, TlsInput } from './schema-tls.ts';

/** RFC 8555 §8.3: where an authority looks for the answer to http-01. */
const challengePortDefault = 80;
const minVersionDefault = 'TLSv1.2';

interface Relative {
  /** What paths are relative to. */
  readonly folder: string;
}

export interface TlsSurroundings extends Relative {
  /** Of the top level. */
  readonly acme: AcmeInput | undefined;
  readonly configPath: string;
}

export function tlsPlan(route: RouteInput, around: TlsSurroundings): TlsPlan | null {
  const tls = route.tls ?? route.action.tls;
  if (tls === undefined || tls.mode === 'passthrough') return null;
  const { mode, minVersion = minVersionDefault, maxVersion = null, ciphers = null } = tls;
  const clientAuth =
    tls.clientAuth === undefined
      ? null
      : { ca: materialOf(tls.clientAuth.ca, around), require: tls.clientAuth.require ?? true };
  const handshake = { minVersion, maxVersion, ciphers, clientAuth };
  return {
    mode,
    policy: policyText(handshake),
    configPath: around.configPath,
    certificate: certificatePlan(tls, route, around),
    ...handshake,
    upstream: mode === 'terminate' ? null : upstreamPlan(tls.upstream ?? {}, around),
  };
}

/** Equal exactly where handshakes are made alike. */
function policyText({
  minVersion,
  maxVersion,
  ciphers,
  clientAuth,
}: Pick<TlsPlan, 'minVersion' | 'maxVersion' | 'ciphers' | 'clientAuth'>): string {
  const clients =
    clientAuth === null ? 'none' : `${clientAuth.require ? 'required' : 'asked for'} by ${materialText(clientAuth.ca)}`;
  return `${minVersion} to ${maxVersion ?? 'newest'}; ciphers: ${ciphers ?? 'default'}; client certificates: ${clients}`;
}

function materialText(material: Material): string {
  if (material.kind === 'file') return material.path;
  return material.kind === 'text' ? material.text.replaceAll(/\s+/g, ' ').trim() : `bytes ${material.bytes.join(',')}`;
}

function materialOf(written: MaterialInput, { folder }: Relative): Material {
  if (typeof written !== 'string') return { kind: 'bytes', bytes: written };
  return isPemText(written) ? { kind: 'text', text: written } : { kind: 'file', path: resolve(folder, written) };
}

/** A key, or what holds one. */
function secretMaterial(written: MaterialInput, around: Relative): Material {
  const material = materialOf(written, around);
  if (material.kind === 'file') return material;
  return material.kind === 'text' ? hiding(material, 'text') : hiding(material, 'bytes');
}

function certificatePlan(tls: TlsInput, { match }: RouteInput, around: TlsSurroundings): CertificatePlan {
  const { certificate = 'auto' } = tls;
  if (typeof certificate === 'function') return { type: 'function', provide: certificate };
  if (certificate === 'development') return { type: 'development', names: match.domains ?? [] };
  if (certificate !== 'auto') return ownCertificate(certificate, around);
  const acme = effectiveAcme(tls.acme, around.acme);
  return { type: 'auto', acme: acmePlan(acme, around), names: orderableNames(match.domains, acme) };
}

function ownCertificate(
  { cert = '', key = '', pfx, passphrase }: Exclude<CertificateInput, string | ((...all: never) => unknown)>,
  around: TlsSurroundings,
): CertificatePlan {
  if (pfx === undefined) return { type: 'pem', cert: materialOf(cert, around), key: secretMaterial(key, around) };
  const material = secretMaterial(pfx, around);
  if (passphrase === undefined) return { type: 'pfx', pfx: material, passphrase: null };
  return hiding({ type: 'pfx', pfx: material, passphrase }, 'passphrase');
}

function acmePlan(acme: Partial<AcmeInput>, around: TlsSurroundings): AcmePlan {
  return {
    email: acme.email ?? null,
    directoryUrl: directoryUrl(acme),
    ca: acme.ca === undefined ? null : materialOf(acme.ca, around),
    eab: acme.eab === undefined ? null : hiding({ ...acme.eab }, 'hmacKey'),
    challenges: challengesOf(acme),
    dns: acme.dns ?? null,
    challengePort: acme.challengePort ?? challengePortDefault,
    renewThresholdDays: acme.renewThresholdDays ?? null,
    ask: acme.ask ?? null,
  };
}

/** How TLS to an upstream is made: of a route, or of a dialer. */
export function upstreamPlan(upstream: NonNullable<TlsInput['upstream']>, around: Relative): UpstreamTlsPlan {
  const { ca, servername = null, verify = true, pins = [], minVersion = minVersionDefault, cert, key } = upstream;
  return {
    ca: ca === undefined ? null : materialOf(ca, around),
    serverName: servername,
    verify,
    pins,
    minVersion,
    identity:
      cert === undefined || key === undefined
        ? null
        : { cert: materialOf(cert, around), key: secretMaterial(key, around) },
  };
}
