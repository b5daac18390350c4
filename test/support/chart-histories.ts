/**
 * The connection chart in both interpreters, and the ways into every state of it, as moves that both can be told.
 *
 * Read first: `chart-pair.ts`, `chart-walk.ts`.
 */
import type { ConnectionCommand } from '../../src/machines/connection/commands.ts';
import {
  connectionTable,
  createConnectionChart,
  type InterpreterName,
} from '../../src/machines/connection/connection-chart.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { quietMs, type Configuration } from './chart-configurations.ts';
import { begin, make, type Maker, type Move, type Run } from './chart-pair.ts';
import { subjectOf } from './chart-step.ts';
import { inputsTo, walk, type Visit } from './chart-walk.ts';

export type ConnectionMove = Move<ConnectionFact>;
export type ConnectionRun = Run<ConnectionFact, ConnectionCommand>;

export const subject = subjectOf(connectionTable);

export function maker(
  interpreter: InterpreterName,
  { listenerTimeouts: timeouts, expectsProxyHeader }: Configuration,
): Maker<ConnectionFact, ConnectionCommand> {
  return (clock, host) => createConnectionChart(interpreter, { timeouts, expectsProxyHeader }, clock, host);
}

export function beginBoth(configuration: Configuration): readonly [ConnectionRun, ConnectionRun] {
  return [begin(maker('compiled', configuration)), begin(maker('xstate', configuration))];
}

/** The way to a visit, as moves: deadlines by the serial number they have in a run that goes that way. */
export function movesTo(configuration: Configuration, visit: Visit): readonly ConnectionMove[] {
  const run = begin(maker('compiled', configuration));
  const moves: ConnectionMove[] = [];
  for (const input of inputsTo(visit)) {
    if (input.kind === 'death') continue;
    const slot = slotOf(run, input.kind === 'deadline' ? input.id : '');
    const timer = run.clock.armed().find((one) => one.slot === slot);
    const toldBefore: readonly ConnectionFact[] =
      input.kind === 'deadline' && input.hasActivity ? [{ type: 'bytes.flowed', quietMs }] : [];
    const move: ConnectionMove =
      input.kind === 'fact'
        ? { kind: 'fact', fact: input.fact }
        : { kind: 'timer', serial: timer?.serial ?? -1, toldBefore };
    make(run, move);
    moves.push(move);
  }
  const reached = JSON.stringify([run.chart.leaf, run.chart.context]);
  if (reached !== JSON.stringify([visit.place.leaf, visit.place.context]))
    throw new Error(`another place than the walk's: ${reached}`);
  return moves;
}

function slotOf({ chart }: ConnectionRun, id: string): number {
  const leaf = connectionTable.leaves[connectionTable.leafByName.get(chart.leaf) ?? -1];
  return leaf?.timers.find((one) => one.id === id)?.slot ?? -1;
}

/** One visit for every chart state, told apart by everything but the length of its deadlines. */
export function chartStates(configuration: Configuration): readonly Visit[] {
  const { visits } = walk(subject, configuration, { isTruthful: false, isHasty: false });
  const states = new Map(
    visits.map((visit) => [JSON.stringify([visit.place.persisted.snapshot, visit.place.deadlines]), visit]),
  );
  return [...states.values()];
}
