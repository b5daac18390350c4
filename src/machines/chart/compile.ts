/**
 * Compiles an XState machine into a table: for every leaf and every event, the candidate transitions in XState's order,
 * each as a straight list of operations. The table is derived from `machine.root` at start-up, never written by hand.
 *
 * Implements: nested states, `on`, `always`, `after` with named delays, guards and actions with static params, entry and
 * exit, `reenter`, internal transitions, one final state at the top. Refuses everything else (`read-node.ts`).
 * Order of operations, as XState's: exits from the innermost, each node's exit actions, then its timers are cancelled;
 * the edge's actions; entries from the outermost, each node's entry actions, then its timers are armed.
 * Read first: docs/adr/0003-compiled-charts.md. Proof: test/property/conformance.test.ts.
 */
import type { AnyStateMachine, StateNode } from 'xstate';
import { ProxyError } from '../../errors.ts';
import { readNodes, type KnownNames, type NamedReference, type ReadNode, type ReadTransition } from './read-node.ts';
import type { ChartArgs, Registries } from './registries.ts';

/** A function of a registry with its params bound by the table. */
export type Bound<Args, Result> = (args: Args) => Result;

export type Operation<Context, Fact, Command> =
  | { readonly kind: 'update'; readonly run: Bound<ChartArgs<Context, Fact>, Context> }
  | { readonly kind: 'command'; readonly run: Bound<ChartArgs<Context, Fact>, Command> }
  | { readonly kind: 'arm'; readonly slot: number; readonly delay: (context: Context) => number | null }
  | { readonly kind: 'cancel'; readonly slot: number };

export interface Candidate<Context, Fact, Command> {
  readonly guard: Bound<ChartArgs<Context, Fact>, boolean> | null;
  readonly operations: readonly Operation<Context, Fact, Command>[];
  /** Index of the leaf this leads to; the same leaf for an internal transition. */
  readonly leaf: number;
  readonly guardName: string | null;
  readonly actionNames: readonly string[];
  /** True exactly when states are left or entered. */
  readonly isExternal: boolean;
}

/** What the timer in a slot of a leaf is. */
export interface SlotTimer {
  /** XState's event and timer id: `xstate.after.dial.connection.DIALING.ATTEMPTING`. */
  readonly id: string;
  readonly delayName: string;
  readonly slot: number;
}

export interface Leaf<Context, Fact, Command> {
  readonly index: number;
  /** `HALF_CLOSED.FLUSHING` */
  readonly name: string;
  /** `HALF_CLOSED` */
  readonly state: string;
  /** As XState writes it: `{ HALF_CLOSED: 'FLUSHING' }`. */
  readonly value: StateValueData;
  readonly isFinal: boolean;
  readonly candidates: ReadonlyMap<string, readonly Candidate<Context, Fact, Command>[]>;
  readonly always: readonly Candidate<Context, Fact, Command>[];
  /** Indexed by slot; its own and its parents' deadlines. */
  readonly timers: readonly SlotTimer[];
}

export type StateValueData = string | { readonly [key: string]: StateValueData };

export interface ChartTable<Context, Fact, Command> {
  readonly leaves: readonly Leaf<Context, Fact, Command>[];
  readonly leafByName: ReadonlyMap<string, number>;
  readonly initial: Candidate<Context, Fact, Command>;
  readonly slotCount: number;
}

/**
 * @param isFact tells whether a name is one of the chart's facts, so that a misspelt one is refused.
 * @throws ProxyError SALLYPORT_CHART_UNSUPPORTED, SALLYPORT_CHART_INVALID
 */
export function compileChart<Context, Fact, Command>(
  machine: Pick<AnyStateMachine, 'root'>,
  registries: Registries<Context, Fact, Command>,
  isFact: (name: string) => boolean,
): ChartTable<Context, Fact, Command> {
  const root: StateNode = machine.root;
  const known: KnownNames = {
    actions: new Set([...Object.keys(registries.updates), ...Object.keys(registries.commands)]),
    guards: new Set(Object.keys(registries.guards)),
    delays: new Set(Object.keys(registries.delays)),
    isFact,
  };
  const tree = new Tree(readNodes(root, known));
  return new TableBuilder(tree, registries).build();
}

