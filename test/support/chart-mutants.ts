/**
 * Every chart that lacks exactly one thing of the real one: a deadline, an edge, a guard, an action, a rule.
 *
 * Enumerated from the machine's own configuration, never listed by hand, so that what is added to the chart is mutated
 * too. Each mutant is compiled like the real chart.
 */
import { createMachine } from 'xstate';
import { compileChart } from '../../src/machines/chart/compile.ts';
import type { ConnectionTable } from '../../src/machines/connection/connection-chart.ts';
import { isConnectionFactType } from '../../src/machines/connection/events.ts';
import { connectionMachine, connectionRegistries } from '../../src/machines/connection/machine.ts';

type MachineConfig = Parameters<typeof createMachine>[0];
type Registries = typeof connectionRegistries;
type Data = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

export interface Mutant {
  /** `SNIFFING: without exit stopPeeking` */
  readonly name: string;
  compile(): ConnectionTable;
}

/** All of them, in document order; then those of the registries. */
export function everyMutant(): readonly Mutant[] {
  const config = tidied(recordOf(connectionMachine.config));
  const structural = [...removals(config, [], 'the root')].map(({ name, path }) => ({
    name,
    compile: () => compileConfig(recordOf(without(config, path)), connectionRegistries),
  }));
  return [...structural, ...registryMutants(config)];
}

/** A chart that differs from the real one in one place of its configuration. */
export function compileConfig(config: Data, registries: Registries): ConnectionTable {
  return compileChart(createMachine(asMachineConfig(config)), registries, isConnectionFactType);
}

/** The real configuration, every transition written out as a list of objects. */
export function realConfig(): Data {
  return tidied(recordOf(connectionMachine.config));
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
        const at = [...path, key, event, index];
        const said =
          list.length > 1 ? `${where}: ${key} ${event} (${index + 1} of ${list.length})` : `${where}: ${key} ${event}`;
        yield* transitionRemovals(recordOf(transition), at, said, list.length > 1);
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

/** The rules that are functions: each update does nothing, each guard has one answer, each deadline is off; the last reason wins. */
function registryMutants(config: Data): readonly Mutant[] {
  const { updates, guards, delays } = connectionRegistries;
  const mutant = (name: string, changed: Partial<Registries>): Mutant => ({
    name,
    compile: () => compileConfig(config, { ...connectionRegistries, ...changed }),
  });
  return [
    ...Object.keys(updates).map((name) => mutant(`${name} changes nothing`, { updates: { ...updates, [name]: keep } })),
    ...['recordReason', 'recordGivenReason', 'recordGivenCause', 'recordCompletion'].flatMap((name) => {
      const update = updates[name];
      if (update === undefined) return [];
      const forgetful: typeof update = ({ context, event }, params) =>
        update({ context: { ...context, reason: null }, event }, params);
      return [mutant(`${name}: the last reason wins`, { updates: { ...updates, [name]: forgetful } })];
    }),
    mutant('recordGivenCause records completed too', {
      updates: { ...updates, recordGivenCause: connectionRegistries.updates['recordGivenReason'] ?? keep },
    }),
    ...Object.keys(guards).flatMap((name) =>
      [false, true].map((answer) =>
        mutant(`${name} is always ${String(answer)}`, { guards: { ...guards, [name]: () => answer } }),
      ),
    ),
    ...Object.keys(delays).map((name) =>
      mutant(`${name} is never armed`, { delays: { ...delays, [name]: () => null } }),
    ),
  ];
}

const keep: Registries['updates'][string] = ({ context }) => context;

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
