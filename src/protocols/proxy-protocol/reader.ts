/**
 * Reads a PROXY protocol header, version 1 or 2, from the first bytes of a connection.
 *
 * Decides which version it is by its first bytes, and hands over. Must never do: guess. Whether a header is required,
 * allowed or forbidden, and whom it is believed from, is the listener's; the bytes alone cannot say.
 * Read first: `verdict.ts`, `header.ts`, then `read-text.ts` and `read-binary.ts`.
 */
import { compareText } from '../bytes.ts';
import { signature } from './header.ts';
import { readBinary } from './read-binary.ts';
import { isTextPreface, readText } from './read-text.ts';
import { moreProxy, noProxy, type ProxyVerdict } from './verdict.ts';

/**
 * The longest version 2 header that is waited for. The specification wants it in one segment of 536 bytes; what is known
 * fits into 2.3 KiB with every text at its longest; the rest is for types that are not known yet.
 */
export const proxyHeaderBytesMax = 4_096;

/**
 * @param prefix every byte so far, not only the new ones; what follows the header is not looked at. Not kept.
 * @param ended true exactly when the peer has sent FIN.
 * @param bytesMax of a version 2 header; version 1 has its own bound of 107 bytes.
 */
export function readProxyHeader(prefix: Uint8Array, ended: boolean, bytesMax = proxyHeaderBytesMax): ProxyVerdict {
  const likeness = compareText(prefix, 0, signature);
  if (likeness === 'equal') return readBinary(prefix, ended, bytesMax);
  if (likeness === 'partial') return ended ? noProxy : moreProxy;
  return isTextPreface(prefix) ? readText(prefix, ended) : textPending(prefix, ended);
}

function textPending(prefix: Uint8Array, ended: boolean): ProxyVerdict {
  return !ended && compareText(prefix, 0, 'PROXY') === 'partial' ? moreProxy : noProxy;
}
