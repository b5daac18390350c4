/**
 * The certificate that a configuration gives in full: PEM or PFX, as text or in files, which are read again when they change.
 *
 * Decides: that a changed file is checked as a whole before it serves, and that the old certificate serves until then.
 * Must never do: serve half of a change, or tell of the same contents twice. Read first: `material.ts`, `book.ts`.
 */
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { CertificatePlan, Material } from '../routing/tls-plan.ts';
import { watchFolder } from '../store/folder-watch.ts';
import { CertificateError } from './certificate-error.ts';
import { materialFromPem, materialFromPfx, type CheckedMaterial } from './material.ts';

export type ConfiguredPlan = Extract<CertificatePlan, { readonly type: 'pem' | 'pfx' }>;

export interface ConfiguredPorts {
  readonly clock: Clock;
  /** After a change of files: it serves from now on. */
  loaded(loaded: CheckedMaterial): void;
  /** After a change of files: the old certificate goes on. */
  rejected(error: CertificateError): void;
}

/** Certificate and key are written one after the other: what follows within this time belongs to the same change. */
export const settleMs = 200;

/** A file that never stops changing is looked at all the same. */
export const settleMsMax = 2_000;

export class ConfiguredCertificate {
  readonly plan: ConfiguredPlan;
  readonly #ports: ConfiguredPorts;
  readonly #watches = new Map<string, () => void>();
  #loaded: CheckedMaterial | null = null;
  /** Digest of what was looked at last, be it good or bad. */
  #seen = '';
  #timer: Timer | null = null;
  #sinceMs: number | null = null;
  #reading: Promise<void> | null = null;
  #isStopped = false;

  constructor(plan: ConfiguredPlan, ports: ConfiguredPorts) {
    this.plan = plan;
    this.#ports = ports;
  }

  /** Null until it was loaded. */
  get material(): CertificateMaterial | null {
    return this.#loaded?.material ?? null;
  }

