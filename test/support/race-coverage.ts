/**
 * What the races reached, and which race has to reach what: together every leaf of the connection chart.
 */
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import { connectionLeaves, type ConnectionLeaf } from '../../src/machines/connection/verdicts.ts';
import type { IdentityPlan } from './race-identities.ts';
import type { RaceWorld, Sealing } from './race-world.ts';

/** How often each leaf was entered and each reason recorded, over a whole run. */
export class Coverage {
  readonly leaves = new Map<string, number>();
  readonly reasons = new Map<string, number>();
  /** How often certificates were answered for how, and upstreams did what in place of a handshake. */
  readonly deeds = new Map<string, number>();
  histories = 0;

  add({ moves, records, identities, sealings }: RaceWorld): void {
    this.histories += 1;
    for (const { to } of moves) count(this.leaves, to);
    for (const { reason } of records) count(this.reasons, reason);
    for (const [name, times] of [...identities.asked, ...sealings]) count(this.deeds, name, times);
  }

  /**
   * What came less often than once in 40 histories (leaves), 100 (deeds) or 300 (reasons), with everything that came; else
   * nothing. The first hundred are left to chance: a short run proves nothing about what is rare.
   */
  missed(
    leaves: readonly ConnectionLeaf[],
    reasons: readonly CloseReason[],
    deeds: readonly Deed[] = [],
  ): readonly string[] {
    const missed = [
      ...this.#rare(this.leaves, leaves, Math.floor(Math.max(0, this.histories - 100) / 40)),
      ...this.#rare(this.reasons, reasons, Math.floor(this.histories / 300)),
      ...this.#rare(this.deeds, deeds, Math.floor(this.histories / 100)),
    ];
    return missed.length === 0 ? [] : [...missed, this.#table()];
  }

  /** Reasons that nobody expected. */
  strange(reasons: readonly CloseReason[]): readonly string[] {
    return [...this.reasons.keys()].filter((reason) => !reasons.some((one) => one === reason));
  }

  #rare<Name extends string>(counts: ReadonlyMap<string, number>, names: readonly Name[], floor: number): Name[] {
    return names.filter((name) => (counts.get(name) ?? 0) < floor);
  }

  #table(): string {
    const lines = (counts: Map<string, number>) => [...counts].map((entry) => entry.join(' '));
    const parts = [this.leaves, this.reasons, this.deeds].map((counts) => lines(counts).join('\n'));
    return [`${this.histories} histories`, ...parts].join('\n\n');
  }
}

export type Deed = IdentityPlan['type'] | Sealing;

function count(counts: Map<string, number>, name: string, times = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + times);
}

function leavesThat(match: RegExp): readonly ConnectionLeaf[] {
  return connectionLeaves.filter((leaf) => match.test(leaf));
}

/** By race: `race.test.ts`, `tls-race.test.ts`, `http-race.test.ts`. ACCEPTED is entered before anybody listens. */
export const leavesOf = {
  plain: leavesThat(
    /^SNIFFING\.(?:PROXY_HEADER|IDENTIFIED|SILENT|PREFACE|SERVER_FIRST)$|^DIALING\.(?!.*SECURING)|TUNNEL|_ENDED$|FLUSHING|REFUSING|CLOSED$/,
  ),
  tls: leavesThat(/^SNIFFING\.(?!PROXY)|^DIALING\.(?!QUEUED)|TUNNEL\.ACTIVE|_ENDED$|FLUSHING|REFUSING|CLOSED$/),
  services: leavesThat(/^ESTABLISHED\.(?:HTTP|HANDLER)|^HALF_CLOSED\.(?:FINISHING|LINGERING)$/),
} as const;
