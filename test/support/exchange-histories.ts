/**
 * A chart in both interpreters, and the ways into every place of a walk, as moves that both can be told. For any machine.
 *
 * Read first: `chart-pair.ts`, `exchange-walker.ts`.
 */
import fc from 'fast-check';
import type { ChartTable } from '../../src/machines/chart/compile.ts';
import { begin, make, type Maker, type Move, type Run } from './chart-pair.ts';
import { inputsTo, type Visit } from './exchange-walker.ts';

interface Named {
  readonly type: string;
}

/** The way to a visit, as moves: deadlines by the serial number they have in a run that goes that way. */
export function movesTo<Context, Fact extends Named, Command, World>(
  maker: Maker<Fact, Command>,
  table: ChartTable<Context, Fact, Command>,
  visit: Visit<Context, Fact, World>,
): readonly Move<Fact>[] {
  const run = begin(maker);
  const moves: Move<Fact>[] = [];
  const tell = (move: Move<Fact>) => {
    make(run, move);
    moves.push(move);
  };
  for (const input of inputsTo(visit)) {
    if (input.kind === 'facts') for (const fact of input.facts) tell({ kind: 'fact', fact });
    else tell({ kind: 'timer', serial: serialOf(run, table, input.id), toldBefore: input.told });
  }
  const reached = JSON.stringify([run.chart.leaf, run.chart.context]);
  if (reached !== JSON.stringify([visit.place.leaf, visit.place.context]))
    throw new Error(`another place than the walk's: ${reached}`);
  return moves;
}

function serialOf<Context, Fact extends Named, Command>(
  { chart, clock }: Run<Fact, Command>,
  table: ChartTable<Context, Fact, Command>,
  id: string,
): number {
  const timers = table.leaves[table.leafByName.get(chart.leaf) ?? -1]?.timers ?? [];
  const slot = timers.find((one) => one.id === id)?.slot;
  return clock.armed().find((one) => one.slot === slot)?.serial ?? -1;
}

/** One visit for every chart state: the first, whose way is a shortest one. `tell` says what tells two of a leaf apart. */
export function chartStates<Context, Fact, World>(
  visits: readonly Visit<Context, Fact, World>[],
  tell: (context: Context) => readonly unknown[],
): readonly Visit<Context, Fact, World>[] {
  const states = new Map<string, Visit<Context, Fact, World>>();
  for (const visit of visits) {
    const key = JSON.stringify([visit.place.leaf, ...tell(visit.place.context)]);
    if (!states.has(key)) states.set(key, visit);
  }
  return [...states.values()];
}

/** The ways into every leaf that is not final, a list for each leaf, so that each leaf is chosen as often as another. */
export function waysByLeaf<Context, Fact extends Named, Command, World>(
  maker: Maker<Fact, Command>,
  table: ChartTable<Context, Fact, Command>,
  visits: readonly Visit<Context, Fact, World>[],
): readonly (readonly (readonly Move<Fact>[])[])[] {
  const open = new Set(visits.map(({ place }) => place.leaf).filter((leaf) => leaf !== 'CLOSED'));
  return [...open].map((leaf) =>
    visits.filter(({ place }) => place.leaf === leaf).map((visit) => movesTo(maker, table, visit)),
  );
}

/** Everything that can be told in a place, deadlines with and without something told before them. */
export function everyMove<Context, Fact, World>(
  { place }: Visit<Context, Fact, World>,
  facts: readonly Fact[],
  reports: readonly (readonly Fact[])[],
): readonly Move<Fact>[] {
  return [
    ...facts.map((fact) => ({ kind: 'fact', fact }) as const),
    ...place.deadlines.flatMap((_, nth) =>
      reports.map((toldBefore) => ({ kind: 'deadline', nth, toldBefore }) as const),
    ),
  ];
}

/** A swarm: a real way into the depth, then moves that know only some kinds of facts, so that rare orders come about. */
export function swarm<Fact extends Named>(
  ways: readonly (readonly (readonly Move<Fact>[])[])[],
  facts: readonly Fact[],
  isAnswering: boolean,
): fc.Arbitrary<readonly Move<Fact>[]> {
  const kinds = [...new Set(facts.map(({ type }) => type))];
  const anyFact = fc.constantFrom(...facts);
  const told = fc.array(anyFact, { maxLength: 2 });
  const answers = fc.array(fc.oneof(fc.constant([]), fc.array(anyFact, { minLength: 1, maxLength: 2 })), {
    maxLength: 12,
    size: 'max',
  });
  const way = fc.constantFrom(...ways).chain((into) => fc.constantFrom(...into));
  return fc
    .record({
      way: fc.oneof({ weight: 4, arbitrary: way }, { weight: 1, arbitrary: fc.constant([]) }),
      allowed: fc.subarray(kinds, { minLength: 1 }),
    })
    .chain(({ way: taken, allowed }) => {
      const some = facts.filter(({ type }) => allowed.includes(type));
      const move: fc.Arbitrary<Move<Fact>> = fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...some).map((fact) => ({ kind: 'fact', fact }) as const) },
        {
          weight: 1,
          arbitrary: fc.record({ kind: fc.constant('deadline' as const), nth: fc.nat(3), toldBefore: told }),
        },
        {
          weight: 1,
          arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.nat(400), toldBefore: told }),
        },
      );
      const script: fc.Arbitrary<readonly Move<Fact>[]> = isAnswering
        ? answers.map((list) => [{ kind: 'script', answers: list }] as const)
        : fc.constant([]);
      const moves = fc.array(move, { maxLength: 14, size: 'max' });
      return fc.tuple(fc.constant(taken), script, moves).map((parts) => parts.flat());
    });
}
