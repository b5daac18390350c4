/**
 * Routes that lead straight back to where their clients come from: every connection would open another one, for ever.
 *
 * Decides by what is written: the address of this machine that a listener takes, at a port of the same route. A chain from
 * one listener to another is no loop. Must never do: resolve a name, or follow more than one step.
 * Read first: `check-upstream.ts`.
 */
import { canonicalAddress } from '../routing/ip-address.ts';
import type { PortRange } from '../routing/plan.ts';
import { goesThroughProxy } from './check-dialer.ts';
import type { Draft, DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { poolOf } from './pool-use.ts';
import { portsOf } from './ports.ts';
import type { Sections } from './schema.ts';

/** @param hostDefault what a listener binds that says nothing. */
export function checkLoops({ routes, sections }: Draft, hostDefault: string): readonly Finding[] {
  return routes.flatMap((draft) => {
    const ranges = draft.route.match?.ports ?? [];
    return placesOf(draft, sections).flatMap(({ host, port, path }) => {
      const back = portsOfPlace(port, ranges).find((one) =>
        reaches(host, sections.listeners?.[one]?.host ?? hostDefault),
      );
      if (back === undefined) return [];
      const message = `this leads back to port ${back}, which the route itself listens on: every connection would open another one`;
      return [{ path, message, expected: 'another port, or an address of another machine', part: 'key' as const }];
    });
  });
}

interface Place {
  readonly host: string;
  /** 0: the port that the client came to. */
  readonly port: number;
  readonly path: Path;
}

/** Where the route may lead on this machine, as far as that is written. */
function placesOf(draft: DraftRoute, sections: Sections): readonly Place[] {
  const { action } = draft.route;
  if (action?.type !== 'forward') return [];
  const pool = poolOf(draft, sections);
  const dialer = pool === undefined ? action.dialer : pool.dialer;
  // What is an address of this machine here is one of the other end's there.
  if (goesThroughProxy(dialer) || typeof dialer === 'function') return [];
  const at = (...rest: Path): Path => ['routes', draft.index, 'action', ...rest];
  const one = action.target;
  const written = [
    ...(typeof one === 'object' ? [{ ...one, path: at('target') }] : []),
    ...(action.targets ?? []).map((target, index) => ({ ...target, path: at('targets', index) })),
    ...(pool?.endpoints ?? []).map((endpoint) => ({ ...endpoint, path: at('pool') })),
  ];
  return written.flatMap(({ host, port, path }) =>
    host === undefined || port === undefined ? [] : [{ host, port, path }],
  );
}

/** Those of the route's own ports that the place may be at. A port that the system chooses is nobody's before. */
function portsOfPlace(port: number, ranges: readonly PortRange[]): readonly number[] {
  if (port === 0) return portsOf(ranges).filter((own) => own > 0);
  return ranges.some(({ from, to }) => from <= port && port <= to) ? [port] : [];
}

const loopbacks = ['127.0.0.1', '::1'];

/** Whether who connects there comes to a listener that is bound so. */
function reaches(target: string, bound: string): boolean {
  const taken = addressesOf(bound);
  return addressesOf(target).some((address) => {
    if (!isLoopback(address)) return taken.includes(address);
    if (bound === '::') return true;
    return bound === '0.0.0.0' ? !address.includes(':') : taken.includes(address);
  });
}

/** Nobody connects to "any address": the system takes the loopback of its family. Names mean nothing here but this one. */
function addressesOf(host: string): readonly string[] {
  if (host.toLowerCase() === 'localhost') return loopbacks;
  const address = canonicalAddress(host);
  if (address === '0.0.0.0') return ['127.0.0.1'];
  if (address === '::') return loopbacks;
  return address === null ? [] : [address];
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
