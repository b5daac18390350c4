/**
 * Is anybody there? One connection to each upstream, dialled as the proxy itself would, and closed at once.
 *
 * Must never do: hold up the start, or decide anything; it is told to people and to nobody else.
 */
import { isUnixHost } from '../io/unix-path.ts';
import { Subscription } from 'rxjs';
import { systemClock, type Clock } from '../io/clock.ts';
import { createDialer, type DialFailure, type Dialer } from '../io/dialer.ts';
import { createLedger } from '../io/ledger.ts';
import { systemResolver } from '../io/resolver.ts';
import type { ProxyPlan, Target } from '../routing/plan.ts';

/** `up`, `down (ECONNREFUSED)`, `no answer`; by `host:port`. */
export type TargetStates = ReadonlyMap<string, string>;

const probeMs = 1_000;

export async function probeTargets(plan: ProxyPlan): Promise<TargetStates> {
  const clock = systemClock();
  const report = (): void => undefined;
  const dial = createDialer({
    clock,
    ledger: createLedger(clock, { trouble: report }),
    resolver: systemResolver,
    report,
  });
  const targets = new Map(plan.routes.flatMap((route) => targetsOf(route.action)).map((one) => [targetText(one), one]));
  const states = [...targets].map(async ([text, target]) => [text, await probe(target, dial, clock)] as const);
  return new Map(await Promise.all(states));
}

export function targetText({ host, port }: Target): string {
  return port === 0 && !isUnixHost(host) ? `${host}, the port that was asked for` : addressOf(host, port);
}

/** `[::1]:80`, `a.example:80`, `unix:/run/a.sock`. */
export function addressOf(host: string, port: number): string {
  if (isUnixHost(host)) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Those that can be dialled as they stand: not by another port, and not through somebody else. */
function targetsOf(action: ProxyPlan['routes'][number]['action']): readonly Target[] {
  if (action.type !== 'forward' || action.dialer.type !== 'direct' || action.pool !== null) return [];
  return action.targets.filter(({ host, port }) => port !== 0 || isUnixHost(host));
}

function probe(target: Target, dial: Dialer, clock: Clock): Promise<string> {
  return new Promise((resolve) => {
    const attempt = new Subscription();
    const timer = clock.arm(probeMs, { onTimer: () => answer('no answer') }, 0);
    const answer = (state: string): void => {
      resolve(state);
      clock.cancel(timer);
      attempt.unsubscribe();
    };
    attempt.add(
      dial(target, { resolved: () => undefined, securing: () => undefined }).subscribe({
        next(leg) {
          leg.release();
          answer('up');
        },
        error: ({ code }: DialFailure) => answer(`down (${code})`),
      }),
    );
  });
}
