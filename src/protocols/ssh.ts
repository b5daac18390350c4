/**
 * SSH: the identification string of a client, protocol 2.0 or the transitional 1.99.
 *
 * Decides by the version alone; what follows is the client's own name and is not read. A server may send other lines
 * before its identification, a client may not.
 * @see RFC 4253 §4.2 and §5.1
 */
import { compareText, undecided } from './bytes.ts';
import { anonymousMatch, type Detection, type Detector, noMatch } from './detector.ts';

export const ssh: Detector = { name: 'ssh', detect: detectSsh };

const identifications = ['SSH-2.0-', 'SSH-1.99-'];

function detectSsh(prefix: Uint8Array, ended: boolean): Detection {
  let isPossible = false;
  for (const identification of identifications) {
    const comparison = compareText(prefix, 0, identification);
    if (comparison === 'equal') return anonymousMatch;
    if (comparison === 'partial') isPossible = true;
  }
  return isPossible ? undecided(ended) : noMatch;
}
