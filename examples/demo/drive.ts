/**
 * Plays the scenarios against one proxy, one after another, and asks the proxy to explain how each connection ended.
 */
import type { ClosedRecord, Proxy } from '../../src/index.ts';
import type { Treatment } from './clients.ts';
import { scenarios, type Scenario } from './scenarios.ts';

export interface Outcome {
  readonly scenario: Scenario;
  readonly treatment: Treatment;
  readonly record: ClosedRecord;
  /** What the proxy says about it, in one sentence. */
  readonly sentence: string;
  /** What is not as it must be; empty when all is well. */
  readonly complaints: readonly string[];
}

export async function drive(proxy: Proxy, port: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    const closed = nextClosed(proxy);
    const treatment = await scenario.run(port);
    const record = await closed;
    const sentence = proxy.explain(record.connectionId)?.sentence ?? '';
    const complaints: string[] = [];
    if (record.reason !== scenario.reason) complaints.push(`ended with ${record.reason}, not ${scenario.reason}`);
    if (!scenario.reads.test(treatment.text)) complaints.push(`the client read ${JSON.stringify(treatment.text)}`);
    if (sentence === '') complaints.push('the proxy cannot explain it');
    outcomes.push({ scenario, treatment, record, sentence, complaints });
  }
  return outcomes;
}

function nextClosed(proxy: Proxy): Promise<ClosedRecord> {
  return new Promise((resolve) => {
    const off = proxy.on('connection.closed', (record) => {
      off();
      resolve(record);
    });
  });
}