/** The nodes in document order, with the family relations a transition needs. */
class Tree {
  readonly nodes: readonly ReadNode[];
  readonly #byId: ReadonlyMap<string, ReadNode>;

  constructor(nodes: readonly ReadNode[]) {
    this.nodes = nodes;
    this.#byId = new Map(nodes.map((node) => [node.id, node]));
    const [root] = nodes;
    if (root === undefined || root.kind !== 'compound')
      throw new ProxyError('SALLYPORT_CHART_UNSUPPORTED', 'a chart needs states');
    if (root.entry.length + root.exit.length + root.delays.length > 0) {
      throw new ProxyError('SALLYPORT_CHART_UNSUPPORTED', 'the root has entry, exit or after');
    }
    for (const node of nodes) {
      if (node.kind !== 'final') continue;
      if (node.parentId !== root.id)
        throw new ProxyError('SALLYPORT_CHART_UNSUPPORTED', `${node.name} is final inside another state`);
      if (node.exit.length > 0)
        throw new ProxyError('SALLYPORT_CHART_UNSUPPORTED', `${node.name} is final and has exit actions`);
    }
  }

  get(id: string): ReadNode {
    const node = this.#byId.get(id);
    if (node === undefined)
      throw new ProxyError('SALLYPORT_CHART_INVALID', `the chart targets the unknown state "${id}"`);
    return node;
  }

  /** From the root down to the node itself. */
  lineage(node: ReadNode): readonly ReadNode[] {
    return node.parentId === null ? [node] : [...this.lineage(this.get(node.parentId)), node];
  }

  isBelow(node: ReadNode, ancestor: ReadNode): boolean {
    return node !== ancestor && this.lineage(node).includes(ancestor);
  }

  /** The node followed by the initial states below it. */
  descent(node: ReadNode): readonly ReadNode[] {
    return node.initialId === null ? [node] : [node, ...this.descent(this.get(node.initialId))];
  }

  /** The state that stays active while a transition is taken (XState's transition domain). */
  domain(source: ReadNode, target: ReadNode, reenter: boolean): ReadNode {
    if (!reenter && (target === source || this.isBelow(target, source))) return source;
    const targetLine = this.lineage(target).slice(0, -1);
    const sourceLine = this.lineage(source).slice(0, -1);
    const shared = targetLine.filter((node) => sourceLine.includes(node)).at(-1);
    if (shared === undefined) throw new ProxyError('SALLYPORT_CHART_UNSUPPORTED', 'the root is re-entered');
    return shared;
  }
}

class TableBuilder<Context, Fact, Command> {
  readonly #tree: Tree;
  readonly #registries: Registries<Context, Fact, Command>;
  readonly #leafNodes: readonly ReadNode[];

  constructor(tree: Tree, registries: Registries<Context, Fact, Command>) {
    this.#tree = tree;
    this.#registries = registries;
    this.#leafNodes = tree.nodes.filter((node) => node.kind !== 'compound');
  }

