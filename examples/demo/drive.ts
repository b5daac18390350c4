/**
 * Plays the scenarios against one proxy, one after another, and asks the proxy to explain how each connection ended.
 */
import type { ClosedRecord, ExchangeRecord, Proxy } from '../../src/index.ts';
import type { Treatment } from './clients.ts';
import { scenarios, type Scenario } from './scenarios.ts';

export interface Outcome {
  readonly scenario: Scenario;
  readonly treatment: Treatment;
  readonly record: ClosedRecord;
  /** Of HTTP; null for everything else. */
  readonly exchange: ExchangeRecord | null;
  /** What the proxy says about it, in one sentence. */
  readonly sentence: string;
  /** What is not as it must be; empty when all is well. */
  readonly complaints: readonly string[];
}

export async function drive(proxy: Proxy, port: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    let exchange: ExchangeRecord | null = null;
    const off = proxy.on('exchange.closed', (told) => (exchange = told));
    const closed = nextClosed(proxy);
    const treatment = await scenario.run(port);
    const record = await closed;
    off();
    const sentence = sentenceOf(proxy, record, exchange);
    const complaints: string[] = [];
    const reason = reasonOf(record, exchange);
    if (reason !== scenario.reason) complaints.push(`ended with ${reason}, not ${scenario.reason}`);
    if (!scenario.reads.test(treatment.text)) complaints.push(`the client read ${JSON.stringify(treatment.text)}`);
    if (sentence === '') complaints.push('the proxy cannot explain it');
    outcomes.push({ scenario, treatment, record, exchange, sentence, complaints });
  }
  return outcomes;
}

/** Where a connection served HTTP, what became of its request says more than what became of the connection. */
export function reasonOf(record: ClosedRecord, exchange: ExchangeRecord | null): string {
  return exchange?.reason ?? record.reason;
}

function sentenceOf(proxy: Proxy, record: ClosedRecord, exchange: ExchangeRecord | null): string {
  const connection = proxy.explain(record.connectionId)?.sentence ?? '';
  if (exchange === null) return connection;
  return `${proxy.explain(exchange.exchangeId)?.sentence ?? ''} The connection ${connection}`;
}

function nextClosed(proxy: Proxy): Promise<ClosedRecord> {
  return new Promise((resolve) => {
    const off = proxy.on('connection.closed', (record) => {
      off();
      resolve(record);
    });
  });
}
