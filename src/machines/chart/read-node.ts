/**
 * Reads one state node of an XState machine into plain data, refusing whatever the compiler does not implement and
 * whatever neither tsc nor XState would notice: unknown keys, delays, guards, actions, inline functions.
 *
 * Must never do: open an XState object (`assign`, `emit`); names are looked up in registries instead.
 * Read first: `registries.ts`, then `compile.ts`.
 */
import type { StateNode } from 'xstate';
import { ProxyError } from '../../errors.ts';
import type { ChartParams } from './registries.ts';

export interface NamedReference {
  readonly name: string;
  readonly params: ChartParams | undefined;
}

export interface ReadTransition {
  readonly targetId: string | null;
  readonly guard: NamedReference | null;
  readonly actions: readonly NamedReference[];
  readonly reenter: boolean;
}

export interface ReadDelay {
  readonly name: string;
  /** XState's own event, and the id of its timer. */
  readonly eventType: string;
}

export interface ReadNode {
  readonly id: string;
  /** `HALF_CLOSED.FLUSHING`; '' for the root. */
  readonly name: string;
  readonly parentId: string | null;
  readonly kind: 'atomic' | 'compound' | 'final';
  readonly initialId: string | null;
  readonly entry: readonly NamedReference[];
  readonly exit: readonly NamedReference[];
  readonly delays: readonly ReadDelay[];
  readonly transitions: ReadonlyMap<string, readonly ReadTransition[]>;
  readonly always: readonly ReadTransition[];
}

/** The names a chart may use. */
export interface KnownNames {
  readonly actions: ReadonlySet<string>;
  readonly guards: ReadonlySet<string>;
  readonly delays: ReadonlySet<string>;
  isFact(name: string): boolean;
}

/** `schemas` is XState's own note on the root; the last four are known and refused, each with its own sentence. */
const nodeKeys = new Set(
  [
    'id',
    'initial',
    'context',
    'on',
    'after',
    'always',
    'entry',
    'exit',
    'states',
    'type',
    'description',
    'meta',
  ].concat(['schemas', 'invoke', 'onDone', 'history', 'output']),
);
const transitionKeys = new Set(['target', 'actions', 'guard', 'reenter', 'description', 'meta']);

/**
 * The node and all below it, in document order.
 * @throws ProxyError SALLYPORT_CHART_UNSUPPORTED or SALLYPORT_CHART_INVALID, naming the state.
 */
export function readNodes(node: StateNode, known: KnownNames): readonly ReadNode[] {
  const children: readonly StateNode[] = Object.values(node.states);
  return [readNode(node, known), ...children.flatMap((child) => readNodes(child, known))];
}

function readNode(node: StateNode, known: KnownNames): ReadNode {
  const name = node.path.join('.');
  const where = name === '' ? 'the root' : name;
  const config = recordOf(node.config);
  if (node.parent !== undefined && node.key.includes('.')) throw unsupported(where, 'has a dot in its name');
  for (const key of Object.keys(config)) if (!nodeKeys.has(key)) throw invalid(where, `has the unknown key "${key}"`);
  const invoked: unknown = config['invoke'];
  if (Array.isArray(invoked) ? invoked.length > 0 : invoked !== undefined) throw unsupported(where, 'invokes');
  for (const key of ['onDone', 'history', 'output']) {
    if (config[key] !== undefined) throw unsupported(where, `has "${key}"`);
  }
  checkRawTransitions(where, config, known);
  return {
    id: node.id,
    name,
    parentId: node.parent?.id ?? null,
    kind: kindOf(node, where),
    initialId: initialOf(node, where),
    entry: references(config['entry'], known.actions, where, 'action'),
    exit: references(config['exit'], known.actions, where, 'action'),
    delays: node.after
      .map((definition) => ({ name: delayName(definition.delay, known, where), eventType: definition.eventType }))
      .filter(isFirstOfItsName),
    transitions: new Map(
      [...node.transitions].map(([type, list]) => [type, list.map((one) => readTransition(one, known, where))]),
    ),
    always: (node.always ?? []).map((one) => readTransition(one, known, where)),
  };
}

function kindOf(node: StateNode, where: string): ReadNode['kind'] {
  if (node.type === 'parallel' || node.type === 'history') throw unsupported(where, `is of type ${node.type}`);
  return node.type;
}

