/**
 * HTTP/2 without TLS and with prior knowledge: the client's connection preface, byte for byte.
 *
 * Decides: only the whole preface is a match. Anything that differs is not HTTP/2; `http1.ts` leaves `PRI` alone.
 * The host names are in compressed header blocks later on and are not looked for.
 * @see RFC 9113 §3.4
 */
import { compareText, undecided } from './bytes.ts';
import { anonymousMatch, type Detection, type Detector, noMatch } from './detector.ts';

export const h2c: Detector = { name: 'h2c', detect: detectH2c };

const connectionPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

function detectH2c(prefix: Uint8Array, ended: boolean): Detection {
  const comparison = compareText(prefix, 0, connectionPreface);
  if (comparison === 'equal') return anonymousMatch;
  return comparison === 'different' ? noMatch : undecided(ended);
}
