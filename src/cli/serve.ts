/**
 * Runs a plan until somebody ends it: starts, says so, drains on the first request to stop, ends at once on the second.
 *
 * Decides: the exit code, and what people see on a terminal. A drain that had to cut connections is a success: it did
 * what the configuration says, and says in the log how many. Must never do: end the process; `main.ts` does.
 * Read first: `../proxy-api.ts`.
 */
import { systemClock } from '../io/clock.ts';
import { createLogger, loadPretty, type ProcessLogger } from '../observe/log.ts';
import { createProxyFromPlan } from '../proxy.ts';
import type { Proxy } from '../proxy-api.ts';
import type { ProxyPlan } from '../routing/plan.ts';
import type { CommonOptions } from './common-options.ts';
import { explainFailure } from './failure.ts';
import { exitCodes, signalExitCodes, type CommandHost, type StopSignal } from './host.ts';
import { listenHints } from './listen-hint.ts';
import { probeTargets } from './reachability.ts';
import { welcome } from './welcome.ts';

/** Resolves with the exit code when the proxy is over. */
export async function serve(plan: ProxyPlan, options: CommonOptions, host: CommandHost): Promise<number> {
  const stops = stopRequests(host);
  const logger = await processLogger(plan, host);
  tellWarnings(plan, options, logger);
  host.onHangUp(() => {
    logger.log('warn', { event: 'reload.refused' }, 'SIGHUP: reload is not built yet; the proxy goes on as it is');
  });
  const proxy = createProxyFromPlan(plan, { logger });
  const life = live(proxy, plan, host, stops).catch((error: unknown) => {
    const failure = explainFailure(error, host);
    for (const hint of listenHints(error, plan)) host.complain(`  ${hint}`);
    return failure;
  });
  const exitCode = await Promise.race([life, stops.second.then((signal) => signalExitCodes[signal])]);
  logger.flush();
  return exitCode;
}

async function live(proxy: Proxy, plan: ProxyPlan, host: CommandHost, stops: StopRequests): Promise<number> {
  const reachable = host.isInteractive ? probeTargets(plan) : null;
  await proxy.start();
  if (reachable !== null) void reachable.then((states) => host.print(welcome(plan, proxy.addresses(), states, host)));
  await stops.first;
  await proxy.drain();
  await proxy.stop();
  return exitCodes.fine;
}

interface StopRequests {
  readonly first: Promise<StopSignal>;
  readonly second: Promise<StopSignal>;
}

/** Signals, and the key q, which means the same as Ctrl+C. */
function stopRequests(host: CommandHost): StopRequests {
  const waiting: ((signal: StopSignal) => void)[] = [];
  const next = (): Promise<StopSignal> =>
    new Promise((resolve) => {
      waiting.push(resolve);
    });
  const requests = { first: next(), second: next() };
  const tell = (signal: StopSignal): void => waiting.shift()?.(signal);
  host.onStopSignal(tell);
  host.onKey((key) => {
    if (key === 'q') tell('SIGINT');
  });
  return requests;
}

async function processLogger(plan: ProxyPlan, host: CommandHost): Promise<ProcessLogger> {
  const pretty = host.isInteractive ? await loadPretty({ colorize: host.hasColour }) : null;
  return createLogger({ level: plan.logLevel, pretty, clock: systemClock() });
}

function tellWarnings(plan: ProxyPlan, options: CommonOptions, logger: ProcessLogger): void {
  for (const warning of plan.warnings) logger.log('warn', { event: 'config.warning' }, warning);
  if (options.admin !== true) return;
  logger.log('warn', { event: 'config.warning' }, '--admin: the admin API is not built yet; nothing listens for it');
}
