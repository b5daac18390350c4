/**
 * One line from standard input that nobody may see: typed without an echo, or piped in.
 *
 * Must never do: read without a bound, or leave a terminal without its echo.
 */

const secretBytesMax = 1_024;

/** @returns the line without its end; null when there is none, it is too long, is no UTF-8, or is followed by another. */
export async function readSecret(input: NodeJS.ReadStream, ask: () => void): Promise<string | null> {
  if (!input.isTTY) return onlyLine(await readAll(input));
  ask();
  input.setRawMode(true);
  try {
    return onlyLine(await typed(input));
  } finally {
    input.setRawMode(false);
    input.pause();
  }
}

async function readAll(input: AsyncIterable<Buffer | string>): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    // A line's end is not counted.
    if (size > secretBytesMax + 2) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

const enter = /[\r\n]/;
const backspaces: ReadonlySet<string> = new Set(['\u007f', '\b']);
/** Ctrl+C and Ctrl+D. */
const leaving: ReadonlySet<string> = new Set(['\u0003', '\u0004']);

function typed(input: NodeJS.ReadStream): Promise<Buffer | null> {
  return new Promise((resolve) => {
    let text = '';
    const take = (chunk: Buffer): void => {
      for (const character of chunk.toString()) {
        if (enter.test(character) || leaving.has(character)) {
          input.off('data', take);
          resolve(leaving.has(character) ? null : Buffer.from(text));
          return;
        }
        text = backspaces.has(character) ? Array.from(text).slice(0, -1).join('') : text + character;
      }
    };
    input.on('data', take);
  });
}

function onlyLine(bytes: Buffer | null): string | null {
  if (bytes === null) return null;
  try {
    const line = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
    return line === '' || Buffer.byteLength(line) > secretBytesMax || enter.test(line) ? null : line;
  } catch {
    return null;
  }
}
