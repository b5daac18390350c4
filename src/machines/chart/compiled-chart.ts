/**
 * Runs one connection through a compiled table: the fast interpreter.
 *
 * Decides nothing of its own: guards, updates, commands and delays are the registries', the order is XState's.
 * Outputs (commands, arms, cancels) are performed after the macrostep, in program order, and facts sent meanwhile queue.
 * Read first: `compile.ts`.
 */
import { ProxyError } from '../../errors.ts';
import type { ArmedTimer, Chart, ChartClock, ChartHost, ChartTimer, PersistedChart } from './chart.ts';
import type { Candidate, ChartTable, Leaf } from './compile.ts';
import type { ControlEvent } from './registries.ts';

interface MutableArgs<Context, Fact> {
  context: Context;
  event: Fact | ControlEvent;
}

/** What all charts of one table share: the outputs of the steps under way, as a stack, so that steps may nest. */
interface Outputs<Command> {
  readonly commands: (Command | null)[];
  /** -1 for a command; otherwise the slot. */
  readonly slots: number[];
  /** NaN = cancel, otherwise milliseconds. */
  readonly delays: number[];
  top: number;
}

const startEvent: ControlEvent = { type: 'xstate.init' };

export interface CompiledCharts<Context, Fact, Command> {
  /** A chart at its beginning. */
  create(context: Context, clock: ChartClock, host: ChartHost<Command>): Chart<Context, Fact>;
  /** A chart that goes on where a persisted one was. */
  restore(persisted: PersistedChart<Context>, clock: ChartClock, host: ChartHost<Command>): Chart<Context, Fact>;
}

/** What all charts of one table on one clock share, so that each of them carries one reference instead of three. */
interface Engine<Context, Fact, Command> {
  readonly table: ChartTable<Context, Fact, Command>;
  readonly outputs: Outputs<Command>;
  readonly clock: ChartClock;
}

/** The deadlines that may be armed at once: a state's own and its parents'. Each is a field of the chart. */
const slotsMax = 4;

/** @throws ProxyError SALLYPORT_CHART_UNSUPPORTED when more than four deadlines may be armed at once. */
export function compiledCharts<Context, Fact extends { readonly type: string }, Command>(
  table: ChartTable<Context, Fact, Command>,
): CompiledCharts<Context, Fact, Command> {
  if (table.slotCount > slotsMax) {
    throw new ProxyError(
      'SALLYPORT_CHART_UNSUPPORTED',
      `the chart arms ${table.slotCount} deadlines at once, and ${slotsMax} are supported`,
    );
  }
  let engine: Engine<Context, Fact, Command> | null = null;
  const engineOn = (clock: ChartClock): Engine<Context, Fact, Command> => {
    if (engine?.clock !== clock) engine = { table, clock, outputs: { commands: [], slots: [], delays: [], top: 0 } };
    return engine;
  };
  const leafByValue = new Map(table.leaves.map((one) => [JSON.stringify(one.value), one]));
  /** What this very table has persisted is known without being read. */
  const leafByOwnValue = new Map(table.leaves.map((one) => [one.value, one]));
  return {
    create: (context, clock, host) => new CompiledChart(engineOn(clock), host, context),
    restore: (persisted, clock, host) => {
      const { value } = persisted.snapshot;
      const leaf = leafByOwnValue.get(value) ?? leafByValue.get(JSON.stringify(value));
      if (leaf === undefined) throw new RangeError('the persisted chart is in a state this chart does not have');
      return new RestoredChart(engineOn(clock), host, persisted, leaf);
    },
  };
}

class CompiledChart<Context, Fact extends { readonly type: string }, Command> implements Chart<Context, Fact> {
  context: Context;
  readonly #engine: Engine<Context, Fact, Command>;
  readonly #host: ChartHost<Command>;
  #leaf: Leaf<Context, Fact, Command> | null = null;
  #timer0: ChartTimer | null = null;
  #timer1: ChartTimer | null = null;
  #timer2: ChartTimer | null = null;
  #timer3: ChartTimer | null = null;
  #waiting: Fact[] | null = null;
  /** True exactly while a step or its outputs are under way. */
  #isBusy = false;

