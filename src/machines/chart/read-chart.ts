/**
 * Reads a whole machine into plain nodes, in document order, for those who draw it.
 *
 * Unlike the compiler it knows no registries, so names are taken as they are written; what cannot be drawn (inline
 * functions, children, history) is refused as the compiler refuses it.
 */
import type { AnyStateMachine } from 'xstate';
import { readNodes, type ReadNode, type ReadTransition } from './read-node.ts';

/** One arrow of a drawing. */
export interface ChartEdge {
  readonly source: ReadNode;
  /** The source itself where the transition is internal. */
  readonly target: ReadNode;
  readonly kind: 'fact' | 'deadline' | 'always';
  /** The fact's or the deadline's name; '' for `always`. */
  readonly on: string;
  readonly guard: string | null;
  readonly actions: readonly string[];
  /** True exactly when no state is left. */
  readonly isInternal: boolean;
}

export interface ReadChart {
  /** The machine's id. */
  readonly name: string;
  /** The root first. */
  readonly nodes: readonly ReadNode[];
  /** In document order: by source, then facts, deadlines and `always` as they are written. */
  readonly edges: readonly ChartEdge[];
}

export function readChart(machine: Pick<AnyStateMachine, 'root' | 'id'>): ReadChart {
  const known = { actions: everyName, guards: everyName, delays: everyName, isFact: () => true };
  const nodes = readNodes(machine.root, known);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return { name: machine.id, nodes, edges: nodes.flatMap((node) => edgesOf(node, byId)) };
}

/** The nodes directly below, in document order. */
export function childrenOf({ nodes }: ReadChart, parent: ReadNode): readonly ReadNode[] {
  return nodes.filter((node) => node.parentId === parent.id);
}

/** `ATTEMPTING` of `DIALING.ATTEMPTING`. */
export function shortName(node: ReadNode): string {
  return node.name.split('.').at(-1) ?? '';
}

/** `after dial [hasAttemptsLeft]` */
export function edgeLabel({ kind, on, guard }: ChartEdge): string {
  const what = kind === 'always' ? 'always' : kind === 'deadline' ? `after ${on}` : on;
  return guard === null ? what : `${what} [${guard}]`;
}

function edgesOf(source: ReadNode, byId: ReadonlyMap<string, ReadNode>): readonly ChartEdge[] {
  const deadlines = new Map(source.delays.map((delay) => [delay.eventType, delay.name]));
  const named = [...source.transitions].flatMap(([type, transitions]) => {
    const deadline = deadlines.get(type);
    const kind = deadline === undefined ? ('fact' as const) : ('deadline' as const);
    return transitions.map((transition) => edgeOf(source, transition, kind, deadline ?? type, byId));
  });
  return [...named, ...source.always.map((transition) => edgeOf(source, transition, 'always', '', byId))];
}

function edgeOf(
  source: ReadNode,
  transition: ReadTransition,
  kind: ChartEdge['kind'],
  on: string,
  byId: ReadonlyMap<string, ReadNode>,
): ChartEdge {
  const target = transition.targetId === null ? undefined : byId.get(transition.targetId);
  return {
    source,
    target: target ?? source,
    kind,
    on,
    guard: transition.guard?.name ?? null,
    actions: transition.actions.map(({ name }) => name),
    isInternal: target === undefined,
  };
}

class EveryName extends Set<string> {
  override has(): boolean {
    return true;
  }
}

const everyName: ReadonlySet<string> = new EveryName();
