/**
 * A ClientHello writer of our own, so that tests can say exactly what a hello holds, and lie in it.
 *
 * Knows nothing of the reader in `src/protocols/`; where the two disagree, real clients are the judges
 * (`tls-hello-capture.ts`). @see RFC 8446 §4.1.2
 */

export type HelloExtension = readonly [type: number, body: Uint8Array];

export interface HelloOptions {
  /** Written as given, byte for byte; absent = no server_name extension. */
  readonly serverName?: string | Uint8Array;
  readonly alpn?: readonly string[];
  /** Before those two. */
  readonly extensionsBefore?: readonly HelloExtension[];
  /** After those two. */
  readonly extensionsAfter?: readonly HelloExtension[];
  /** False: the message ends after the compression methods, as in SSL 3.0. */
  readonly hasExtensions?: boolean;
  readonly version?: number;
  readonly sessionIdLength?: number;
  readonly ciphers?: readonly number[];
  readonly compression?: readonly number[];
}

/** The hello in one record. */
export function clientHello(options: HelloOptions = {}): Uint8Array {
  return inRecords(helloMessage(options), []);
}

/** The handshake message, header included, without a record around it. */
export function helloMessage(options: HelloOptions = {}): Uint8Array {
  const { version = 0x0303, sessionIdLength = 32, ciphers = [0x1301, 0x1302, 0xc02f], compression = [0] } = options;
  const extensions = concat(extensionsOf(options).map(([type, body]) => concat([uint16(type), sized16(body)])));
  const body = concat([
    uint16(version),
    new Uint8Array(32).fill(0xa5),
    sized8(new Uint8Array(sessionIdLength).fill(0x5a)),
    sized16(concat(ciphers.map(uint16))),
    sized8(Uint8Array.from(compression)),
    options.hasExtensions === false ? new Uint8Array(0) : sized16(extensions),
  ]);
  return concat([Uint8Array.of(1, body.length >>> 16), uint16(body.length & 0xffff), body]);
}

function extensionsOf(options: HelloOptions): readonly HelloExtension[] {
  return [
    ...(options.extensionsBefore ?? []),
    ...(options.serverName === undefined ? [] : [serverNameExtension([[0, options.serverName]])]),
    ...(options.alpn === undefined ? [] : [alpnExtension(options.alpn)]),
    ...(options.extensionsAfter ?? []),
  ];
}

/** @param names pairs of name type (0 = host_name) and name. */
export function serverNameExtension(names: readonly (readonly [number, string | Uint8Array])[]): HelloExtension {
  return [0, sized16(concat(names.map(([type, name]) => concat([Uint8Array.of(type), sized16(bytesOf(name))]))))];
}

export function alpnExtension(names: readonly string[]): HelloExtension {
  return [16, sized16(concat(names.map((name) => sized8(bytesOf(name)))))];
}

/**
 * A message in handshake records.
 * @param sizes of all records but the last, which takes the rest; a size is cut to what is left, at least 1.
 */
export function inRecords(message: Uint8Array, sizes: readonly number[], version = 0x0301): Uint8Array {
  const records: Uint8Array[] = [];
  let start = 0;
  for (const size of [...sizes, message.length]) {
    if (start >= message.length) break;
    const part = message.subarray(start, start + Math.max(1, size));
    records.push(Uint8Array.of(0x16), uint16(version), sized16(part));
    start += part.length;
  }
  return concat(records);
}

/** The handshake bytes of a stream of whole records. */
export function handshakeBytes(stream: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let start = 0; start + 5 <= stream.length;) {
    const length = ((stream[start + 3] ?? 0) << 8) | (stream[start + 4] ?? 0);
    parts.push(stream.subarray(start + 5, start + 5 + length));
    start += 5 + length;
  }
  return concat(parts);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}

/** One byte a character. */
export function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? Uint8Array.from(text, (character) => character.charCodeAt(0)) : text;
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

function sized8(body: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(body.length), body]);
}

function sized16(body: Uint8Array): Uint8Array {
  return concat([uint16(body.length), body]);
}