  build(): ChartTable<Context, Fact, Command> {
    const leaves = this.#leafNodes.map((node, index) => this.#leaf(node, index));
    const root = this.#tree.get(this.#tree.nodes[0]?.id ?? '');
    const entered = this.#tree.descent(root).slice(1);
    return {
      leaves,
      leafByName: new Map(leaves.map((leaf) => [leaf.name, leaf.index])),
      initial: {
        guard: null,
        guardName: null,
        operations: entered.flatMap((node) => this.#enter(node)),
        leaf: this.#leafIndex(entered),
        actionNames: [],
        isExternal: true,
      },
      slotCount: Math.max(...leaves.map((leaf) => leaf.timers.length)),
    };
  }

  #leaf(node: ReadNode, index: number): Leaf<Context, Fact, Command> {
    const inwards = this.#tree.lineage(node).toReversed();
    const types = new Set(inwards.flatMap((one) => [...one.transitions.keys()]));
    const candidatesOf = (select: (one: ReadNode) => readonly ReadTransition[]) =>
      inwards.flatMap((source) => select(source).map((transition) => this.#candidate(node, index, source, transition)));
    return {
      index,
      name: node.name,
      state: node.name.split('.')[0] ?? '',
      value: valueOf(node.name.split('.')),
      isFinal: node.kind === 'final',
      candidates: new Map([...types].map((type) => [type, candidatesOf((one) => one.transitions.get(type) ?? [])])),
      always: candidatesOf((one) => one.always),
      timers: this.#tree.lineage(node).flatMap((one) => this.#timers(one)),
    };
  }

  #candidate(
    leaf: ReadNode,
    index: number,
    source: ReadNode,
    transition: ReadTransition,
  ): Candidate<Context, Fact, Command> {
    const edge = transition.actions.map((action) => this.#action(action));
    const plain = {
      guard: transition.guard === null ? null : this.#guard(transition.guard),
      guardName: transition.guard?.name ?? null,
      actionNames: transition.actions.map((action) => action.name),
    };
    if (transition.targetId === null) return { ...plain, operations: edge, leaf: index, isExternal: false };
    const target = this.#tree.get(transition.targetId);
    const domain = this.#tree.domain(source, target, transition.reenter);
    const exited = this.#tree
      .lineage(leaf)
      .filter((node) => this.#tree.isBelow(node, domain))
      .toReversed();
    const entered = [...this.#tree.lineage(target).slice(0, -1), ...this.#tree.descent(target)].filter((node) =>
      this.#tree.isBelow(node, domain),
    );
    const operations = [
      ...exited.flatMap((node) => this.#exit(node)),
      ...edge,
      ...entered.flatMap((node) => this.#enter(node)),
    ];
    const arrived = entered.length === 0 ? index : this.#leafIndex(entered);
    return { ...plain, operations, leaf: arrived, isExternal: exited.length + entered.length > 0 };
  }

  #leafIndex(entered: readonly ReadNode[]): number {
    return this.#leafNodes.findIndex((node) => node === entered.at(-1));
  }

  #enter(node: ReadNode): readonly Operation<Context, Fact, Command>[] {
    const arms = this.#timers(node).map((timer) => ({
      kind: 'arm' as const,
      slot: timer.slot,
      delay: this.#lookUp(this.#registries.delays, timer.delayName),
    }));
    return [...node.entry.map((action) => this.#action(action)), ...arms];
  }

  #exit(node: ReadNode): readonly Operation<Context, Fact, Command>[] {
    const cancels = this.#timers(node).map((timer) => ({ kind: 'cancel' as const, slot: timer.slot }));
    return [...node.exit.map((action) => this.#action(action)), ...cancels];
  }

  /** A node's slots come after its parents', so the deadlines that can be armed together never share one. */
  #timers(node: ReadNode): readonly SlotTimer[] {
    const before = this.#tree
      .lineage(node)
      .slice(0, -1)
      .reduce((sum, one) => sum + one.delays.length, 0);
    return node.delays.map((delay, position) => ({
      id: delay.eventType,
      delayName: delay.name,
      slot: before + position,
    }));
  }

  #action(reference: NamedReference): Operation<Context, Fact, Command> {
    const update = this.#registries.updates[reference.name];
    if (update !== undefined) return { kind: 'update', run: bind(update, reference) };
    return { kind: 'command', run: bind(this.#lookUp(this.#registries.commands, reference.name), reference) };
  }

  #guard(reference: NamedReference): Bound<ChartArgs<Context, Fact>, boolean> {
    return bind(this.#lookUp(this.#registries.guards, reference.name), reference);
  }

  #lookUp<Entry>(registry: Readonly<Record<string, Entry>>, name: string): Entry {
    const entry = registry[name];
    if (entry === undefined)
      throw new ProxyError('SALLYPORT_CHART_INVALID', `the chart names "${name}", which no registry has`);
    return entry;
  }
}

/** Params are type-checked where the chart is written; here they are data. */
function bind<Args, Result>(
  run: (args: Args, params: never) => Result,
  reference: NamedReference,
): Bound<Args, Result> {
  const call = loosen(run);
  const { params } = reference;
  // Nearly always there are none, and then nothing stands between the table and the registry.
  return params === undefined ? call : (args) => call(args, params);
}

/** The typed boundary between XState's checked params and the table's plain data. */
function loosen<Args, Result>(run: (args: Args, params: never) => Result): (args: Args, params?: unknown) => Result;
function loosen(run: unknown): unknown {
  return run;
}

function valueOf(path: readonly string[]): StateValueData {
  const [head = '', ...rest] = path;
  return rest.length === 0 ? head : { [head]: valueOf(rest) };
}
