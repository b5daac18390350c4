/**
 * Runs one connection as a real XState actor behind the same face as the compiled chart: the inspectable interpreter.
 *
 * Decides nothing: XState does. What this adds is the clock (Infinity arms nothing, and a deadline first lets its owner
 * report activity), the order in which moves and commands are told, and the deadlines XState forgets on restore.
 * Read first: `chart.ts`.
 */
import { createActor, type Actor, type AnyStateMachine, type InspectionEvent, type Snapshot } from 'xstate';
import {
  stateOf,
  type ArmedTimer,
  type Chart,
  type ChartClock,
  type ChartHost,
  type ChartTimer,
  type PersistedChart,
} from './chart.ts';
import type { ChartTable, StateValueData } from './compile.ts';

/** What the adapter needs to know of an actor's snapshot. */
interface ActorSnapshot<Context> {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly value: unknown;
  readonly context: Context;
  readonly error: unknown;
}

/** The seam to XState's generics: how to make an actor of this machine, and how to tell it a fact. */
export interface ActorLogic<Context, Fact, Command> {
  readonly machine: AnyStateMachine;
  readonly table: ChartTable<Context, Fact, Command>;
  /** The typed boundary: the machine's own snapshot type, narrowed by whoever knows the machine. */
  read(snapshot: Snapshot<unknown>): ActorSnapshot<Context>;
  isCommand(emitted: { readonly type: string }): emitted is Command & { readonly type: string };
}

export type ActorStart<Context> =
  | { readonly kind: 'new'; readonly input: unknown }
  | { readonly kind: 'restored'; readonly persisted: PersistedChart<Context> };

export class ActorChart<Context, Fact extends { readonly type: string }, Command> implements Chart<Context, Fact> {
  /** The real thing, for XState's own tools. */
  readonly actor: Actor<AnyStateMachine>;
  readonly #logic: ActorLogic<Context, Fact, Command>;
  readonly #clock: ChartClock;
  readonly #host: ChartHost<Command>;
  readonly #timers = new Map<string, ActorTimer>();
  readonly #restored: readonly ArmedTimer[];
  #event = 'xstate.init';
  #leaf: string;
  /** True exactly until `start` has entered the first state. */
  #isNew = true;

  constructor(
    logic: ActorLogic<Context, Fact, Command>,
    start: ActorStart<Context>,
    clock: ChartClock,
    host: ChartHost<Command>,
  ) {
    this.#logic = logic;
    this.#clock = clock;
    this.#host = host;
    this.#leaf = '';
    this.#restored = start.kind === 'restored' ? start.persisted.timers : [];
    if (start.kind === 'restored') this.#leaf = knownLeaf(logic.table, start.persisted.snapshot.value);
    const options = {
      clock: {
        setTimeout: (fire: () => void, delayMs: number) => this.#arm(fire, delayMs),
        clearTimeout: (timer: unknown) => {
          if (timer instanceof ActorTimer) this.#cancel(timer);
        },
      },
      inspect: (inspected: InspectionEvent) => {
        if (inspected.type === '@xstate.microstep') this.#event = inspected.event.type;
      },
    };
    this.actor =
      start.kind === 'new'
        ? createActor(logic.machine, { ...options, input: start.input })
        : createActor(logic.machine, { ...options, snapshot: persistedSnapshot(start.persisted), input: undefined });
  }

  get leaf(): string {
    return this.#isNew ? '' : leafName(this.#snapshot.value);
  }

  get state(): string {
    return stateOf(this.leaf);
  }

  get context(): Context {
    return this.#snapshot.context;
  }

  get isDone(): boolean {
    return this.#snapshot.status !== 'active';
  }