  constructor(engine: Engine<Context, Fact, Command>, host: ChartHost<Command>, context: Context) {
    this.#engine = engine;
    this.#host = host;
    this.context = context;
  }

  get leaf(): string {
    return this.#leaf?.name ?? '';
  }

  get state(): string {
    return this.#leaf?.state ?? '';
  }

  get isDone(): boolean {
    return this.#leaf?.isFinal ?? false;
  }

  start(): void {
    this.#isBusy = true;
    this.#take(this.#engine.table.initial, { context: this.context, event: startEvent });
    this.#runWaiting();
  }

  send(fact: Fact): void {
    if (this.#isBusy) {
      (this.#waiting ??= []).push(fact);
      return;
    }
    const leaf = this.#leaf;
    if (leaf === null || leaf.isFinal) return;
    this.#isBusy = true;
    this.#dispatch(leaf, fact.type, fact);
    this.#runWaiting();
  }

  /** A deadline of ours is due. Facts are told first; it fires only if its timer is still the armed one. */
  onTimer(slot: number): void {
    const due = this.#timerIn(slot);
    if (due === null) return;
    this.#host.beforeDeadline();
    const leaf = this.#leaf;
    if (this.#timerIn(slot) !== due || leaf === null) return;
    this.#keep(slot, null);
    const id = leaf.timers[slot]?.id;
    if (id === undefined) return;
    this.#isBusy = true;
    this.#dispatch(leaf, id, deadlineEvent(id));
    this.#runWaiting();
  }

  armed(): readonly ArmedTimer[] {
    const nowMs = this.#engine.clock.nowMs();
    return (this.#leaf?.timers ?? []).flatMap(({ id, slot }) => {
      const timer = this.#timerIn(slot);
      return timer === null ? [] : [{ id, remainingMs: Math.max(0, timer.dueMs - nowMs) }];
    });
  }

  persist(): PersistedChart<Context> {
    const status = this.isDone ? 'done' : 'active';
    const value = this.#leaf?.value ?? '';
    return { snapshot: { status, value, context: this.context, children: {}, historyValue: {} }, timers: this.armed() };
  }

  /** In this leaf, without entering it: what remained of its deadlines is armed, and no command is repeated. */
  protected resumeIn(leaf: Leaf<Context, Fact, Command>, timers: readonly ArmedTimer[]): void {
    this.#leaf = leaf;
    for (const timer of timers) {
      const known = leaf.timers.find((one) => one.id === timer.id);
      if (known !== undefined) this.#keep(known.slot, this.#engine.clock.arm(timer.remainingMs, this, known.slot));
    }
  }

  #timerIn(slot: number): ChartTimer | null {
    if (slot === 0) return this.#timer0;
    if (slot === 1) return this.#timer1;
    return slot === 2 ? this.#timer2 : this.#timer3;
  }

