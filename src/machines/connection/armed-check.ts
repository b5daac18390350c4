/**
 * Is exactly what the present state declares armed? The invariant behind "no zombies", asked of a live connection.
 *
 * Must never do: repair anything. A mismatch is a bug, to be counted and said.
 */
import { connectionTable, type ConnectionChart } from './connection-chart.ts';
import { connectionRegistries } from './machine.ts';

/** One sentence on what is armed and should not be, or the reverse; null when all is well. Ask between two steps only. */
export function armedMismatch(chart: ConnectionChart): string | null {
  const leaf = connectionTable.leaves[connectionTable.leafByName.get(chart.leaf) ?? -1];
  if (leaf === undefined) return `the chart is in ${chart.leaf}, which does not exist`;
  const declared = leaf.timers.filter(({ delayName }) => isOn(delayName, chart)).map(({ id }) => id);
  const armed = chart.armed().map(({ id }) => id);
  if (declared.length === armed.length && declared.every((id) => armed.includes(id))) return null;
  return `${chart.leaf} declares [${declared.join(', ')}] and [${armed.join(', ')}] is armed`;
}

/** True exactly when the deadline is neither off nor infinite for this connection. */
function isOn(delayName: string, { context }: ConnectionChart): boolean {
  return (connectionRegistries.delays[delayName]?.(context) ?? null) !== null;
}
