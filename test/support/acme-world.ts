/**
 * Certificates that look after themselves, in a test: a store, a plan, a server that answers HTTP-01, and what was told.
 *
 * The server stands for the listener of the proxy: it asks `httpChallenge` and nothing else.
 * Read first: `src/certificates/auto-certificates.ts`; `pebble.ts` and `stub-ca.ts`, the CAs.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OrderedCertificates } from '../../src/certificates/auto-certificates.ts';
import type { CertificateEvent } from '../../src/certificates/acme-events.ts';
import { systemClock, type Clock } from '../../src/io/clock.ts';
import type { CertificateMaterial } from '../../src/io/tls/identity.ts';
import type { AcmePlan, TlsPlan } from '../../src/routing/tls-plan.ts';
import type { StoreClock } from '../../src/store/file-folder.ts';
import { openFileStore, type FileStore } from '../../src/store/file-store.ts';

export interface CaAddress {
  readonly directoryUrl: string;
  readonly directoryCa: string;
}

export function acmePlan({ directoryUrl, directoryCa }: CaAddress, more: Partial<AcmePlan> = {}): AcmePlan {
  return {
    email: 'ops@sallyport.example',
    directoryUrl,
    ca: { kind: 'text', text: directoryCa },
    eab: null,
    challenges: ['http-01'],
    dns: null,
    challengePort: 80,
    renewThresholdDays: null,
    ask: null,
    ...more,
  };
}

export function autoPlan(acme: AcmePlan, names: readonly string[]): TlsPlan {
  return {
    mode: 'terminate',
    policy: '',
    configPath: 'routes[0].tls',
    certificate: { type: 'auto', acme, names },
    minVersion: 'TLSv1.2',
    maxVersion: null,
    ciphers: null,
    clientAuth: null,
    upstream: null,
  };
}

/** A folder that several stores, in several processes, may open. */
export async function storeFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'sallyport-acme-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface AcmeWorldOptions {
  readonly folder: string;
  readonly plans: readonly TlsPlan[];
  readonly clock?: Clock;
  /** The store is on a real disk, so its clock is the system's unless another process' date is meant. */
  readonly storeClock?: StoreClock;
  /** Where challenges are answered; null = nowhere. */
  readonly httpPort?: number | null;
}

export class AcmeWorld implements AsyncDisposable {
  readonly certificates: OrderedCertificates;
  readonly store: FileStore;
  readonly events: CertificateEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #server: Server | null = null;

  private constructor(store: FileStore, { plans, clock = systemClock() }: AcmeWorldOptions) {
    this.store = store;
    this.certificates = new OrderedCertificates(plans, {
      store,
      clock,
      random: () => 0.5,
      tell: (event) => {
        this.events.push(event);
        for (const wake of this.#waiting) wake();
      },
    });
  }

  static async open(options: AcmeWorldOptions): Promise<AcmeWorld> {
    const world = new AcmeWorld(await openFileStore(options.folder, options.storeClock ?? systemClock()), options);
    if (options.httpPort !== null && options.httpPort !== undefined) await world.answer(options.httpPort);
    await world.certificates.prepare();
    return world;
  }

  /** The first event of that name, told already or to come. */
  async event<Name extends CertificateEvent['event']>(
    name: Name,
    count = 1,
  ): Promise<Extract<CertificateEvent, { readonly event: Name }>> {
    for (;;) {
      const found = this.told(name)[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  told<Name extends CertificateEvent['event']>(
    name: Name,
  ): readonly Extract<CertificateEvent, { readonly event: Name }>[] {
    return this.events.filter(
      (event): event is Extract<CertificateEvent, { readonly event: Name }> => event.event === name,
    );
  }

  /** What a handshake for that name would show. */
  async material(plan: TlsPlan, name: string): Promise<CertificateMaterial | null> {
    return this.certificates.materialFor(plan, name);
  }

  /** Stands for the listener on the port where the CA looks. */
  async answer(port: number): Promise<void> {
    const server = createServer((asked, answer) => {
      const token = /^\/\.well-known\/acme-challenge\/(.*)$/.exec(asked.url ?? '')?.[1];
      const body = token === undefined ? null : this.certificates.httpChallenge(token);
      answer.writeHead(body === null ? 404 : 200, { connection: 'close' });
      answer.end(body ?? '');
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.certificates.stop();
    const server = this.#server;
    if (server !== null) await new Promise((resolve) => server.close(resolve));
    await this.store.close();
  }
}

/** A TLS server that knows nothing but the answers to TLS-ALPN-01; answers what ends it. */
export async function answerTls(
  port: number,
  challenge: (name: string) => CertificateMaterial | null,
): Promise<() => Promise<void>> {
  const server = createTlsServer({
    ALPNProtocols: ['acme-tls/1'],
    SNICallback: (name, answer) => {
      const material = challenge(name);
      if (material === null) answer(new Error('unrecognized name'));
      else answer(null, createSecureContext({ cert: material.cert, key: material.key }));
    },
  });
  server.on('tlsClientError', () => undefined);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return () => new Promise<void>((resolve) => void server.close(() => resolve()));
}
