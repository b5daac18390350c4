/**
 * Bytes as text of a configuration says them: `PING\r\n`, `\x00\x01`.
 *
 * Decides: what stands behind a backslash; everything else is UTF-8. An escape that nobody knows is a mistake and never
 * itself. Must never do: guess. Read first: `schema-health.ts`.
 */
export type BytesRead =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly problem: string };

const escapes: Readonly<Record<string, number>> = { r: 0x0d, n: 0x0a, t: 0x09, '0': 0x00, '\\': 0x5c };

/** The bytes; or what is wrong, as a phrase that follows the text. */
export function readEscapedBytes(text: string): BytesRead {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  for (const [piece, escape] of text.matchAll(/\\(x[\da-f]{2}|[^\\]|\\|$)|[^\\]+/gi)) {
    if (escape === undefined) bytes.push(...encoder.encode(piece));
    else if (escape.length === 3) bytes.push(Number.parseInt(escape.slice(1), 16));
    else {
      const byte = Object.hasOwn(escapes, escape) ? escapes[escape] : undefined;
      if (byte === undefined)
        return {
          ok: false,
          problem: 'has a backslash before something that is not r, n, t, 0, \\ or x and two digits',
        };
      bytes.push(byte);
    }
  }
  return { ok: true, bytes: Uint8Array.from(bytes) };
}

/** One character a byte, which is how an answer is read that may hold any of them. */
export function byteText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}