function initialOf(node: StateNode, where: string): string | null {
  if (node.type !== 'compound') return null;
  const declared: unknown = recordOf(node.config)['initial'];
  if (typeof declared !== 'string' || !Object.hasOwn(node.states, declared)) {
    throw invalid(where, `has the unknown initial state "${String(declared)}"`);
  }
  const [target] = node.initial.target;
  if (target === undefined) throw invalid(where, 'has no initial state');
  return target.id;
}

/** XState drops unknown keys of a transition silently, so the raw configuration is looked at too. */
function checkRawTransitions(where: string, config: Readonly<Record<string, unknown>>, known: KnownNames): void {
  for (const [type, raw] of Object.entries(recordOf(config['on']))) {
    if (!known.isFact(type)) throw invalid(where, `hears the unknown fact "${type}"`);
    checkRawTransition(where, raw);
  }
  for (const [delay, raw] of Object.entries(recordOf(config['after']))) {
    if (!known.delays.has(delay)) throw invalid(where, `has the unknown delay "${delay}"`);
    checkRawTransition(where, raw);
  }
  checkRawTransition(where, config['always']);
}

function checkRawTransition(where: string, raw: unknown): void {
  for (const one of listOf(raw)) {
    if (typeof one === 'string' || one === undefined) continue;
    if (typeof one === 'function') throw unsupported(where, 'has an inline transition function');
    for (const key of Object.keys(recordOf(one))) {
      if (!transitionKeys.has(key)) throw invalid(where, `has a transition with the unknown key "${key}"`);
    }
  }
}

interface TransitionShape {
  readonly target?: readonly { readonly id: string }[] | undefined;
  readonly guard?: unknown;
  readonly actions?: unknown;
  readonly reenter?: boolean | undefined;
}

function readTransition(definition: TransitionShape, known: KnownNames, where: string): ReadTransition {
  const targets = definition.target ?? [];
  if (targets.length > 1) throw unsupported(where, 'has a transition with several targets');
  const [guard] = references(definition.guard, known.guards, where, 'guard');
  return {
    targetId: targets[0]?.id ?? null,
    guard: guard ?? null,
    actions: references(definition.actions, known.actions, where, 'action'),
    reenter: definition.reenter === true,
  };
}

/** A name, `{ type, params }` with static params, or a list of those. */
function references(raw: unknown, known: ReadonlySet<string>, where: string, what: string): readonly NamedReference[] {
  return listOf(raw).map((one) => {
    if (typeof one === 'function') throw unsupported(where, `has an inline ${what}`);
    const record: Readonly<Record<string, unknown>> = typeof one === 'string' ? { type: one } : recordOf(one);
    const { type, params } = record;
    if (typeof type !== 'string') throw unsupported(where, `has an ${what} without a name`);
    if (!known.has(type)) throw invalid(where, `names the unknown ${what} "${type}"`);
    if (typeof params === 'function') throw unsupported(where, `computes the params of "${type}"`);
    return { name: type, params: params === undefined ? undefined : recordOf(params) };
  });
}

function delayName(delay: unknown, known: KnownNames, where: string): string {
  if (typeof delay !== 'string') throw unsupported(where, 'has a delay without a name');
  if (!known.delays.has(delay)) throw invalid(where, `has the unknown delay "${delay}"`);
  return delay;
}

function isFirstOfItsName(delay: ReadDelay, index: number, all: readonly ReadDelay[]): boolean {
  return all.findIndex((other) => other.eventType === delay.eventType) === index;
}

function listOf(raw: unknown): readonly unknown[] {
  if (raw === undefined || raw === null) return [];
  return Array.isArray(raw) ? raw : [raw];
}

/** The typed boundary to XState's loosely typed configuration objects. */
function recordOf(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null ? Object.fromEntries(Object.entries(raw)) : {};
}

function invalid(where: string, what: string): ProxyError {
  return new ProxyError('SALLYPORT_CHART_INVALID', `the chart is invalid: ${where} ${what}`);
}

function unsupported(where: string, what: string): ProxyError {
  return new ProxyError('SALLYPORT_CHART_UNSUPPORTED', `the chart cannot be compiled: ${where} ${what}`);
}