  /** @throws CertificateError */
  async load(): Promise<CheckedMaterial> {
    const outcome = await this.#look();
    if (outcome instanceof CertificateError) throw outcome;
    if (outcome !== null) this.#loaded = outcome;
    if (this.#loaded === null) throw new CertificateError('SALLYPORT_CERTIFICATE_INVALID', 'nothing was loaded');
    return this.#loaded;
  }

  /** From now on changes of its files are heard; what changed since they were loaded too. */
  async watch(): Promise<void> {
    if (filesOf(this.plan).length === 0) return;
    await this.#watchFolders();
    await this.#again();
  }

  /** Resolves when nothing of it is left. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const end of this.#watches.values()) end();
    this.#watches.clear();
    this.#disarm();
    await this.#reading;
  }

  onTimer(): void {
    this.#timer = null;
    this.#sinceMs = null;
    // What changes while it is read is heard, and read once more.
    this.#reading = (this.#reading ?? Promise.resolve()).then(() => this.#again());
  }

  #heard(): void {
    const { clock } = this.#ports;
    this.#sinceMs ??= clock.nowMs();
    if (this.#timer !== null) clock.cancel(this.#timer);
    const leftMs = Math.max(0, settleMsMax - (clock.nowMs() - this.#sinceMs));
    this.#timer = clock.arm(Math.min(settleMs, leftMs), this, 0);
  }

  #disarm(): void {
    if (this.#timer !== null) this.#ports.clock.cancel(this.#timer);
    this.#timer = null;
  }

  /** Never rejects. */
  async #again(): Promise<void> {
    if (this.#isStopped) return;
    const outcome = await this.#look();
    await this.#watchFolders();
    if (outcome === null || this.#isStopped) return;
    if (outcome instanceof CertificateError) {
      this.#ports.rejected(outcome);
      return;
    }
    this.#loaded = outcome;
    this.#ports.loaded(outcome);
  }

  /** Null: nothing that was not looked at already. Never rejects. */
  async #look(): Promise<CheckedMaterial | CertificateError | null> {
    try {
      const written = await this.#read();
      if (written.digest === this.#seen) return null;
      this.#seen = written.digest;
      return written.check(this.#ports.clock.wallMs());
    } catch (error) {
      const found = error instanceof CertificateError ? error : unexpected(error);
      if (found.code !== 'SALLYPORT_CERTIFICATE_UNREADABLE') return found;
      // A file that is gone is told once, and again when it is there with what it had before.
      const isKnown = this.#seen === found.message;
      this.#seen = found.message;
      return isKnown ? null : found;
    }
  }

  async #watchFolders(): Promise<void> {
    const folders = new Set<string>();
    for (const path of filesOf(this.plan)) {
      folders.add(dirname(path));
      // A link is swapped in its own folder, what it names is written over in another.
      folders.add(dirname(await realpath(path).catch(() => path)));
    }
    if (this.#isStopped) return;
    for (const [folder, end] of this.#watches)
      if (!folders.has(folder)) {
        end();
        this.#watches.delete(folder);
      }
    for (const folder of folders)
      if (!this.#watches.has(folder))
        this.#watches.set(
          folder,
          watchFolder(folder, this.#ports.clock, () => this.#heard()),
        );
  }

  async #read(): Promise<Read> {
    const { plan } = this;
    if (plan.type === 'pfx') {
      const where = whereOf(plan.pfx, 'certificate.pfx');
      const pfx = await bytesOf(plan.pfx, where, 'base64');
      return { digest: digestOf([pfx]), check: (wallMs) => materialFromPfx(pfx, plan.passphrase, where, wallMs) };
    }
    const [certAt, keyAt] = [whereOf(plan.cert, 'certificate.cert'), whereOf(plan.key, 'certificate.key')];
    const [cert, key] = [await bytesOf(plan.cert, certAt, 'utf8'), await bytesOf(plan.key, keyAt, 'utf8')];
    const parts = {
      cert: { text: cert.toString('utf8'), where: certAt },
      key: { text: key.toString('utf8'), where: keyAt },
      passphrase: null,
    };
    return { digest: digestOf([cert, key]), check: (wallMs) => materialFromPem(parts, wallMs) };
  }
}

interface Read {
  readonly digest: string;
  /** @throws CertificateError */
  check(wallMs: number): CheckedMaterial;
}

/** Larger than any certificate; a file that is not one is not read into memory. */
const bytesMax = 1_048_576;

async function bytesOf(material: Material, where: string, encoding: 'base64' | 'utf8'): Promise<Buffer> {
  if (material.kind === 'text') return Buffer.from(material.text, encoding);
  if (material.kind === 'bytes') return Buffer.from(material.bytes);
  try {
    const bytes = await readFile(material.path);
    if (bytes.length <= bytesMax) return bytes;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CertificateError('SALLYPORT_CERTIFICATE_UNREADABLE', `${where} cannot be read: ${why}`, { cause: error });
  }
  throw new CertificateError('SALLYPORT_CERTIFICATE_INVALID', `${where} is larger than any certificate`);
}

/** Equal exactly where the same certificate is given in the same way; null where it is not the configuration that gives it. */
export function givenText(certificate: CertificatePlan): string | null {
  if (certificate.type === 'pem') return digestOf([certificate.cert, certificate.key].map(givenBytes));
  if (certificate.type !== 'pfx') return null;
  return digestOf([givenBytes(certificate.pfx), Buffer.from(certificate.passphrase ?? '')]);
}

function givenBytes(material: Material): Buffer {
  if (material.kind === 'bytes') return Buffer.from(material.bytes);
  return Buffer.from(material.kind === 'file' ? `file ${material.path}` : material.text);
}

function whereOf(material: Material, field: string): string {
  return material.kind === 'file' ? material.path : field;
}

function filesOf(plan: ConfiguredPlan): readonly string[] {
  const materials = plan.type === 'pfx' ? [plan.pfx] : [plan.cert, plan.key];
  return materials.flatMap((material) => (material.kind === 'file' ? [material.path] : []));
}

function digestOf(parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(createHash('sha256').update(part).digest());
  return hash.digest('hex');
}

function unexpected(error: unknown): CertificateError {
  const message = error instanceof Error ? error.message : String(error);
  return new CertificateError('SALLYPORT_CERTIFICATE_INVALID', message, { cause: error });
}
