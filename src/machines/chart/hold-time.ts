/**
 * How long can a peer hold a slot? The longest walk through a compiled chart, found by searching it, not by summing a list.
 *
 * Decides: nothing; it reads the deadlines a chart would arm. In every state the worst comes last: each fact arrives at the
 * very instant before a deadline, because waiting never shortens a walk (a parent's deadline runs on, a child's is bounded
 * by it). So only the instants at which something is due are looked at, and there everything that may happen is tried.
 * A leaf may wait for a chart of its own (an exchange): its longest walk is found first, and stands for the stay.
 * Must never do: wait, or know what the chart is about. Proof: test/property/hold-time.test.ts.
 * Read first: `compile.ts`.
 */
import type { ArmedTimer, Chart, ChartClock, ChartHost, ChartTimer, PersistedChart } from './chart.ts';
import { compiledCharts, type CompiledCharts } from './compiled-chart.ts';
import type { ChartTable } from './compile.ts';

/** One stay of the longest walk. */
export interface HoldStep {
  /** The leaf: `DIALING.ATTEMPTING.RESOLVING`; of a chart inside it `ESTABLISHED.HTTP.BUSY › SNIFFING`. */
  readonly state: string;
  /** The deadline that bounds the stay; null where none does. */
  readonly deadline: string | null;
  /** Null: without bound. */
  readonly ms: number | null;
}

export interface HoldTime {
  /** Null: without bound. */
  readonly totalMs: number | null;
  readonly path: readonly HoldStep[];
}

export interface HoldQuestion<Context, Fact extends { readonly type: string }, Command> {
  readonly table: ChartTable<Context, Fact, Command>;
  /** What a new instance remembers. */
  readonly context: Context;
  /** Everything that may be told to the chart at this age, bytes apart; a list where no fact tells an age. */
  readonly facts: readonly Fact[] | ((ageMs: number) => readonly Fact[]);
  /** The fact by which moving bytes renew a deadline, for a peer that trickles; null for one that is silent. */
  readonly activity: Fact['type'] | null;
  /** Facts that are told at most once on a walk: what takes bytes of a peer that is silent afterwards. */
  readonly once?: ReadonlySet<Fact['type']>;
  /** Leaves that are left in the tick in which they were entered: what they ask is answered at once. */
  readonly passing?: ReadonlySet<string>;
  /** What a leaf waits for that has a chart of its own; none for most. */
  readonly inside?: (leaf: string) => readonly InnerHold<Fact>[];
  /** Only walks on which this was commanded count. */
  readonly through?: string;
}

/** A chart inside a leaf: how long it takes at most, and what is told when it has ended. Nothing else is told meanwhile. */
export interface InnerHold<Fact extends { readonly type: string }> {
  readonly hold: HoldTime;
  readonly ends: readonly Fact['type'][];
}

/** The longest walk from the start of a chart to its end. */
export function holdTime<Context, Fact extends { readonly type: string }, Command>(
  question: HoldQuestion<Context, Fact, Command>,
): HoldTime {
  return new Search(question).longest();
}

interface Place<Context> {
  readonly at: PersistedChart<Context>;
  readonly leaf: string;
  readonly ageMs: number;
  /** What was told that is told at most once. */
  readonly spent: readonly string[];
  /** True exactly when what the question goes through was commanded. */
  readonly isThrough: boolean;
}

/** The rest of a walk, as a list from the last step back, so that walks share their tails. */
interface Rest {
  readonly totalMs: number;
  readonly step: HoldStep | null;
  readonly next: Rest | null;
}

const end: Rest = { totalMs: 0, step: null, next: null };
/** A walk that the question is not about. */
const beside: Rest = { totalMs: -Infinity, step: null, next: null };

function forever(state: string): Rest {
  return { totalMs: Infinity, step: { state, deadline: null, ms: null }, next: null };
}

