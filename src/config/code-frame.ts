/**
 * The line of a file that a problem is about, with a caret under it, and nothing on it that may be a secret.
 *
 * Must never do: show what stands under `authentication`, a password, a key, a cookie or a token, on one line or on many.
 */

/**
 * Up to three lines around the place.
 * @param lines as `visibleLines` gives them.
 * @param line 1 is the first.
 * @param col 1 is the first.
 */
export function codeFrame(lines: readonly string[], line: number, col: number): string {
  const from = Math.max(1, line - 1);
  const to = Math.min(lines.length, line + 1);
  const width = String(to).length;
  const frame: string[] = [];
  for (let number = from; number <= to; number += 1) {
    const content = (lines[number - 1] ?? '').replaceAll('\t', ' ');
    const start = windowStart(col);
    frame.push(`  ${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${cut(content, start)}`);
    if (number === line) frame.push(`    ${' '.repeat(width)} | ${' '.repeat(Math.max(0, col - 1 - start))}^`);
  }
  return frame.join('\n');
}

const lineCharsMax = 110;

/** Long lines are shown around the column. */
function windowStart(col: number): number {
  return col > lineCharsMax - 20 ? col - 40 : 0;
}

function cut(content: string, start: number): string {
  return content.length - start > lineCharsMax
    ? `${content.slice(start, start + lineCharsMax)}…`
    : content.slice(start);
}

const secretKey =
  /(["']?)\b(authentication|[\w-]{0,40}authorization|[\w-]{0,40}cookies?|credentials?|pass(?:words?|phrases?|wd)?|[\w-]{0,40}(?:secret|token|key)s?|username|eab|pfx)\1\s*:/i;

/** The lines of a text, everything after a secret's key replaced, and whatever is indented below it. */
export function visibleLines(text: string): readonly string[] {
  let hiddenBelow: number | null = null;
  return text.split(/\r?\n/).map((line) => {
    const indent = line.search(/\S/);
    if (hiddenBelow !== null && (indent === -1 || indent > hiddenBelow))
      return indent === -1 ? line : hidden(line, indent);
    hiddenBelow = null;
    const match = secretKey.exec(line);
    if (match === null) return hideUserInfo(hideKeyText(line));
    hiddenBelow = indent;
    return hidden(line, match.index + match[0].length + 1);
  });
}

function hidden(line: string, from: number): string {
  return `${line.slice(0, from).trimEnd()}${from === 0 ? '' : ' '}[hidden]`;
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
