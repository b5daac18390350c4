/**
 * Prints docs/LIMITS.md, docs/ERRORS.md and docs/CLOSE-REASONS.md from the tables in the source.
 *
 * `node scripts/reference-docs.ts` writes them; test/tidy.test.ts compares them.
 * Read first: `deadline-words.ts`, for what only people can say.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodes } from '../src/errors.ts';
import { durationText } from '../src/machines/chart/explain.ts';
import { readChart } from '../src/machines/chart/read-chart.ts';
import { closeReasons, describeReason, type CloseReason } from '../src/machines/connection/close-reason.ts';
import { deadlineNames, deadlines, type DeadlineName } from '../src/machines/connection/delays.ts';
import { connectionMachine } from '../src/machines/connection/machine.ts';
import { exchangeMachine } from '../src/machines/exchange/machine.ts';
import { pooledMachine } from '../src/machines/pooled/machine.ts';
import { proxyMachine } from '../src/machines/proxy/machine.ts';
import { atDeadline, limitWords, type LimitWords } from './deadline-words.ts';
import { generatedBy, isMain, repositoryRoot, table, writeFiles, type GeneratedFiles } from './generated.ts';

export function referenceDocs(): GeneratedFiles {
  return new Map([
    ['docs/LIMITS.md', limitsPage()],
    ['docs/ERRORS.md', errorsPage()],
    ['docs/CLOSE-REASONS.md', reasonsPage()],
  ]);
}

function limitsPage(): string {
  checkArmed();
  const rows = deadlineNames.map((name) => {
    const { meaning, why } = deadlines[name];
    return [
      `\`${name}\``,
      defaultText(name),
      meaning,
      why,
      atDeadline[name] ?? 'nothing arms it yet: setting it is refused as not built',
    ];
  });
  return page([
    generatedBy('`src/machines/connection/delays.ts` and `scripts/deadline-words.ts`'),
    '# Limits',
    'Everything that is bounded, by how much, why, and what happens at the bound.',
    '## Deadlines',
    'Milliseconds in code; `250ms`, `5s`, `10m`, `1h` in text. A route’s own value beats environment and flags, which beat the ' +
      'top level of the file, which beats the default. Zero, negative and overflowing values are refused; `infinite` is ' +
      `allowed for ${listed(deadlineNames.filter((name) => deadlines[name].infiniteAllowed))} only. How long all of them ` +
      'together can hold a slot is printed per route by `sallyport check`.',
    table(['deadline', 'default', 'measures', 'why that number', 'at the limit'], rows),
    '## Sizes and counts',
    table(['limit', 'value', 'bounds', 'why', 'at the limit', 'change it by'], limitWords.map(limitRow)),
  ]);
}

function limitRow(words: LimitWords): readonly string[] {
  const { name, meaning, why, at, tune } = words;
  return [name, valueText(words), meaning, why, at, tune ?? '–'];
}

function valueText({ file, constant, unit }: LimitWords): string {
  const value = numberIn(file, constant);
  if (unit === 'milliseconds')
    return value > 3_600_000 ? `${value} ms (${Math.floor(value / 86_400_000)} days)` : durationText(value);
  if (unit === 'count') return value.toLocaleString('en-US');
  return value % 1_048_576 === 0 ? `${value / 1_048_576} MiB` : `${value / 1024} KiB`;
}

/** Read from the text, so that a constant need not be exported for the sake of a page. */
function numberIn(file: string, constant: string): number {
  const text = readFileSync(join(repositoryRoot, file), 'utf8');
  const written = new RegExp(`const ${constant} = ([0-9_]+);`).exec(text)?.[1];
  if (written === undefined)
    throw new Error(`${file} has no "const ${constant} = <number>;" (scripts/deadline-words.ts names it)`);
  return Number(written.replaceAll('_', ''));
}

/** The words and the charts must agree on which deadlines are armed. */
function checkArmed(): void {
  const armed = new Set(
    [connectionMachine, exchangeMachine, pooledMachine, proxyMachine]
      .flatMap((machine) => readChart(machine).nodes)
      .flatMap((node) => node.delays.map(({ name }) => name)),
  );
  const wrong = deadlineNames.filter((name) => armed.has(name) !== (atDeadline[name] !== null));
  if (wrong.length > 0)
    throw new Error(`scripts/deadline-words.ts disagrees with the charts about ${wrong.join(', ')}`);
}

function defaultText(name: DeadlineName): string {
  const { defaultMs, infiniteAllowed } = deadlines[name];
  if (name === 'halfClosed') return 'the value of `idle`';
  if (defaultMs === null) return infiniteAllowed ? 'infinite' : 'off';
  return durationText(defaultMs);
}

function errorsPage(): string {
  const rows = Object.entries(errorCodes).map(([code, { side, retryable, blame, meaning }]) => [
    `\`${code}\``,
    meaning,
    blame,
    side,
    retryable ? 'yes' : 'no',
  ]);
  return page([
    generatedBy('`src/errors.ts`'),
    '# Errors',
    'Everything Sallyport throws is a `ProxyError`. Match on `error.code`: codes are stable, messages are not. What goes wrong ' +
      'with a peer, the network or the system is not thrown: it ends the connection with a [close reason](CLOSE-REASONS.md).',
    'Blame: *peer* broke its protocol, *environment* is the system or the network, *embedder* is the program or the ' +
      'configuration, *bug* is ours; please report it.',
    table(['code', 'meaning', 'blame', 'side', 'worth retrying'], rows),
  ]);
}

/** The names the same ends have in SmartProxy, for those who come from there. */
const olderNames: Readonly<Partial<Record<CloseReason, string>>> = {
  'downstream.left': 'closed_before_data',
  'refused.address': 'route_ip_blocked',
  'timeout.lifetime': 'max_age',
  'nftables.closed': 'nftables_closed',
};

const manners = { end: 'FIN, after what was written', reset: 'RST' } as const;

function reasonsPage(): string {
  const rows = closeReasons.map((reason) => {
    const { by, manner, says } = describeReason(reason);
    const older = olderNames[reason];
    return [`\`${reason}\`${older === undefined ? '' : ` [${older}]`}`, by, manners[manner], says];
  });
  return page([
    generatedBy('`src/machines/connection/close-reason.ts`'),
    '# Close reasons',
    'Why a connection ended: a closed set, and names are only ever added. The first cause wins; what happens afterwards never ' +
      'overwrites it. *By* is who caused it; a completed connection was ended by whoever sent FIN first. *Lets go with* is what ' +
      'a leg that is still there sees; a side that was answered in its own protocol sees that answer and FIN instead of RST.',
    'Older names of the same ends are in brackets. `force_cleanup`, `zombie_cleanup` and `half_zombie_cleanup` have no ' +
      'counterpart: nothing sweeps, because no connection can outlive its deadlines.',
    table(['reason', 'by', 'lets go with', 'says'], rows),
  ]);
}

function listed(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(' and ');
}

function page(parts: readonly string[]): string {
  return `${parts.join('\n\n')}\n`;
}

if (isMain(import.meta.filename)) writeFiles(referenceDocs());