  #keep(slot: number, timer: ChartTimer | null): void {
    if (slot === 0) this.#timer0 = timer;
    else if (slot === 1) this.#timer1 = timer;
    else if (slot === 2) this.#timer2 = timer;
    else this.#timer3 = timer;
  }

  #runWaiting(): void {
    for (let position = 0; this.#waiting !== null; position += 1) {
      const fact = this.#waiting[position];
      if (fact === undefined) this.#waiting = null;
      else if (this.#leaf !== null && !this.#leaf.isFinal) this.#dispatch(this.#leaf, fact.type, fact);
    }
    this.#isBusy = false;
  }

  #dispatch(leaf: Leaf<Context, Fact, Command>, type: string, event: Fact | ControlEvent): void {
    const candidates = leaf.candidates.get(type);
    if (candidates === undefined && leaf.always.length === 0) return;
    const args: MutableArgs<Context, Fact> = { context: this.context, event };
    const chosen = candidates === undefined ? null : choose(candidates, args);
    if (chosen !== null || leaf.always.length > 0) this.#take(chosen, args);
  }

  /** One macrostep: the transition if there is one, whatever `always` follows (a guard may read the event), the outputs. */
  #take(candidate: Candidate<Context, Fact, Command> | null, args: MutableArgs<Context, Fact>): void {
    const from = this.#leaf;
    const base = this.#engine.outputs.top;
    if (candidate !== null) this.#run(candidate, args);
    for (let leaf = this.#leaf; leaf !== null && leaf.always.length > 0; leaf = this.#leaf) {
      const next = choose(leaf.always, args);
      if (next === null) break;
      this.#run(next, args);
      if (this.#leaf === leaf && !next.operations.some(({ kind }) => kind === 'update')) break;
    }
    const to = this.#leaf;
    const atMs = this.#engine.clock.nowMs();
    if (to !== null && to !== from) this.#host.moved(from?.name ?? '', to.name, args.event.type, atMs);
    this.#perform(base, atMs);
  }

  #run(candidate: Candidate<Context, Fact, Command>, args: MutableArgs<Context, Fact>): void {
    const { operations } = candidate;
    for (let position = 0; position < operations.length; position += 1) {
      const operation = operations[position];
      if (operation === undefined) continue;
      switch (operation.kind) {
        case 'update':
          args.context = operation.run(args);
          break;
        case 'command':
          this.#put(operation.run(args), -1, 0);
          break;
        case 'arm': {
          const delayMs = operation.delay(args.context);
          if (delayMs !== null) this.#put(null, operation.slot, delayMs);
          break;
        }
        case 'cancel':
          this.#put(null, operation.slot, Number.NaN);
      }
    }
    this.context = args.context;
    this.#leaf = this.#engine.table.leaves[candidate.leaf] ?? null;
  }

  #put(command: Command | null, slot: number, delayMs: number): void {
    const { outputs } = this.#engine;
    const { top } = outputs;
    outputs.commands[top] = command;
    outputs.slots[top] = slot;
    outputs.delays[top] = delayMs;
    outputs.top = top + 1;
  }

  /** Steps of other charts may nest in a command; they put their outputs above ours and take them away again. */
  #perform(base: number, atMs: number): void {
    const { outputs } = this.#engine;
    const end = outputs.top;
    for (let position = base; position < end; position += 1) {
      const command = outputs.commands[position];
      const slot = outputs.slots[position] ?? -1;
      if (slot === -1) {
        outputs.commands[position] = null;
        if (command !== null && command !== undefined) this.#host.perform(command);
        continue;
      }
      const armed = this.#timerIn(slot);
      if (armed !== null) this.#engine.clock.cancel(armed);
      const delayMs = outputs.delays[position] ?? Number.NaN;
      this.#keep(slot, Number.isNaN(delayMs) ? null : this.#engine.clock.arm(delayMs, this, slot, atMs));
    }
    outputs.top = base;
  }
}

/** A chart that goes on where a persisted one was. */
class RestoredChart<Context, Fact extends { readonly type: string }, Command> extends CompiledChart<
  Context,
  Fact,
  Command
> {
  readonly #restored: Leaf<Context, Fact, Command>;
  readonly #timers: readonly ArmedTimer[];

  constructor(
    engine: Engine<Context, Fact, Command>,
    host: ChartHost<Command>,
    { snapshot, timers }: PersistedChart<Context>,
    leaf: Leaf<Context, Fact, Command>,
  ) {
    super(engine, host, snapshot.context);
    this.#restored = leaf;
    this.#timers = timers;
  }

  override start(): void {
    this.resumeIn(this.#restored, this.#timers);
  }
}

/** The first candidate whose guard lets it be taken. */
function choose<Context, Fact, Command>(
  candidates: readonly Candidate<Context, Fact, Command>[],
  args: MutableArgs<Context, Fact>,
): Candidate<Context, Fact, Command> | null {
  for (let position = 0; position < candidates.length; position += 1) {
    const candidate = candidates[position];
    if (candidate === undefined) break;
    if (candidate.guard === null || candidate.guard(args)) return candidate;
  }
  return null;
}

function deadlineEvent(id: string): ControlEvent {
  return { type: `xstate.${id.slice('xstate.'.length)}` };
}
