/**
 * The exchange chart in both interpreters, and what tells two states of it apart.
 *
 * Read first: `chart-pair.ts`, `exchange-walker.ts`.
 */
import type { InterpreterName } from '../../src/machines/connection/connection-chart.ts';
import type { ExchangeCommand } from '../../src/machines/exchange/commands.ts';
import type { ExchangeContext } from '../../src/machines/exchange/context.ts';
import type { ExchangeFact } from '../../src/machines/exchange/events.ts';
import { createExchangeChart, exchangeTable } from '../../src/machines/exchange/exchange-chart.ts';
import { begin, type Maker } from './chart-pair.ts';
import type { ExchangeConfiguration } from './exchange-configurations.ts';
import { Walker } from './exchange-walker.ts';

export const walker = new Walker(exchangeTable, {});

export function maker(
  interpreter: InterpreterName,
  { listenerTimeouts: timeouts }: ExchangeConfiguration,
): Maker<ExchangeFact, ExchangeCommand> {
  return (clock, host) => createExchangeChart(interpreter, { timeouts }, clock, host);
}

export function beginBoth(configuration: ExchangeConfiguration) {
  return [begin(maker('compiled', configuration)), begin(maker('xstate', configuration))] as const;
}

/** Everything that an edge may depend on; how long the silence was only changes the length of a deadline. */
export function whatGuardsRead(context: ExchangeContext): readonly unknown[] {
  const { isRequestOver, expectsContinue, attempt, attemptsMax, retries, isInformed, reason, timeouts } = context;
  return [
    isRequestOver,
    expectsContinue,
    attempt < attemptsMax,
    retries,
    isInformed,
    reason === null,
    timeouts.idle === null,
  ];
}
