/**
 * PostgreSQL: the first packet of a client, whose length and code sit in the first eight bytes.
 *
 * Decides: StartupMessage of protocol 3.x, SSLRequest, GSSENCRequest or CancelRequest, each with a length the server
 * itself would accept. The parameters that follow are not read.
 * @see PostgreSQL documentation, "Message Formats"
 */
import { byteAt, uint16At, uint32At, undecided } from './bytes.ts';
import { anonymousMatch, type Detection, type Detector, noMatch } from './detector.ts';

export const postgres: Detector = { name: 'postgres', detect: detectPostgres };

const startupMajor = 3;
const cancelRequest = 80_877_102;
const tlsRequest = 80_877_103;
const gssRequest = 80_877_104;
/** The server refuses longer ones; length and code are the shortest. */
const lengthMax = 10_000;

function detectPostgres(prefix: Uint8Array, ended: boolean): Detection {
  if (prefix.length > 0 && byteAt(prefix, 0) !== 0) return noMatch;
  if (prefix.length > 1 && byteAt(prefix, 1) !== 0) return noMatch;
  if (prefix.length >= 4 && (uint16At(prefix, 2) < 8 || uint16At(prefix, 2) > lengthMax)) return noMatch;
  if (prefix.length < 8) return undecided(ended);
  return fits(uint32At(prefix, 4), uint16At(prefix, 2)) ? anonymousMatch : noMatch;
}

/** A StartupMessage holds at least one byte of parameters; a cancel key is 4 to 256 bytes (4 before protocol 3.2). */
function fits(code: number, length: number): boolean {
  if (code >>> 16 === startupMajor) return length >= 9;
  if (code === tlsRequest || code === gssRequest) return length === 8;
  return code === cancelRequest && length >= 16 && length <= 268;
}
