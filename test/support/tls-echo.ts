/**
 * A server of legs inside TLS for real clients: each connection is secured with a context of the product's own.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Leg } from '../../src/io/leg.ts';
import { SocketLeg } from '../../src/io/socket.ts';
import { TlsContexts } from '../../src/io/tls/contexts.ts';
import type { CertificateMaterial } from '../../src/io/tls/identity.ts';
import type { TlsPlan } from '../../src/routing/tls-plan.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import type { TestCertificate } from './certificates.ts';
import { Watch } from './leg-watch.ts';
import { sharedIdentities } from './secured-pairs.ts';
import { legPorts, portOf } from './sockets.ts';

export const plainPlan: TlsPlan = {
  mode: 'terminate',
  policy: 'TLSv1.2 to newest; ciphers: default; client certificates: none',
  configPath: 'routes[0].tls',
  certificate: { type: 'development', names: [] },
  minVersion: 'TLSv1.2',
  maxVersion: null,
  ciphers: null,
  clientAuth: null,
  upstream: null,
};

export function materialOf({ cert, key }: TestCertificate, id = 'one'): CertificateMaterial {
  return { id, cert, key, names: ['a.test'], notBeforeMs: 0, notAfterMs: 0 };
}

export interface TlsServer extends AsyncDisposable {
  readonly port: number;
  readonly watches: readonly Watch[];
  readonly contexts: TlsContexts;
  readonly clock: StepClock;
}

/** @param serve is given each leg once TLS was begun on it */
export async function tlsServer(
  serve: (leg: Leg, watch: Watch) => void,
  { plan = plainPlan, alpn = [] }: { readonly plan?: TlsPlan; readonly alpn?: readonly string[] } = {},
): Promise<TlsServer> {
  const clock = new StepClock();
  const ports = legPorts(clock);
  const contexts = new TlsContexts({ clock });
  await contexts.prepare([plan]);
  const { authority } = await sharedIdentities();
  const material = materialOf(await authority.issue(['a.test', '127.0.0.1']));
  const watches: Watch[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const leg = new SocketLeg(socket, 'downstream', ports);
    const watch = new Watch(leg);
    watches.push(watch);
    const clientAuth = plan.clientAuth === null ? 'none' : plan.clientAuth.require ? 'require' : 'ask';
    leg.secure({ role: 'server', context: contexts.contextFor(plan, material), alpn, clientAuth });
    serve(leg, watch);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server.address()),
    watches,
    contexts,
    clock,
    [Symbol.asyncDispose]: async () => {
      for (const { leg } of watches) leg.reset();
      server.close();
      await ports.ledger.quiescent();
    },
  };
}
