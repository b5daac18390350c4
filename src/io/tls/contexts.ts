/**
 * SecureContexts: what handshakes are made with, in both roles. Each takes 1 to 3 ms to make, so each is made once.
 *
 * Decides: versions, ciphers, session tickets, and how many contexts are kept. A server's context is known by certificate
 * and policy, an upstream's by its plan. Tickets of one policy are opened by every certificate of it and by no other
 * policy, so that nobody resumes past a client authentication. No 0-RTT (Node has none), no renegotiation.
 * Must never do: make one for each connection, or read a file while a connection waits. Read first: `identity.ts`,
 * `../../routing/tls-plan.ts`. @see RFC 9325 for the defaults
 */
import { constants, createHash } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { ProxyError } from '../../errors.ts';
import type { TlsPlan, UpstreamTlsPlan } from '../../routing/tls-plan.ts';
import type { Clock } from '../clock.ts';
import type { CertificateMaterial } from './identity.ts';
import { MaterialFiles } from './material-files.ts';
import { TicketKeys } from './ticket-keys.ts';

/** TLS to an upstream that no route's `tls` speaks of: a dialer's. */
export interface DialerTls {
  /** `pools.db.dialer`, with the file's position where there is one. */
  readonly configPath: string;
  readonly tls: UpstreamTlsPlan;
}

/** What terminating routes need. */
export interface ServerContexts {
  /**
   * Reads the files that routes and dialers name; what was made of older ones is forgotten.
   * @throws ProxyError with all that cannot be read, or is no certificate
   */
  prepare(plans: readonly TlsPlan[], dialers?: readonly DialerTls[]): Promise<void>;
  contextFor(plan: TlsPlan, material: CertificateMaterial): SecureContext;
  /** For handshakes that answer a validation: with the defaults. */
  challengeContextFor(material: CertificateMaterial): SecureContext;
}

/** What re-encryption needs. */
export interface ClientContexts {
  clientContext(plan: UpstreamTlsPlan): SecureContext;
}

/** The same text for the same handshakes. */
type Policy = Pick<TlsPlan, 'policy' | 'minVersion' | 'maxVersion' | 'ciphers' | 'clientAuth'>;

/** A context weighs some 50 KB. */
const contextsMax = 2_048;

/** RFC 9325 §4.2, the shortest keys first: all are AEAD with ephemeral keys. */
const ciphersDefault = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** How long a session may be resumed: an hour, well below the life of a ticket key. */
const sessionSeconds = 3_600;

const validation: Policy = {
  policy: 'validation',
  minVersion: 'TLSv1.2',
  maxVersion: null,
  ciphers: null,
  clientAuth: null,
};

export class TlsContexts implements ServerContexts, ClientContexts {
  readonly #tickets: TicketKeys;
  readonly #files = new MaterialFiles();
  readonly #servers = new LRUCache<string, SecureContext>({ max: contextsMax });
  #clients = new WeakMap<UpstreamTlsPlan, SecureContext>();
  /** Of the ticket key that the kept contexts have. */
  #generation = 0;

  constructor({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }) {
    this.#tickets = new TicketKeys(clock);
  }

