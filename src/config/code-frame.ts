/**
 * The line of a file that a problem is about, with a caret under it, and nothing on it that may be a secret.
 *
 * Must never do: show what stands under `authentication`, a password, a key, a cookie or a token, on one line or on many.
 */

/** One line as it may be shown. */
export interface VisibleLine {
  readonly text: string;
  /** Where a column of the file stands in it; 0 is the first of both. */
  column(written: number): number;
}

/**
 * Up to three lines around the place.
 * @param lines as `visibleLines` gives them.
 * @param line 1 is the first.
 * @param col 1 is the first.
 */
export function codeFrame(lines: readonly VisibleLine[], line: number, col: number): string {
  const from = Math.max(1, line - 1);
  const to = Math.min(lines.length, line + 1);
  const width = String(to).length;
  const caret = lines[line - 1]?.column(col - 1) ?? col - 1;
  const start = windowStart(caret);
  const frame: string[] = [];
  for (let number = from; number <= to; number += 1) {
    const content = (lines[number - 1]?.text ?? '').replaceAll('\t', ' ');
    frame.push(`  ${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${cut(content, start)}`);
    if (number === line) frame.push(`    ${' '.repeat(width)} | ${' '.repeat(Math.max(0, caret - start))}^`);
  }
  return frame.join('\n');
}

const lineCharsMax = 110;

/** Long lines are shown around the column. */
function windowStart(caret: number): number {
  return caret > lineCharsMax - 20 ? caret - 40 : 0;
}

function cut(content: string, start: number): string {
  return content.length - start > lineCharsMax
    ? `${content.slice(start, start + lineCharsMax)}…`
    : content.slice(start);
}

const secretName =
  /(?:authentication|[\w-]{0,40}authorization|[\w-]{0,40}cookies?|credentials?|pass(?:words?|phrases?|wd)?|[\w-]{0,40}(?:secret|token|key)s?|username|eab|pfx)/
    .source;

/**
 * A name and its colon, where it can be a key: in quotes, before a blank, or at the beginning of an entry. The text of
 * another value (`hashBy: "cookie:sid"`) is none.
 */
const secretKey = new RegExp(
  String.raw`(?:(["'])${secretName}\1|\b${secretName}(?=\s*:(?:\s|$))|(?<=(?:^|[{,-])\s*["']?)${secretName})\s*:\s?`,
  'gi',
);

/** What begins and ends on the line of its key, between braces: nothing of it goes on after the comma. */
const closedValue = /\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'{}[\],#&*!|>%@`][^"'{}[\],#]*)(?=\s*[,}])/y;

/** The lines of a text, the values of secrets replaced, and whatever is indented below their keys. */
export function visibleLines(text: string): readonly VisibleLine[] {
  let hiddenBelow: number | null = null;
  return text.split(/\r?\n/).map((line) => {
    const indent = line.search(/\S/);
    if (hiddenBelow !== null && (indent === -1 || indent > hiddenBelow))
      return asWritten(indent === -1 ? line : `${line.slice(0, indent)}[hidden]`);
    hiddenBelow = null;
    const cuts = secretsOf(line);
    if (cuts.some(({ to }) => to === null)) hiddenBelow = indent;
    return without(line, cuts);
  });
}

interface Cut {
  readonly from: number;
  /** Null: the rest of the line, and what is indented below. */
  readonly to: number | null;
}

function secretsOf(line: string): readonly Cut[] {
  const cuts: Cut[] = [];
  let covered = 0;
  for (const match of line.matchAll(secretKey)) {
    if (match.index < covered) continue;
    const from = match.index + match[0].length;
    closedValue.lastIndex = from;
    const value = line.slice(0, from).includes('{') ? closedValue.exec(line) : null;
    covered = value === null ? line.length : from + value[0].length;
    cuts.push({ from, to: value === null ? null : covered });
    if (value === null) break;
  }
  return cuts;
}

function asWritten(text: string): VisibleLine {
  return { text, column: (written) => written };
}

const hiddenText = '[hidden]';

/** What is left between the cuts is looked at by itself: it may hold a secret by its form. */
function without(line: string, cuts: readonly Cut[]): VisibleLine {
  if (cuts.length === 0) return asWritten(hideUserInfo(hideKeyText(line)));
  const moves: { readonly from: number; readonly to: number; readonly at: number; readonly end: number }[] = [];
  let text = '';
  let at = 0;
  for (const { from, to } of cuts) {
    text += hideUserInfo(line.slice(at, from));
    if (!/\s$/.test(text)) text += ' ';
    moves.push({ from, to: to ?? line.length, at: text.length, end: text.length + hiddenText.length });
    text += hiddenText;
    at = to ?? line.length;
  }
  text += hideUserInfo(hideKeyText(line.slice(at)));
  return {
    text,
    column(written) {
      const last = moves.findLast(({ from }) => from <= written);
      if (last === undefined) return written;
      return written < last.to ? last.at : last.end + written - last.to;
    },
  };
}

/** A private key that stands where it does not belong: what follows its heading, and every line of nothing but base64. */
function hideKeyText(line: string): string {
  return line
    .replace(/(PRIVATE KEY-----).*$/, '$1 [hidden]')
    .replace(/^(\s*)[A-Za-z\d+/]{24,}={0,2}\s*$/, '$1[hidden]');
}

/** `redis://user:word@host` keeps only the host. */
function hideUserInfo(line: string): string {
  return line.replaceAll(/\/\/[^\s"']*@/g, '//[hidden]@');
}
