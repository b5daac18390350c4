/**
 * Where one plan's certificate comes from: the configuration, a function, the development authority, or a CA.
 *
 * Decides: what is asked for when a client sends no name. Must never do: answer for a name that the source does not have.
 * Read first: `book.ts`, which asks them.
 */
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { CertificateProvider, TlsPlan } from '../routing/tls-plan.ts';
import { AskedCertificates, askedNamesMax, refusedMs } from './asked.ts';
import type { AutoCertificates } from './auto.ts';
import { CertificateError } from './certificate-error.ts';
import { CheckedOnce } from './checked-once.ts';
import type { CertificateEvent } from './certificate-event.ts';
import { ConfiguredCertificate, type ConfiguredPlan } from './configured.ts';
import { isDevelopmentName, machineNames, type DevelopmentAuthority } from './development.ts';
import type { CheckedMaterial } from './material.ts';
import { NameIndex } from './names.ts';

export type Answer = CertificateMaterial | null | Promise<CertificateMaterial | null>;

export interface Source {
  /** @param name as `normalName` writes it; null = none was sent */
  find(name: string | null): Answer;
  /** Null: it is not the configuration that gives it. */
  readonly configured: ConfiguredCertificate | null;
  stop(): Promise<void>;
}

export interface SourcePorts {
  readonly clock: Clock;
  readonly report: (event: CertificateEvent) => void;
  /** Null: plans with `auto` have no certificate. */
  readonly auto: AutoCertificates | null;
  /** Null: plans with `development` have no certificate. */
  readonly development: DevelopmentAuthority | null;
  /** The files of a plan's certificate have changed, and it serves from now on. */
  readonly replaced: (plan: TlsPlan, loaded: CheckedMaterial) => void;
}

export function sourceOf(plan: TlsPlan, ports: SourcePorts): Source {
  const { certificate } = plan;
  if (certificate.type === 'auto') return autoSource(plan, ports);
  if (certificate.type === 'function') return providedSource(plan, certificate.provide, ports);
  if (certificate.type === 'development') return developmentSource(plan, certificate.names, ports);
  return configuredSource(plan, certificate, ports);
}

function autoSource(plan: TlsPlan, { auto }: SourcePorts): Source {
  return { find: (name) => auto?.materialFor(plan, name) ?? null, configured: null, stop: () => Promise.resolve() };
}

function configuredSource(
  plan: TlsPlan,
  certificate: ConfiguredPlan,
  { clock, report, replaced }: SourcePorts,
): Source {
  let index: { readonly of: CertificateMaterial | null; readonly names: NameIndex } = {
    of: null,
    names: new NameIndex([]),
  };
  const configured = new ConfiguredCertificate(certificate, {
    clock,
    loaded: (loaded) => replaced(plan, loaded),
    rejected: ({ code, message }) =>
      report({ event: 'certificate.rejected', configPath: plan.configPath, code, message, servesOn: true }),
  });
  return {
    find(name) {
      const { material } = configured;
      if (name === null || material === null) return material;
      if (index.of !== material) index = { of: material, names: new NameIndex([material]) };
      return index.names.find(name);
    },
    configured,
    stop: () => configured.stop(),
  };
}

function providedSource(plan: TlsPlan, provide: CertificateProvider, ports: SourcePorts): Source {
  const checked = new CheckedOnce(`what the function of ${plan.configPath} gave`, askedNamesMax);
  const ask = async (name: string): Promise<CertificateMaterial | null> => {
    const provided = await provide(name);
    return provided === null ? null : checked.material(provided);
  };
  // Without a name there is nothing to ask the function for.
  return askedSource(plan, ask, null, ports);
}

function developmentSource(plan: TlsPlan, names: readonly string[], ports: SourcePorts): Source {
  const ask = async (name: string): Promise<CertificateMaterial | null> => {
    if (ports.development === null) return null;
    if (name === '') return ports.development.certificateFor([...machineNames, ...names]);
    return isDevelopmentName(name, names) ? ports.development.certificateFor([name]) : null;
  };
  return askedSource(plan, ask, '', ports);
}

/** @param noName what is asked for where the client sent no name; null = nothing */
function askedSource(
  plan: TlsPlan,
  ask: (name: string) => Promise<CertificateMaterial | null>,
  noName: string | null,
  { clock, report }: SourcePorts,
): Source {
  let toldMs = Number.NEGATIVE_INFINITY;
  const asked = new AskedCertificates(ask, clock, (name, error, servesOn) => {
    // Invented names must not fill the log.
    if (clock.nowMs() - toldMs < refusedMs) return;
    toldMs = clock.nowMs();
    report({ event: 'certificate.rejected', configPath: plan.configPath, ...failureOf(name, error), servesOn });
  });
  return {
    find(name) {
      const question = name ?? noName;
      return question === null ? null : asked.find(question);
    },
    configured: null,
    stop: () => Promise.resolve(asked.stop()),
  };
}

function failureOf(name: string, error: unknown): Pick<CertificateError, 'code' | 'message'> {
  const why = error instanceof Error ? error.message : String(error);
  const message = `no certificate was given for ${name === '' ? 'clients without a name' : name}: ${why}`;
  return { code: error instanceof CertificateError ? error.code : 'SALLYPORT_CERTIFICATE_PROVIDER', message };
}
