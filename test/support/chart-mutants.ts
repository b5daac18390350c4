/**
 * Every chart that lacks exactly one thing of the real one: a deadline, an edge, a guard, an action, a rule. For any
 * machine, enumerated from its own configuration, so that what is added to a chart is mutated too.
 *
 * Read first: `chart-walk.ts` and `exchange-walker.ts`, one of which must find a violation in each of them.
 */
import { createMachine } from 'xstate';
import { compileChart, type ChartTable } from '../../src/machines/chart/compile.ts';
import type { Registries } from '../../src/machines/chart/registries.ts';

type MachineConfig = Parameters<typeof createMachine>[0];
type Data = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

export interface Mutant<Context, Fact, Command> {
  /** `SNIFFING: without exit stopRouting` */
  readonly name: string;
  readonly compile: () => ChartTable<Context, Fact, Command>;
}

/** A machine and what its names stand for. */
export interface Mutable<Context, Fact, Command> {
  readonly machine: { readonly config: unknown };
  readonly registries: Registries<Context, Fact, Command>;
  readonly isFact: (name: string) => boolean;
}

/** The chart as it is, rebuilt the way the mutants are. */
export function rebuilt<Context, Fact, Command>(
  chart: Mutable<Context, Fact, Command>,
): ChartTable<Context, Fact, Command> {
  return compileConfig(tidied(recordOf(chart.machine.config)), chart.registries, chart.isFact);
}

/** Updates that write a reason: each is to leave the first one alone. */
const reasonUpdates = [
  'recordReason',
  'recordGivenReason',
  'recordGivenCause',
  'recordCompletion',
  'rememberAnswer',
] as const;

/**
 * All of them, in document order; then those of the registries.
 * @param more by name: what else is to be changed in the registries of this chart.
 */
export function everyMutant<Context, Fact, Command>(
  chart: Mutable<Context, Fact, Command>,
  more: Readonly<Record<string, Partial<Registries<Context, Fact, Command>>>> = {},
): readonly Mutant<Context, Fact, Command>[] {
  const { registries, isFact } = chart;
  const config = tidied(recordOf(chart.machine.config));
  const structural = [...removals(config, [], 'the root')].map(({ name, path }) => ({
    name,
    compile: () => compileConfig(recordOf(without(config, path)), registries, isFact),
  }));
  const mutant = (name: string, changed: Partial<Registries<Context, Fact, Command>>) => ({
    name,
    compile: () => compileConfig(config, { ...registries, ...changed }, isFact),
  });
  const { updates, guards, delays } = registries;
  return [
    ...structural,
    ...Object.keys(updates).map((name) =>
      mutant(`${name} changes nothing`, { updates: { ...updates, [name]: ({ context }) => context } }),
    ),
    ...reasonUpdates.flatMap((name) => {
      const update = updates[name];
      if (update === undefined) return [];
      const forgetful: typeof update = ({ context, event }, params) =>
        update({ context: { ...context, reason: null }, event }, params);
      return [mutant(`${name}: the last reason wins`, { updates: { ...updates, [name]: forgetful } })];
    }),
    ...Object.keys(guards).flatMap((name) =>
      [false, true].map((answer) =>
        mutant(`${name} is always ${String(answer)}`, { guards: { ...guards, [name]: () => answer } }),
      ),
    ),
    ...Object.keys(delays).map((name) =>
      mutant(`${name} is never armed`, { delays: { ...delays, [name]: () => null } }),
    ),
    ...Object.entries(more).map(([name, changed]) => mutant(name, changed)),
  ];
}

function compileConfig<Context, Fact, Command>(
  config: Data,
  registries: Registries<Context, Fact, Command>,
  isFact: (name: string) => boolean,
): ChartTable<Context, Fact, Command> {
  return compileChart(createMachine(asMachineConfig(config)), registries, isFact);
}