class Search<Context, Fact extends { readonly type: string }, Command> {
  readonly #question: HoldQuestion<Context, Fact, Command>;
  readonly #charts: CompiledCharts<Context, Fact, Command>;
  /** By place and age: a fact may carry the age, and a deadline may be counted from it. */
  readonly #known = new Map<string, Rest>();
  /** The places of the walk that is being followed: how deep, and at what age. */
  readonly #walk = new Map<string, { readonly depth: number; readonly ageMs: number }>();
  /** The last place of the walk of each shape: everything that tells places apart, but what remains of deadlines. */
  readonly #shapes = new Map<string, Place<Context>>();
  /** The shallowest place of the walk that was met again since this was last set. */
  #metDepth = Infinity;

  constructor(question: HoldQuestion<Context, Fact, Command>) {
    this.#question = question;
    this.#charts = compiledCharts(question.table);
  }

  longest(): HoldTime {
    const witness = new Witness(this.#question.through);
    const chart = this.#charts.create(this.#question.context, new HeldClock(), witness);
    chart.start();
    const { hasSeen: isThrough } = witness;
    const rest = this.#from({ at: chart.persist(), leaf: chart.leaf, ageMs: 0, spent: [], isThrough });
    if (rest.totalMs === -Infinity) return { totalMs: 0, path: [] };
    return { totalMs: Number.isFinite(rest.totalMs) ? rest.totalMs : null, path: pathOf(rest) };
  }

  /** The longest walk from here on. What was found is kept, unless it leans on a place whose own search is under way. */
  #from(place: Place<Context>): Rest {
    if (place.at.snapshot.status === 'done') return place.isThrough ? end : beside;
    const { spent, isThrough } = place;
    const key = JSON.stringify([place.leaf, place.at.snapshot.context, place.at.timers, spent, isThrough]);
    const met = this.#walk.get(key);
    if (met !== undefined) {
      this.#metDepth = Math.min(this.#metDepth, met.depth);
      if (met.ageMs === place.ageMs) return isThrough ? end : beside;
      return forever(place.leaf);
    }
    const aged = typeof this.#question.facts === 'function' ? `${key} ${place.ageMs}` : key;
    const known = this.#known.get(aged);
    if (known !== undefined) return known;
    const shape = JSON.stringify([place.leaf, place.at.snapshot.context, spent, isThrough]);
    const last = this.#shapes.get(shape);
    const rounds = last === undefined ? null : this.#rounds(last, place);
    if (rounds !== null) return before([rounds.step], this.#from(rounds.after));
    this.#shapes.set(shape, place);
    const rest = this.#fromNew(place, key, aged);
    if (last === undefined) this.#shapes.delete(shape);
    else this.#shapes.set(shape, last);
    return rest;
  }

  #fromNew(place: Place<Context>, key: string, aged: string): Rest {
    const depth = this.#walk.size;
    const metBefore = this.#metDepth;
    this.#metDepth = Infinity;
    this.#walk.set(key, { depth, ageMs: place.ageMs });
    const found = this.#stay(place);
    this.#walk.delete(key);
    if (this.#metDepth >= depth) this.#known.set(aged, found);
    this.#metDepth = Math.min(metBefore, this.#metDepth < depth ? this.#metDepth : Infinity);
    return found;
  }

  /**
   * A walk that has come round to where it was, with nothing spent but time, may go the same round again until a deadline
   * around it is due: so often as that fits, as one step. Leaving earlier is never longer. Null where not one more fits.
   */
  #rounds(
    last: Place<Context>,
    place: Place<Context>,
  ): { readonly step: HoldStep; readonly after: Place<Context> } | null {
    const roundMs = place.ageMs - last.ageMs;
    const spentMs = ({ id, remainingMs }: ArmedTimer) =>
      (last.at.timers.find((one) => one.id === id)?.remainingMs ?? Infinity) - remainingMs;
    const around = place.at.timers.filter((timer) => spentMs(timer) !== 0);
    const isRound =
      roundMs > 0 &&
      place.at.timers.length === last.at.timers.length &&
      around.every((timer) => spentMs(timer) === roundMs);
    const [first] = around.toSorted((one, other) => one.remainingMs - other.remainingMs);
    const count = isRound && first !== undefined ? Math.floor(first.remainingMs / roundMs) : 0;
    if (count === 0) return null;
    const step = { state: place.leaf, deadline: this.#delayName(place.leaf, first), ms: count * roundMs };
    return { step, after: this.#after(place, step.ms, around) };
  }

  #stay(place: Place<Context>): Rest {
    if (this.#question.passing?.has(place.leaf) === true) {
      return longestOf(this.#facts(place).map((fact) => this.#told(place, fact)));
    }
    const inner = this.#question.inside?.(place.leaf) ?? [];
    const lasting = place.at.timers.filter((timer) => !this.#isRenewable(place, timer));
    const stayMs = Math.min(...lasting.map((timer) => timer.remainingMs));
    if (inner.length > 0) return this.#stayInside(place, inner, lasting, stayMs);
    if (stayMs === Infinity) return forever(place.leaf);
    const due = lasting.filter((timer) => timer.remainingMs === stayMs);
    const later = this.#after(place, stayMs, lasting);
    const rests = [
      ...this.#facts(later).map((fact) => this.#told(later, fact)),
      ...due.map((timer) => this.#from(this.#afterFiring(later, timer))),
    ];
    const longest = longestOf(rests);
    if (stayMs === 0) return longest;
    const step = { state: place.leaf, deadline: this.#delayName(place.leaf, due[0]), ms: stayMs };
    return before([step], longest);
  }

  /** As long as what is inside takes, unless a deadline of this chart comes first; it may end just before that, too. */
  #stayInside(
    place: Place<Context>,
    inner: readonly InnerHold<Fact>[],
    lasting: readonly ArmedTimer[],
    stayMs: number,
  ): Rest {
    const rests = inner.map(({ hold, ends }) => {
      const steps = hold.path.map((step) => ({ ...step, state: `${place.leaf} › ${step.state}` }));
      const holdMs = hold.totalMs ?? Infinity;
      if (holdMs === Infinity && stayMs === Infinity)
        return steps.length === 0 ? forever(place.leaf) : before(steps, end);
      const later = this.#after(place, Math.min(holdMs, stayMs), lasting);
      const told = this.#facts(later).filter(({ type }) => ends.includes(type));
      const due = stayMs > holdMs ? [] : lasting.filter((timer) => timer.remainingMs === stayMs);
      const longest = longestOf([
        ...told.map((fact) => this.#told(later, fact)),
        ...due.map((timer) => this.#from(this.#afterFiring(later, timer))),
      ]);
      if (holdMs <= stayMs) return before(steps, longest);
      return before([{ state: place.leaf, deadline: this.#delayName(place.leaf, due[0]), ms: stayMs }], longest);
    });
    return longestOf(rests);
  }

  /** What can be told here and would change anything. */
  #facts({ leaf: name, ageMs, spent }: Place<Context>): readonly Fact[] {
    const { facts } = this.#question;
    const { candidates, always } = this.#leaf(name);
    const all = typeof facts === 'function' ? facts(ageMs) : facts;
    return all.filter(({ type }) => (candidates.has(type) || always.length > 0) && !spent.includes(type));
  }

  /** The same place, so much later; what is renewable was renewed just now. */
  #after(place: Place<Context>, stayMs: number, lasting: readonly ArmedTimer[]): Place<Context> {
    const timers = place.at.timers.map((timer) =>
      lasting.includes(timer) ? { id: timer.id, remainingMs: timer.remainingMs - stayMs } : timer,
    );
    return { ...place, at: { snapshot: place.at.snapshot, timers }, ageMs: place.ageMs + stayMs };
  }

  /** True exactly when the deadline holds nobody: its own firing arms it again, or the peer's bytes do. */
  #isRenewable(place: Place<Context>, timer: ArmedTimer): boolean {
    const leaf = this.#leaf(place.leaf);
    const slot = leaf.timers.find((one) => one.id === timer.id)?.slot;
    const { activity } = this.#question;
    const renewals = activity === null ? [] : (leaf.candidates.get(activity) ?? []);
    if (renewals.some((one) => one.operations.some((what) => what.kind === 'cancel' && what.slot === slot)))
      return true;
    if (leaf.candidates.get(timer.id)?.some((one) => one.leaf === leaf.index) !== true) return false;
    const again = this.#afterFiring(place, timer);
    return (
      again.at.timers.length === place.at.timers.length &&
      JSON.stringify(again.at.snapshot) === JSON.stringify(place.at.snapshot)
    );
  }

  #told(place: Place<Context>, fact: Fact): Rest {
    const { chart, witness } = this.#restore(place);
    chart.send(fact);
    const spent = this.#question.once?.has(fact.type) === true ? [...place.spent, fact.type] : place.spent;
    return this.#from({ ...this.#at(place, chart, witness), spent });
  }

  #afterFiring(place: Place<Context>, timer: ArmedTimer): Place<Context> {
    const { clock, chart, witness } = this.#restore(place);
    clock.fire(timer.id, this.#leaf(place.leaf).timers);
    return this.#at(place, chart, witness);
  }

  #at(place: Place<Context>, chart: Chart<Context, Fact>, { hasSeen }: Witness): Place<Context> {
    return { ...place, at: chart.persist(), leaf: chart.leaf, isThrough: place.isThrough || hasSeen };
  }

  #restore({ at }: Place<Context>) {
    const clock = new HeldClock();
    const witness = new Witness(this.#question.through);
    const chart = this.#charts.restore(at, clock, witness);
    chart.start();
    return { clock, chart, witness };
  }

  #leaf(name: string) {
    const leaf = this.#question.table.leaves[this.#question.table.leafByName.get(name) ?? -1];
    if (leaf === undefined) throw new RangeError(`the chart has no state ${name}`);
    return leaf;
  }

  #delayName(leaf: string, timer: ArmedTimer | undefined): string | null {
    return this.#leaf(leaf).timers.find((one) => one.id === timer?.id)?.delayName ?? null;
  }
}

/** Hears one command; what a chart commands does not matter otherwise to how long it may stay. */
class Witness implements ChartHost<unknown> {
  /** True exactly when the command was given, or none is waited for. */
  hasSeen: boolean;
  readonly #type: string | undefined;

  constructor(type: string | undefined) {
    this.#type = type;
    this.hasSeen = type === undefined;
  }

  perform(command: unknown): void {
    if (typeof command === 'object' && command !== null && 'type' in command && command.type === this.#type)
      this.hasSeen = true;
  }

  moved(): void {}

  beforeDeadline(): void {}
}

function longestOf(rests: readonly Rest[]): Rest {
  return rests.reduce((best, rest) => (rest.totalMs > best.totalMs ? rest : best), beside);
}

/** The steps, then the rest. */
function before(steps: readonly HoldStep[], rest: Rest): Rest {
  return steps.reduceRight((next, step) => ({ totalMs: (step.ms ?? Infinity) + next.totalMs, step, next }), rest);
}

interface HeldTimer extends ChartTimer {
  readonly slot: number;
  readonly target: { onTimer(slot: number): void };
}

/** A clock that stands still. A deadline is due when the search says so. */
class HeldClock implements ChartClock {
  readonly #armed = new Set<HeldTimer>();

  nowMs(): number {
    return 0;
  }

  arm(delayMs: number, target: HeldTimer['target'], slot: number): HeldTimer {
    const timer = { dueMs: delayMs, slot, target };
    this.#armed.add(timer);
    return timer;
  }

  cancel(timer: ChartTimer): void {
    for (const armed of this.#armed) if (armed === timer) this.#armed.delete(armed);
  }

  fire(id: string, timers: readonly { readonly id: string; readonly slot: number }[]): void {
    const slot = timers.find((one) => one.id === id)?.slot;
    for (const timer of this.#armed) {
      if (timer.slot !== slot) continue;
      this.#armed.delete(timer);
      timer.target.onTimer(timer.slot);
      return;
    }
  }
}

function pathOf(rest: Rest): readonly HoldStep[] {
  const path: HoldStep[] = [];
  for (let at: Rest | null = rest; at !== null; at = at.next) if (at.step !== null) path.push(at.step);
  return path;
}
