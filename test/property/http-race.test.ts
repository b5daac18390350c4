/**
 * Ring 4 for HTTP: do races of requests, answers, upgrades and handlers leave anything behind, or mix anything up?
 *
 * Swarms of histories on the real shell, with legs that lie and a clock that steps; the laws are asked after every event
 * (`http-race-laws.ts`) and at the end (`http-race-run.ts`). What was reached is counted, so that a shallow swarm fails.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectionLeaves } from '../../src/machines/connection/verdicts.ts';
import { exchangeLeaves } from '../../src/machines/exchange/verdicts.ts';
import { runs, seed } from '../support/fuzz.ts';
import { httpHistories } from '../support/http-race-history.ts';
import { httpRacePlan } from '../support/http-race-plan.ts';
import { keptBodyWasNotCopied } from './regressions/http-kept-body-was-not-copied.ts';
import { pipelinedHeadWasNotReadOn } from './regressions/http-pipelined-head-was-not-read-on.ts';
import { servedBehindACutAnswer } from './regressions/http-served-behind-a-cut-answer.ts';
import { runHttpHistory } from '../support/http-race-run.ts';
import type { HttpRaceWorld } from '../support/http-race-world.ts';

class Coverage {
  readonly counts = new Map<string, number>();
  histories = 0;

  add({ leaves, exchangeLeaves: seen, exchangeRecords }: HttpRaceWorld): void {
    this.histories += 1;
    for (const leaf of leaves) this.#count(`connection ${leaf}`);
    for (const leaf of seen) this.#count(`exchange ${leaf}`);
    for (const { reason, isReused } of exchangeRecords) {
      this.#count(`reason ${reason}`);
      if (isReused) this.#count('reused');
    }
  }

  /** Those that came less often than once in so many histories. */
  rare(names: readonly string[], every: number): readonly string[] {
    const floor = Math.floor(this.histories / every);
    const missed = names.filter((name) => (this.counts.get(name) ?? 0) < floor);
    const table = [...this.counts].map(([name, count]) => `${name} ${count}`).toSorted();
    return missed.length === 0 ? [] : [...missed, `${this.histories} histories`, ...table];
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

describe.each([
  ['compiled', 600],
  ['xstate', 200],
] as const)('swarms of HTTP under the %s interpreter', (interpreter, usualRuns) => {
  const plan = httpRacePlan(interpreter);
  const coverage = new Coverage();

  test('I1, I4, I5, I7, I10, I11, I13: no order of facts and no lie mixes up an answer or leaves anything behind', async () => {
    const property = fc.asyncProperty(httpHistories(50), async (history) => {
      coverage.add(await runHttpHistory(plan, history));
    });
    await fc.assert(property, { seed: seed(), numRuns: runs(usualRuns) });
  }, 600_000);

  test.each(Object.entries({ keptBodyWasNotCopied, pipelinedHeadWasNotReadOn }))(
    'I10: a history that once broke a law breaks none: %s',
    async (_, history) => {
      const { clients } = await runHttpHistory(plan, history);
      for (const { reader, asked } of clients) expect(reader.messages).toHaveLength(asked.length);
    },
  );

  test('I10: nothing in the same read as a request that was cut is served', async () => {
    const { clients, exchangeRecords } = await runHttpHistory(plan, servedBehindACutAnswer);
    expect(clients[0]?.received).toBe('');
    expect(exchangeRecords[1]?.requestPath).not.toBe('/redirect/k0r1');
  });

  test('every leaf of HTTP and of handlers was entered, and every leaf of an exchange that time is spent in was seen', () => {
    const ofServices = connectionLeaves.filter((leaf) => isOfServices(leaf)).map((leaf) => `connection ${leaf}`);
    const ofExchanges = exchangeLeaves.filter((leaf) => !isElsewhere(leaf)).map((leaf) => `exchange ${leaf}`);
    expect(coverage.rare([...ofServices, ...ofExchanges, 'reused'], 60)).toEqual([]);
  });
});

function isOfServices(leaf: string): boolean {
  return /^(?:ESTABLISHED\.(?:HTTP|HANDLER|TUNNEL)|HALF_CLOSED\.(?:FINISHING|LINGERING))/.test(leaf);
}

/** Left in the tick they are entered in, or tunnels inside HTTP/2. */
function isElsewhere(leaf: string): boolean {
  return /^(?:SNIFFING|DIALING\.QUEUED|ESTABLISHED\.TUNNEL|HALF_CLOSED\.(?:ANSWERING|\w+STREAM_ENDED)|CLOSED)$/.test(
    leaf,
  );
}
