/**
 * What the demo prints. Plain text where nobody sees colours.
 */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Census, ClosedRecord } from '../../src/index.ts';
import { statesOf, type Outcome } from './drive.ts';
import { certificateFile } from './origins.ts';

export interface Played {
  readonly interpreter: 'compiled' | 'xstate';
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
  for (const [index, { scenario }] of (first?.outcomes ?? []).entries()) {
    console.log(`\n${paint('bold', `${index + 1}. ${scenario.title}`)}`);
    const rows = plays.flatMap(({ interpreter, outcomes }) => {
      const outcome = outcomes[index];
      return outcome === undefined ? [] : [[`   ${interpreter} `, ...cellsOf(outcome)]];
    });
    for (const line of aligned(rows)) console.log(line);
    for (const line of wrapped(first?.outcomes[index]?.explanation.sentence ?? ''))
      console.log(paint('dim', `   ${line}`));
  }
}

/** Prints what is wrong. @returns true exactly when nothing is. */
export function verify(plays: readonly Played[]): boolean {
  const complaints = plays.flatMap(({ interpreter, outcomes }) =>
    outcomes.flatMap(({ scenario, complaints: found }) =>
      found.map((text) => `${interpreter}: ${scenario.title}: ${text}`),
    ),
  );
  const [compiled, xstate] = plays;
  for (const [index, { scenario, record }] of (compiled?.outcomes ?? []).entries()) {
    const other = xstate?.outcomes[index];
    if (other === undefined || statesOf(other.record) !== statesOf(record)) {
      complaints.push(`${scenario.title}: the interpreters took different ways`);
    }
  }
  for (const complaint of complaints) console.error(paint('red', `not as expected: ${complaint}`));
  return complaints.length === 0;
}

/** What to try while the demo stays up. */
export function printInvitation(plays: readonly Played[]): void {
  const port = plays[0]?.port ?? 0;
  const others = plays.slice(1).map((play) => `${play.port} (${play.interpreter})`);
  console.log(
    `\n${paint('bold', 'Try it')} from another terminal, in this folder; port ${others.join(', ')} does the same:\n`,
  );
  for (const line of aligned(invitations(port))) console.log(line);
  console.log(`\nEvery connection that closes is explained here. ${paint('bold', 'Ctrl+C')} ends the demo.\n`);
}

function invitations(port: number): readonly (readonly string[])[] {
  const resolve = (host: string) => `--resolve ${host}:${port}:127.0.0.1`;
  return [
    [`  curl ${resolve('web.localhost')} http://web.localhost:${port}/`],
    [`  curl ${resolve('secure.localhost')} --cacert ${certificateFile} https://secure.localhost:${port}/`],
    [`  curl -i ${resolve('closed.localhost')} http://closed.localhost:${port}/`],
    [`  curl -i ${resolve('offline.localhost')} http://offline.localhost:${port}/`],
    [
      `  openssl s_client -brief -connect 127.0.0.1:${port} -servername secure.localhost -CAfile ${certificateFile} </dev/null`,
    ],
  ];
}

/** One line about a connection that the user made. */
export function printClosed(record: ClosedRecord, sentence: string): void {
  console.log(`${paint('cyan', record.interpreter.padEnd(8))}  ${toneOf(record)}  ${sentence}`);
}

/** The census after everything was stopped. @returns true exactly when nothing is left. */
export function printCensus(interpreter: string, census: Census): boolean {
  const left = Object.entries(census).map(([thing, count]) => `${count} ${thing}`);
  console.log(`left behind by ${interpreter.padEnd(8)}  ${left.join(', ')}`);
  return Object.values(census).every((count: number) => count === 0);
}

/** The reason, how the client saw the end, and each state with its milliseconds in a column of its own. */
function cellsOf({ record, treatment, complaints }: Outcome): readonly string[] {
  const reason = complaints.length === 0 ? toneOf(record) : paint('red', record.reason);
  return [
    reason,
    ` ${treatment.manner} `,
    ...record.path.map(([state, ms]) => `${state} ${ms.toFixed(1)} →`),
    'CLOSED',
  ];
}

function toneOf(record: ClosedRecord): string {
  return paint(record.reason === 'completed' ? 'green' : 'cyan', record.reason);
}

function wrapped(sentence: string): readonly string[] {
  return sentence.match(/.{1,112}(?:\s|$)/g)?.map((line) => line.trim()) ?? [];
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  const length = (cell: string) => stripVTControlCharacters(cell).length;
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, length(cell));
  return rows.map((row) =>
    row
      .map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - length(cell)))
      .join(' ')
      .trimEnd(),
  );
}
