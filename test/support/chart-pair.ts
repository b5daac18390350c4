/**
 * The compiled chart and the real XState actor, side by side on clocks of their own, told the same things.
 *
 * After every move everything that a user or the shell can see of one is compared with the other: leaf, context, the
 * persisted form, armed deadlines with what remains of them, and one log in order: commands (with the leaf and context
 * they are performed in), moves, arms, cancels, looks before deadlines.
 */
import type { Chart } from '../../src/machines/chart/chart.ts';
import { ChartTestClock } from './chart-clock.ts';

/** What one chart of a pair is given: its clock, its host. */
export interface Run<Fact, Command> {
  readonly chart: Chart<unknown, Fact>;
  readonly clock: ChartTestClock;
  readonly log: readonly string[];
  readonly host: RecordingHost<Fact, Command>;
}

export type Move<Fact> =
  | { readonly kind: 'fact'; readonly fact: Fact }
  /** The nth armed timer, counted around, with what is told just before it fires. */
  | { readonly kind: 'deadline'; readonly nth: number; readonly toldBefore: readonly Fact[] }
  /** The timer of that serial number. */
  | { readonly kind: 'timer'; readonly serial: number; readonly toldBefore: readonly Fact[] }
  | { readonly kind: 'time'; readonly byMs: number; readonly toldBefore: readonly Fact[] }
  /** From now on commands are answered. */
  | { readonly kind: 'script'; readonly answers: readonly (readonly Fact[])[] };

/** Writes everything down; answers each command, inside `perform`, with what the script has next. */
export class RecordingHost<Fact, Command> {
  readonly log: string[];
  script: readonly (readonly Fact[])[] = [];
  toldBefore: readonly Fact[] = [];
  chart: Chart<unknown, Fact> | null = null;

  constructor(log: string[]) {
    this.log = log;
  }

  perform(command: Command): void {
    const { chart } = this;
    this.log.push(`perform ${JSON.stringify(command)} in ${String(chart?.leaf)} ${JSON.stringify(chart?.context)}`);
    const [answers = [], ...rest] = this.script;
    this.script = rest;
    for (const fact of answers) chart?.send(fact);
  }

  moved(from: string, to: string, event: string): void {
    this.log.push(`moved ${from} → ${to} by ${event}, now ${String(this.chart?.leaf)}`);
  }

  beforeDeadline(): void {
    this.log.push('before a deadline');
    const told = this.toldBefore;
    this.toldBefore = [];
    for (const fact of told) this.chart?.send(fact);
  }
}

type Both<Fact, Command> = readonly [Run<Fact, Command>, Run<Fact, Command>];

export type Maker<Fact, Command> = (clock: ChartTestClock, host: RecordingHost<Fact, Command>) => Chart<unknown, Fact>;

export function begin<Fact, Command>(maker: Maker<Fact, Command>): Run<Fact, Command> {
  const log: string[] = [];
  const clock = new ChartTestClock({
    armed: ({ serial, delayMs }) => log.push(`arm ${serial} for ${delayMs}`),
    cancelled: ({ serial }) => log.push(`cancel ${serial}`),
  });
  const host = new RecordingHost<Fact, Command>(log);
  const chart = maker(clock, host);
  host.chart = chart;
  chart.start();
  return { chart, clock, log, host };
}

export function make<Fact, Command>({ chart, clock, host }: Run<Fact, Command>, move: Move<Fact>): void {
  switch (move.kind) {
    case 'fact':
      return chart.send(move.fact);
    case 'script':
      host.script = move.answers;
      return;
    case 'time':
      host.toldBefore = move.toldBefore;
      clock.advance(move.byMs);
      break;
    case 'deadline':
    case 'timer': {
      const armed = clock.armed();
      const timer =
        move.kind === 'timer'
          ? armed.find(({ serial }) => serial === move.serial)
          : armed[move.nth % Math.max(1, armed.length)];
      if (timer === undefined) return;
      host.toldBefore = move.toldBefore;
      clock.fire(timer);
    }
  }
  host.toldBefore = [];
}

/** Everything comparable about a run, as data. The log since `from`. */
export function visible<Fact, Command>({ chart, clock, log }: Run<Fact, Command>, from: number): unknown {
  return {
    log: log.slice(from),
    leaf: chart.leaf,
    state: chart.state,
    isDone: chart.isDone,
    armed: chart.armed(),
    clock: clock.armed().map(({ serial, dueMs }) => [serial, dueMs - clock.nowMs()]),
    persisted: chart.persist(),
  };
}

/** Null while the two look the same; otherwise both, as text. */
export function difference<Fact, Command>(
  one: Run<Fact, Command>,
  other: Run<Fact, Command>,
  from: number,
): string | null {
  const left = JSON.stringify(visible(one, from));
  const right = JSON.stringify(visible(other, from));
  return left === right ? null : `compiled: ${left}\nxstate:   ${right}`;
}

/** Plays the moves in both and compares after each. Answers the first difference and where, or null. */
export function play<Fact, Command>(
  one: Run<Fact, Command>,
  other: Run<Fact, Command>,
  moves: readonly Move<Fact>[],
  visited: (leaf: string) => void = () => {},
): string | null {
  const atStart = difference(one, other, 0);
  if (atStart !== null) return `at the start:\n${atStart}`;
  for (const [index, move] of moves.entries()) {
    const from = one.log.length;
    make(one, move);
    make(other, move);
    const found = difference(one, other, from);
    if (found !== null) return `after move ${index + 1} of ${JSON.stringify(moves)}:\n${found}`;
    visited(one.chart.leaf);
  }
  return null;
}

/**
 * Plays moves that are known to be the same in both, and compares after one more, for each of `moves`: what it did, and the
 * whole log of it all. A pair in which nothing has happened is where it was, and takes the next move. Answers the first
 * difference, or null.
 */
export function playEach<Fact, Command>(
  beginBoth: () => Both<Fact, Command>,
  known: readonly Move<Fact>[],
  moves: readonly Move<Fact>[],
): string | null {
  let there: Both<Fact, Command> | null = null;
  for (const move of moves) {
    const pair: Both<Fact, Command> = there ?? playedOn(beginBoth(), known);
    const [one, other] = pair;
    const before = JSON.stringify(visible(one, 0));
    make(one, move);
    make(other, move);
    const found = difference(one, other, 0);
    if (found !== null) return `after the last move of ${JSON.stringify([...known, move])}:\n${found}`;
    there = JSON.stringify(visible(one, 0)) === before ? pair : null;
  }
  return null;
}

function playedOn<Fact, Command>(pair: Both<Fact, Command>, moves: readonly Move<Fact>[]): Both<Fact, Command> {
  for (const move of moves) for (const run of pair) make(run, move);
  return pair;
}