  get #snapshot(): ActorSnapshot<Context> {
    return this.#logic.read(this.actor.getSnapshot());
  }

  start(): void {
    this.actor.on('*', (emitted: { readonly type: string }) => {
      this.#tellMove();
      if (this.#logic.isCommand(emitted)) this.#host.perform(emitted);
    });
    this.actor.subscribe({ next: () => this.#tellMove(), error: rethrow });
    this.#isNew = false;
    this.actor.start();
    this.#tellMove();
    for (const { id, remainingMs } of this.#restored) {
      this.actor.system.scheduler.schedule(this.actor, this.actor, { type: id }, remainingMs, id);
    }
  }

  send(fact: Fact): void {
    if (!this.#isNew && !this.isDone) this.actor.send(fact);
  }

  armed(): readonly ArmedTimer[] {
    const nowMs = this.#clock.nowMs();
    const leaf = this.#logic.table.leaves[this.#logic.table.leafByName.get(this.leaf) ?? -1];
    return (leaf?.timers ?? []).flatMap(({ id }) => {
      const timer = this.#timers.get(id);
      return timer === undefined ? [] : [{ id, remainingMs: Math.max(0, timer.timer.dueMs - nowMs) }];
    });
  }

  persist(): PersistedChart<Context> {
    const { value, context } = this.#snapshot;
    const status = this.isDone ? 'done' : 'active';
    const snapshot = { status, value: plainValue(value), context, children: {}, historyValue: {} } as const;
    return { snapshot, timers: this.armed() };
  }

  /** The leaf is new when commands and timers of the step are performed, and again when the step is over. */
  #tellMove(): void {
    const { leaf } = this;
    if (leaf === this.#leaf) return;
    const from = this.#leaf;
    this.#leaf = leaf;
    this.#host.moved(from, leaf, this.#event, this.#clock.nowMs());
  }

  #arm(fire: () => void, delayMs: number): ActorTimer | null {
    this.#tellMove();
    if (delayMs === Infinity) return null;
    const { _scheduledEvents: scheduled } = this.actor.system.getSnapshot();
    // XState files the event under its timer's id before it asks the clock.
    const last = Object.values(scheduled).at(-1);
    const armed = new ActorTimer(last?.event.type ?? '', fire, this.#clock, delayMs, (due) => this.#isStillArmed(due));
    this.#timers.set(armed.id, armed);
    return armed;
  }

  #isStillArmed(due: ActorTimer): boolean {
    if (this.#timers.get(due.id) !== due) return false;
    this.#host.beforeDeadline();
    if (this.#timers.get(due.id) !== due) return false;
    this.#timers.delete(due.id);
    return true;
  }

  #cancel(timer: ActorTimer): void {
    this.#tellMove();
    this.#clock.cancel(timer.timer);
    if (this.#timers.get(timer.id) === timer) this.#timers.delete(timer.id);
  }
}

class ActorTimer {
  readonly id: string;
  readonly timer: ChartTimer;
  readonly #fire: () => void;
  readonly #isStillArmed: (due: ActorTimer) => boolean;

  constructor(
    id: string,
    fire: () => void,
    clock: ChartClock,
    delayMs: number,
    isStillArmed: (due: ActorTimer) => boolean,
  ) {
    this.id = id;
    this.#fire = fire;
    this.#isStillArmed = isStillArmed;
    this.timer = clock.arm(delayMs, this, 0);
  }

  onTimer(): void {
    if (this.#isStillArmed(this)) this.#fire();
  }
}

/** `HALF_CLOSED.FLUSHING` of `{ HALF_CLOSED: 'FLUSHING' }`. */
function leafName(value: unknown): string {
  if (typeof value === 'string') return value;
  const [entry] = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return entry === undefined ? '' : `${entry[0]}.${leafName(entry[1])}`;
}

/** XState would report a state it does not have only later, as an uncaught error. */
function knownLeaf<Context, Fact, Command>(table: ChartTable<Context, Fact, Command>, value: StateValueData): string {
  const leaf = leafName(value);
  if (!table.leafByName.has(leaf)) throw new RangeError('the persisted chart is in a state this chart does not have');
  return leaf;
}

function plainValue(value: unknown): StateValueData {
  if (typeof value === 'string') return value;
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(entries.map(([key, inner]) => [key, plainValue(inner)]));
}

function persistedSnapshot<Context>({ snapshot }: PersistedChart<Context>): Snapshot<unknown> {
  const { status } = snapshot;
  const common = { ...snapshot, error: undefined, output: undefined };
  return status === 'done' ? { ...common, status } : { ...common, status };
}

/** An action that throws would freeze the actor in a hidden seventh state; let it be seen. */
function rethrow(error: unknown): never {
  throw error;
}
