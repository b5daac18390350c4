/**
 * What a command may ask of the process it runs in, and the exit codes it may answer with.
 *
 * Decides nothing; `process-host.ts` is the real one. Read first: `program.ts`.
 */

/** The exit codes of every command. A signal that ends the process at once adds 128 + its number. */
export const exitCodes = { fine: 0, failed: 1, usage: 2 } as const;

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** The exit codes of a process that a second signal ended. */
export const signalExitCodes: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

export interface CommandHost {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** True exactly when a person reads standard output as it comes. */
  readonly isInteractive: boolean;
  readonly hasColour: boolean;
  /** One or more whole lines to standard output: what was asked for. */
  print(text: string): void;
  /** One or more whole lines to standard error: why there is no answer, or what to mind about it. */
  complain(text: string): void;
  /** One line of standard input, without an echo where a person types it; null when there is no such line. */
  readSecret(prompt: string): Promise<string | null>;
  /** SIGINT and SIGTERM; Ctrl+C, too, while the keys are taken. Takes the signals away from Node's default, which is to die. */
  onStopSignal(listener: (signal: StopSignal) => void): void;
  onHangUp(listener: () => void): void;
  /** Single keys, without Enter. Only where a person types; otherwise never called. */
  onKey(listener: (key: string) => void): void;
}