  async prepare(plans: readonly TlsPlan[], dialers: readonly DialerTls[] = []): Promise<void> {
    const upstreams = [
      ...plans.flatMap(({ configPath, upstream }) =>
        upstream === null ? [] : [{ configPath: `${configPath}.upstream`, tls: upstream }],
      ),
      ...dialers,
    ];
    refuse([...(await this.#readAuthorities(plans)), ...(await this.#readUpstreams(upstreams))]);
    this.close();
    for (const plan of plans) this.#tryPolicy(plan);
    for (const upstream of upstreams) this.#tryUpstream(upstream);
  }

  contextFor(plan: TlsPlan, material: CertificateMaterial): SecureContext {
    return this.#server(plan, material);
  }

  challengeContextFor(material: CertificateMaterial): SecureContext {
    return this.#server(validation, material);
  }

  clientContext(plan: UpstreamTlsPlan): SecureContext {
    const known = this.#clients.get(plan);
    if (known !== undefined) return known;
    const { ca, identity, minVersion } = plan;
    const context = createSecureContext({
      minVersion,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ...(ca !== null && { ca: this.#files.textOf(ca) }),
      ...(identity !== null && { cert: this.#files.textOf(identity.cert), key: this.#files.textOf(identity.key) }),
    });
    this.#clients.set(plan, context);
    return context;
  }

  /** Forgets every context, and the sessions that were kept with them. */
  close(): void {
    this.#servers.clear();
    this.#clients = new WeakMap();
  }

  async #readAuthorities(plans: readonly TlsPlan[]): Promise<readonly ProxyError[]> {
    const wanted = plans.flatMap(({ configPath, clientAuth }) =>
      clientAuth === null ? [] : [this.#files.readCertificates(clientAuth.ca, `${configPath}.clientAuth.ca`)],
    );
    return failuresOf(wanted);
  }

  async #readUpstreams(upstreams: readonly DialerTls[]): Promise<readonly ProxyError[]> {
    const wanted = upstreams.flatMap(({ configPath, tls: { ca, identity } }) => [
      ...(ca === null ? [] : [this.#files.readCertificates(ca, `${configPath}.ca`)]),
      ...(identity === null
        ? []
        : [
            this.#files.readCertificates(identity.cert, `${configPath}.cert`),
            this.#files.read(identity.key, `${configPath}.key`),
          ]),
    ]);
    return failuresOf(wanted);
  }

  /** Once, so that suites that OpenSSL does not know are told at start and not to every client. */
  #tryPolicy(plan: TlsPlan): void {
    try {
      createSecureContext(this.#policyOptions(plan));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `${plan.configPath}: OpenSSL takes no handshake by these versions and ciphers (${why})`;
      throw new ProxyError('SALLYPORT_CONFIG_INVALID', message, { cause: error });
    }
  }

  /** Made before the first connection needs it, so that a key of another certificate is told at once. */
  #tryUpstream({ configPath, tls }: DialerTls): void {
    try {
      this.clientContext(tls);
    } catch (error) {
      const message = `${configPath}: OpenSSL does not take the certificate with its key`;
      throw new ProxyError('SALLYPORT_CERTIFICATE_KEY', message, { cause: error });
    }
  }

  #server(policy: Policy, material: CertificateMaterial): SecureContext {
    const { generation, bytes: ticketKeys } = this.#tickets.current();
    if (generation !== this.#generation) this.#servers.clear();
    this.#generation = generation;
    const key = `${material.id} ${policy.policy}`;
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const context = createSecureContext({ ...certificateOf(material), ...this.#policyOptions(policy), ticketKeys });
    this.#tickets.serve(context);
    this.#servers.set(key, context);
    return context;
  }

  #policyOptions(policy: Policy): SecureContextOptions {
    const ca = policy.clientAuth === null ? null : this.#files.textOf(policy.clientAuth.ca);
    return {
      minVersion: policy.minVersion,
      ...(policy.maxVersion !== null && { maxVersion: policy.maxVersion }),
      // A list that names no suite of TLS 1.3 leaves OpenSSL's: all three.
      ciphers: policy.ciphers ?? ciphersDefault,
      honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      sessionIdContext: sessionContextOf(policy.policy, ca),
      sessionTimeout: sessionSeconds,
      ...(ca !== null && { ca }),
    };
  }
}

/** Every file is looked at, so that all that is wrong is told at once. */
async function failuresOf(reads: readonly Promise<unknown>[]): Promise<readonly ProxyError[]> {
  const settled = await Promise.allSettled(reads);
  return settled.flatMap((one) => {
    if (one.status === 'fulfilled') return [];
    if (one.reason instanceof ProxyError) return [one.reason];
    throw one.reason;
  });
}

function refuse(failures: readonly ProxyError[]): void {
  const [first, ...others] = failures;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  throw new ProxyError(first.code, failures.map(({ message }) => message).join('\n'), { cause: first });
}

function certificateOf({ cert, key, pfx }: CertificateMaterial): SecureContextOptions {
  if (pfx === undefined) return { cert, key };
  const bytes = Buffer.from(pfx.bytes);
  return pfx.passphrase === null ? { pfx: bytes } : { pfx: bytes, passphrase: pfx.passphrase };
}

/** 32 bytes at most. What the authority is belongs to it: a file may change under its name. */
function sessionContextOf(policy: string, ca: string | null): string {
  return createHash('sha256')
    .update(policy)
    .update('\0')
    .update(ca ?? '')
    .digest('hex')
    .slice(0, 32);
}
