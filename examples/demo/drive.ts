/**
 * Plays the scenarios against one proxy, one after another, and asks the proxy to explain how each connection ended.
 */
import type { ClosedRecord, Explanation, Proxy } from '../../src/index.ts';
import type { Treatment } from './clients.ts';
import { scenarios, type Scenario } from './scenarios.ts';

export interface Outcome {
  readonly scenario: Scenario;
  readonly treatment: Treatment;
  readonly record: ClosedRecord;
  readonly explanation: Explanation;
  /** What is not as it must be; empty when all is well. */
  readonly complaints: readonly string[];
}

export async function drive(proxy: Proxy, port: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    const closed = nextClosed(proxy);
    const treatment = await scenario.run(port);
    const record = await closed;
    const explanation = proxy.explain(record.connectionId);
    if (explanation === null) throw new Error(`the proxy cannot explain ${record.connectionId}`);
    outcomes.push({
      scenario,
      treatment,
      record,
      explanation,
      complaints: complaintsAbout(scenario, treatment, record),
    });
  }
  return outcomes;
}

/** The states a connection went through, without the times: the same under both interpreters. */
export function statesOf(record: ClosedRecord): string {
  return record.path.map(([state]) => state).join(' ');
}

function nextClosed(proxy: Proxy): Promise<ClosedRecord> {
  return new Promise((resolve) => {
    const off = proxy.on('connection.closed', (record) => {
      off();
      resolve(record);
    });
  });
}

function complaintsAbout(scenario: Scenario, treatment: Treatment, record: ClosedRecord): readonly string[] {
  const complaints: string[] = [];
  if (record.reason !== scenario.reason) complaints.push(`ended with ${record.reason}, expected ${scenario.reason}`);
  if (!scenario.reads.test(treatment.text)) complaints.push(`the client read ${JSON.stringify(treatment.text)}`);
  return complaints;
}
