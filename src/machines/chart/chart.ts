/**
 * What a running chart looks like from outside, whichever interpreter runs it, and what it needs from its owner.
 *
 * Read first: `compiled-chart.ts` and `actor-chart.ts`, the two that implement `Chart`.
 */
import type { StateValueData } from './compile.ts';

export interface ChartTimer {
  readonly dueMs: number;
}

/** The part of a clock that a chart uses. Structurally the same as the shell's clock. */
export interface ChartClock {
  nowMs(): number;
  /** @param sinceMs what `nowMs` said at the beginning of the step; without it, the delay counts from now. */
  arm(delayMs: number, target: { onTimer(slot: number): void }, slot: number, sinceMs?: number): ChartTimer;
  cancel(timer: ChartTimer): void;
}

/** Whoever owns a chart: carries out its commands and hears how it moves. */
export interface ChartHost<Command> {
  perform(command: Command): void;
  /**
   * The leaf has changed, before the commands of that step are performed. `event`: a fact's name, or `xstate.after.…`.
   * `atMs`: when; the deadlines of that step count from there.
   */
  moved(from: string, to: string, event: string, atMs: number): void;
  /** A deadline is due; report activity since the last report now. It fires only if it is still armed afterwards. */
  beforeDeadline(): void;
}

export interface ArmedTimer {
  /** XState's id: `xstate.after.dial.connection.DIALING.ATTEMPTING`. */
  readonly id: string;
  readonly remainingMs: number;
}

/** A chart at rest: XState's persisted snapshot, and what remains of each deadline, which XState does not keep. */
export interface PersistedChart<Context> {
  readonly snapshot: PersistedSnapshot<Context>;
  readonly timers: readonly ArmedTimer[];
}

/** The fields of XState's own persisted snapshot for a machine without children. */
export interface PersistedSnapshot<Context> {
  readonly status: 'active' | 'done';
  readonly value: StateValueData;
  readonly context: Context;
  readonly children: Readonly<Record<string, never>>;
  readonly historyValue: Readonly<Record<string, never>>;
}

export interface Chart<Context, Fact> {
  readonly leaf: string;
  readonly state: string;
  readonly context: Context;
  readonly isDone: boolean;
  /** Enters the initial state, or re-arms what was restored. */
  start(): void;
  /** Facts sent while one is being handled wait their turn; facts after the end are dropped. */
  send(fact: Fact): void;
  armed(): readonly ArmedTimer[];
  persist(): PersistedChart<Context>;
}

/** `HALF_CLOSED` of `HALF_CLOSED.FLUSHING`. Asked at every move, so the few answers there are are remembered. */
export function stateOf(leaf: string): string {
  return states.get(leaf) ?? remember(leaf);
}

const states = new Map<string, string>();

function remember(leaf: string): string {
  const [state = leaf] = leaf.split('.', 1);
  states.set(leaf, state);
  return state;
}
