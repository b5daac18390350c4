/**
 * What the demo prints. Plain text where nobody sees colours.
 */
import { styleText } from 'node:util';
import type { Census, ClosedRecord, ExchangeRecord } from '../../src/index.ts';
import { reasonOf, type Outcome } from './drive.ts';
import { certificateFile } from './origins.ts';
import type { Interpreter } from './scenarios.ts';

export interface Played {
  readonly interpreter: Interpreter;
  readonly port: number;
  readonly outcomes: readonly Outcome[];
}

const hasColour = process.stdout.isTTY && process.stdout.hasColors();

export function paint(tone: 'bold' | 'dim' | 'green' | 'red' | 'cyan', text: string): string {
  return hasColour ? styleText(tone, text, { validateStream: false }) : text;
}

/** Every scenario with how it ended under each interpreter, then what the proxy says about it. */
export function printOutcomes(plays: readonly Played[]): void {
  const [first] = plays;
  for (const [index, { scenario, sentence }] of (first?.outcomes ?? []).entries()) {
    console.log(`\n${paint('bold', `${index + 1}. ${scenario.title}`)}`);
    const rows = plays.flatMap(({ interpreter, outcomes }) =>
      outcomes.slice(index, index + 1).map((one) => cells(interpreter, one)),
    );
    for (const [interpreter = '', reason = '', manner = '', ...path] of aligned(rows)) {
      const tone = rows.some((row) => row[1]?.includes('!')) ? 'red' : toneOf(scenario.reason);
      console.log(`   ${interpreter}  ${paint(tone, reason)}  ${manner}  ${path.join(' → ')}`);
    }
    for (const line of sentence.match(/.{1,112}(?:\s|$)/g) ?? []) console.log(paint('dim', `   ${line.trimEnd()}`));
  }
}

/** Prints what is wrong. @returns true exactly when nothing is. */
export function verify([compiled, xstate]: readonly Played[]): boolean {
  const states = (outcome: Outcome | undefined) => outcome?.record.path.map(([state]) => state).join(' ');
  const complaints = (compiled?.outcomes ?? []).flatMap((outcome, index) => {
    const other = xstate?.outcomes[index];
    const apart = states(outcome) === states(other) ? [] : ['the interpreters took different ways'];
    return [...outcome.complaints, ...(other?.complaints ?? []), ...apart].map(
      (text) => `${outcome.scenario.title}: ${text}`,
    );
  });
  for (const complaint of complaints) console.error(paint('red', `not as expected: ${complaint}`));
  return complaints.length === 0;
}

/** What to try while the demo stays up. */
export function printInvitation([first, second]: readonly Played[]): void {
  const port = first?.port ?? 0;
  const to = (name: string) => `--resolve ${name}.localhost:${port}:127.0.0.1`;
  console.log(`
${paint('bold', 'Try it')} from another terminal, in this folder; port ${second?.port} (xstate) does the same:

  curl ${to('web')} http://web.localhost:${port}/
  curl ${to('secure')} --cacert ${certificateFile} https://secure.localhost:${port}/
  curl ${to('handler')} http://handler.localhost:${port}/any/path
  curl -i ${to('closed')} http://closed.localhost:${port}/
  curl -i ${to('offline')} http://offline.localhost:${port}/
  openssl s_client -brief -connect 127.0.0.1:${port} -servername secure.localhost -CAfile ${certificateFile} </dev/null

Every connection that closes is explained here. ${paint('bold', 'Ctrl+C')} ends the demo.
`);
}

/** One line about a connection that the user made, or about one request on it. */
export function printClosed({ interpreter, reason }: ClosedRecord | ExchangeRecord, sentence: string): void {
  console.log(`${paint('cyan', interpreter.padEnd(8))}  ${paint(toneOf(reason), reason)}  ${sentence}`);
}

/** The census after everything was stopped. @returns true exactly when nothing is left. */
export function printCensus(interpreter: Interpreter, census: Census): boolean {
  const left = Object.entries(census).map(([thing, count]) => `${count} ${thing}`);
  console.log(`left behind by ${interpreter.padEnd(8)}  ${left.join(', ')}`);
  return Object.values(census).every((count: number) => count === 0);
}

/** Who ran it, why it ended, how the client saw that, and each state with its milliseconds. */
function cells(interpreter: Interpreter, { record, exchange, treatment, complaints }: Outcome): readonly string[] {
  const path = record.path.map(([state, ms]) => `${state} ${ms.toFixed(1)}`);
  const reason = reasonOf(record, exchange);
  return [interpreter, reason + (complaints.length > 0 ? ' !' : ''), treatment.manner, ...path, 'CLOSED'];
}

function toneOf(reason: string): 'green' | 'cyan' {
  return reason === 'completed' ? 'green' : 'cyan';
}

function aligned(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const width = (at: number) => Math.max(...rows.map((row) => row[at]?.length ?? 0));
  return rows.map((row) => row.map((cell, at) => cell.padEnd(width(at))));
}