function* removals(node: Data, path: Path, where: string): Generator<{ readonly name: string; readonly path: Path }> {
  for (const key of ['entry', 'exit']) {
    for (const [index, action] of listOf(node[key]).entries()) {
      yield { name: `${where}: without ${key} ${nameOf(action)}`, path: [...path, key, index] };
    }
  }
  for (const key of ['on', 'after']) {
    for (const [event, transitions] of Object.entries(recordOf(node[key]))) {
      yield { name: `${where}: without ${key} ${event}`, path: [...path, key, event] };
      const list = listOf(transitions);
      for (const [index, transition] of list.entries()) {
        const said =
          list.length > 1 ? `${where}: ${key} ${event} (${index + 1} of ${list.length})` : `${where}: ${key} ${event}`;
        yield* transitionRemovals(recordOf(transition), [...path, key, event, index], said, list.length > 1);
      }
    }
  }
  for (const [name, child] of Object.entries(recordOf(node['states']))) {
    yield* removals(recordOf(child), [...path, 'states', name], where === 'the root' ? name : `${where}.${name}`);
  }
}

function* transitionRemovals(
  transition: Data,
  path: Path,
  where: string,
  isOneOfSeveral: boolean,
): Generator<{ readonly name: string; readonly path: Path }> {
  if (isOneOfSeveral) yield { name: `${where}: not there`, path };
  if (transition['guard'] !== undefined)
    yield { name: `${where}: without guard ${nameOf(transition['guard'])}`, path: [...path, 'guard'] };
  if (transition['reenter'] !== undefined) yield { name: `${where}: without reenter`, path: [...path, 'reenter'] };
  for (const [index, action] of listOf(transition['actions']).entries()) {
    yield { name: `${where}: without action ${nameOf(action)}`, path: [...path, 'actions', index] };
  }
}

/** Every transition written out as a list of objects. */
function tidied(node: Data): Data {
  const result: Record<string, unknown> = { ...node };
  for (const key of ['entry', 'exit']) if (node[key] !== undefined) result[key] = listOf(node[key]);
  for (const key of ['on', 'after']) {
    if (node[key] === undefined) continue;
    const entries = Object.entries(recordOf(node[key]));
    result[key] = Object.fromEntries(entries.map(([event, raw]) => [event, listOf(raw).map(tidiedTransition)]));
  }
  if (node['states'] !== undefined) {
    const entries = Object.entries(recordOf(node['states']));
    result['states'] = Object.fromEntries(entries.map(([name, child]) => [name, tidied(recordOf(child))]));
  }
  return result;
}

function tidiedTransition(raw: unknown): Data {
  if (typeof raw === 'string') return { target: raw };
  const record = recordOf(raw);
  return record['actions'] === undefined ? record : { ...record, actions: listOf(record['actions']) };
}

/** A copy without what is at the path. */
function without(data: unknown, [key, ...rest]: Path): unknown {
  if (Array.isArray(data)) {
    return data.flatMap((one: unknown, index) =>
      index !== key ? [one] : rest.length === 0 ? [] : [without(one, rest)],
    );
  }
  const entries = Object.entries(recordOf(data));
  return Object.fromEntries(
    entries.flatMap(([name, one]) =>
      name !== key ? [[name, one]] : rest.length === 0 ? [] : [[name, without(one, rest)]],
    ),
  );
}

function nameOf(reference: unknown): string {
  return typeof reference === 'string' ? reference : String(recordOf(reference)['type']);
}

function listOf(raw: unknown): readonly unknown[] {
  if (raw === undefined) return [];
  return Array.isArray(raw) ? raw : [raw];
}

function recordOf(raw: unknown): Data {
  return typeof raw === 'object' && raw !== null ? Object.fromEntries(Object.entries(raw)) : {};
}

/** The typed boundary to XState's configuration type; the compiler under test checks what is inside. */
function asMachineConfig(config: Data): MachineConfig;
function asMachineConfig(config: unknown): unknown {
  return config;
}
