/** What a leg is given where no test looks at it. */
import type { Clock } from '../../src/io/clock.ts';
import { createLedger } from '../../src/io/ledger.ts';
import type { LegPorts } from '../../src/io/leg-base.ts';

export function legPortsOf(clock: Clock): LegPorts {
  return { clock, ledger: createLedger(clock, { trouble: () => undefined }), report: () => undefined };
}
