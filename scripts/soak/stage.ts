/**
 * The proxy of a soak and the servers behind it: how they start, and what must be left of them: nothing.
 *
 * Must never do: let a soak end without having looked at the census before and after `stop()`, and at the counters that
 * must stay 0. What is left is told as a problem, with what the proxy itself says about it.
 */
import { once } from 'node:events';
import type { Server } from 'node:net';
import { createProxy, type Proxy, type SallyportConfig } from '../../src/index.ts';
import { becomes, type SoakContext } from './report.ts';

/** What is waited for the clients' last connections to be gone, and for pooled ones to become too old. */
const settleMaxMs = 15_000;

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server is not listening on a port');
  return address.port;
}

export async function closed(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}

/**
 * Runs `soak` with a started proxy. When it returns every client must have closed its connections; then the proxy has to
 * come to rest by itself, be stopped, and hold nothing.
 */
export async function withProxy(
  { interpreter, report }: SoakContext,
  config: SallyportConfig,
  soak: (port: number, proxy: Proxy) => Promise<void>,
): Promise<void> {
  const proxy = createProxy({ interpreter, ...config });
  await proxy.start();
  const [address] = proxy.addresses();
  if (address === undefined) throw new Error('the proxy has no listener');
  try {
    await soak(address.port, proxy);
    const isQuiet = () => {
      const { connections, slots, transports, upstreams } = proxy.census();
      return connections + slots + transports + upstreams === 0;
    };
    if (!(await becomes(isQuiet, settleMaxMs))) {
      const live = proxy.connections().map(({ leaf, route, ageMs }) => `${leaf} ${route} ${Math.round(ageMs)} ms`);
      report.problem(
        'the proxy does not come to rest',
        `${JSON.stringify(proxy.census())} ${live.slice(0, 5).join('; ')}`,
      );
    }
  } finally {
    await proxy.stop();
  }
  const census = proxy.census();
  if (Object.values(census).some((count) => count !== 0))
    report.problem('the census is not 0 after stop()', JSON.stringify(census));
  const { accepted, live, closed: gone, invariantViolations, releasesOverdue, exchanges } = proxy.counters();
  if (live !== 0 || accepted !== gone) report.problem('connections were not closed', `${gone} of ${accepted}`);
  if (exchanges.live !== 0) report.problem('exchanges were not closed', `${exchanges.live} of ${exchanges.opened}`);
  if (invariantViolations !== 0) report.problem('invariants were broken', String(invariantViolations));
  if (releasesOverdue !== 0) report.problem('releases are overdue', String(releasesOverdue));
}
