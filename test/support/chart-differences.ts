/**
 * Where a mutant differs from the chart it was made of: the leaves in which something else may happen.
 *
 * Only a hint for where to look first; whoever uses it must not believe that nothing has changed elsewhere, because what a
 * function that was given params does cannot be compared. Read first: `chart-mutants.ts`, `chart-probe.ts`.
 */
import type { Candidate, ChartTable, Leaf, Operation } from '../../src/machines/chart/compile.ts';
import type { Registries } from '../../src/machines/chart/registries.ts';

/** The names of the leaves of `mutant` that are not as they are in `real`. */
export function changedLeaves<Context, Fact, Command>(
  real: ChartTable<Context, Fact, Command>,
  mutant: ChartTable<Context, Fact, Command>,
  { updates, commands, guards, delays }: Registries<Context, Fact, Command>,
): ReadonlySet<string> {
  const names = new Map<unknown, string>();
  for (const registry of [updates, commands, guards, delays])
    for (const [name, entry] of Object.entries(registry)) names.set(entry, name);
  const nameOf = (entry: unknown) => names.get(entry) ?? '?';
  const known = new Map(real.leaves.map((leaf) => [leaf.name, describe(leaf, nameOf)]));
  const changed = mutant.leaves.filter((leaf) => known.get(leaf.name) !== describe(leaf, nameOf));
  return new Set(changed.map(({ name }) => name));
}

function describe<Context, Fact, Command>(
  { candidates, always, timers }: Leaf<Context, Fact, Command>,
  nameOf: (entry: unknown) => string,
): string {
  const edge = ({ guard, operations, leaf }: Candidate<Context, Fact, Command>) =>
    `${guard === null ? '' : nameOf(guard)} ${leaf} ${operations.map((one) => operationText(one, nameOf)).join()}`;
  const edges = [...candidates].map(([type, list]) => `${type}: ${list.map(edge).join('; ')}`).toSorted();
  const slots = timers.map(({ id, slot }) => `${id} ${slot}`);
  return [...edges, ...always.map(edge), ...slots].join('\n');
}

function operationText<Context, Fact, Command>(
  operation: Operation<Context, Fact, Command>,
  nameOf: (entry: unknown) => string,
): string {
  if (operation.kind === 'update' || operation.kind === 'command') return `${operation.kind} ${nameOf(operation.run)}`;
  return operation.kind === 'arm' ? `arm ${operation.slot} ${nameOf(operation.delay)}` : `cancel ${operation.slot}`;
}
