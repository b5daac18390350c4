/**
 * What a chart is made of beside its states: named plain functions, given to XState and looked up by the compiler.
 *
 * Must never do: let a function of a registry have an effect. Updates return the next context, commands return data.
 * Read first: docs/adr/0003-compiled-charts.md.
 */

/** What XState itself sends: the start, and deadlines that are due. */
export interface ControlEvent {
  readonly type: `xstate.${string}`;
}

/** Valid for the call only. */
export interface ChartArgs<Context, Fact> {
  readonly context: Context;
  readonly event: Fact | ControlEvent;
}

/** Static data written beside a name in the chart. */
export type ChartParams = Readonly<Record<string, unknown>>;

export interface Registries<Context, Fact, Command> {
  /** The next context; the same object when nothing changes. */
  readonly updates: Readonly<Record<string, (args: ChartArgs<Context, Fact>, params: never) => Context>>;
  readonly commands: Readonly<Record<string, (args: ChartArgs<Context, Fact>, params: never) => Command>>;
  readonly guards: Readonly<Record<string, (args: ChartArgs<Context, Fact>, params: never) => boolean>>;
  /** Milliseconds from now; null = do not arm. */
  readonly delays: Readonly<Record<string, (context: Context) => number | null>>;
}
