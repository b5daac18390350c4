/**
 * How to say no: the bytes that tell a client, in its own protocol, why it is not served.
 *
 * Decides the wire form only; what is said for which reason is in `refusal-answers.ts`. Every answer is complete, small
 * and final: HTTP says `Connection: close`, the others end by nature.
 * Must never do: echo what the client sent, but for the name of a host that a route has, or name an upstream. The
 * connection id is what support will ask for.
 * @see RFC 9110 §15, RFC 9209 (Proxy-Status), RFC 8446 §6 (alerts), PostgreSQL "ErrorResponse"
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import { dateText } from './http/own-answer.ts';
import { reasonPhrase } from './http/reason-phrase.ts';
import { answerFor, type RefusalAnswer } from './refusal-answers.ts';

/**
 * @param protocol a detector's name.
 * @param connectionId printable ASCII; other characters are dropped.
 * @param wallMs what HTTP's Date says; milliseconds since 1970.
 * @param says one line of ASCII that fits better than what is usually said for the reason; null = that.
 * @returns what to write before FIN; null when the protocol has no way to say no.
 */
export function refusal(
  protocol: string,
  reason: CloseReason,
  connectionId: string,
  wallMs: number,
  says: string | null = null,
): Uint8Array | null {
  const write = writers.get(protocol);
  const answer = answerFor(reason);
  const id = connectionId.replaceAll(/[^\x21-\x7e]/g, '');
  return write === undefined ? null : write(says === null ? answer : { ...answer, says }, id, wallMs);
}

/** True exactly when `refusal` has something to write to a client of this protocol. */
export function canRefuse(protocol: string): boolean {
  return writers.has(protocol);
}

type Writer = (answer: RefusalAnswer, connectionId: string, wallMs: number) => Uint8Array;

const writers: ReadonlyMap<string, Writer> = new Map([
  ['http', writeHttp],
  ['tls', writeTls],
  ['redis', writeRedis],
  ['postgres', writePostgres],
]);

const encoder = new TextEncoder();

function writeHttp(answer: RefusalAnswer, connectionId: string, wallMs: number): Uint8Array {
  const body = `${answer.says} (connection ${connectionId})\n`;
  return encoder.encode(
    [
      `HTTP/1.1 ${answer.status} ${reasonPhrase(answer.status)}`,
      `Date: ${dateText(wallMs)}`,
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${body.length}`,
      'Cache-Control: no-store',
      'Connection: close',
      `Proxy-Status: sallyport; error=${answer.proxyError}`,
      '',
      body,
    ].join('\r\n'),
  );
}

/** A fatal alert in a record of the version every client reads before one was agreed on. */
function writeTls(answer: RefusalAnswer): Uint8Array {
  return Uint8Array.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, alerts[answer.alert]);
}

const alerts: Readonly<Record<RefusalAnswer['alert'], number>> = {
  access_denied: 49,
  handshake_failure: 40,
  decode_error: 50,
  internal_error: 80,
  unrecognized_name: 112,
};

function writeRedis(answer: RefusalAnswer, connectionId: string): Uint8Array {
  return encoder.encode(`-ERR ${answer.says} (connection ${connectionId})\r\n`);
}

/** Severity twice (translated, and not), SQLSTATE, message; each field a letter and text with NUL, and a NUL at the end. */
function writePostgres(answer: RefusalAnswer, connectionId: string): Uint8Array {
  const message = `${answer.says} (connection ${connectionId})`;
  const fields = encoder.encode(`SFATAL\0VFATAL\0C${answer.sqlState}\0M${message}\0\0`);
  const packet = new Uint8Array(5 + fields.length);
  packet[0] = 0x45;
  new DataView(packet.buffer).setUint32(1, 4 + fields.length);
  packet.set(fields, 5);
  return packet;
}
