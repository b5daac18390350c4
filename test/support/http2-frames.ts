/**
 * Frames of HTTP/2 as bytes, written as a client that obeys nobody, and read back as type, flags, stream and payload.
 *
 * Header blocks are written without Huffman and without the dynamic table, so that a test can put any byte into them.
 */
const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const endStream = 0x1;
export const ack = 0x1;
export const endHeaders = 0x4;
export const padded = 0x8;

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** The client's preface, its SETTINGS and the ACK of the server's. */
export function opening(settings: readonly (readonly [id: number, value: number])[] = []): Buffer {
  return Buffer.concat([clientPreface, settingsFrame(settings), frame(types.settings, ack, 0)]);
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(types.settings, 0, 0, payload);
}

export type Lines = readonly (readonly [name: string, value: string])[];

export const get: Lines = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.test'],
];

export const post: Lines = [[':method', 'POST'], ...get.slice(1)];

export function headers(streamId: number, lines: Lines, flags: number = endStream): Buffer {
  return frame(types.headers, flags | endHeaders, streamId, block(lines));
}

/** Literals without indexing. */
export function block(lines: Lines): Buffer {
  return Buffer.concat(lines.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

export function data(streamId: number, bytes: Uint8Array | string, flags = 0): Buffer {
  return frame(types.data, flags, streamId, Buffer.from(bytes));
}

export function reset(streamId: number, code: number): Buffer {
  return frame(types.reset, 0, streamId, number32(code));
}

export function windowUpdate(streamId: number, bytes: number): Buffer {
  return frame(types.windowUpdate, 0, streamId, number32(bytes));
}

export function ping(flags = 0): Buffer {
  return frame(types.ping, flags, 0, Buffer.alloc(8, 7));
}

export function priority(streamId: number, on: number): Buffer {
  return frame(types.priority, 0, streamId, Buffer.concat([number32(on), Buffer.of(15)]));
}

export function goaway(lastStreamId: number, code: number): Buffer {
  return frame(types.goaway, 0, 0, Buffer.concat([number32(lastStreamId), number32(code)]));
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** The frames in the bytes so far; what is incomplete at the end is left out. */
export function readFrames(bytes: Buffer): readonly Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + 9, at + 9 + length);
    if (payload.length < length) break;
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      streamId: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      payload,
    });
    at += 9 + length;
  }
  return frames;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([prefixed(bytes.length), bytes]);
}

/** An integer with a prefix of seven bits (RFC 7541 §5.1). */
function prefixed(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
