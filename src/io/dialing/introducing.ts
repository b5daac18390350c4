/**
 * A dialer that says for whom it dials: the PROXY header goes out on the leg to the endpoint, before everything else.
 *
 * Decides nothing; the header was made in `../dial-order.ts`. It goes behind whatever a tunnel took, because it is the
 * endpoint's, and before TLS, which begins after this. Must never do: wait. A fresh connection has room for 1 KiB.
 * @see https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt §2
 */
import { map } from 'rxjs';
import type { Dialer } from '../dialer.ts';
import { isLeg, type Leg } from '../leg.ts';

export function introducing(dial: Dialer): Dialer {
  return ({ proxyHeader, ...endpoint }, watch) => {
    const dialing = dial(endpoint, watch);
    return proxyHeader === undefined ? dialing : dialing.pipe(map((leg) => introduced(leg, proxyHeader)));
  };
}

/** What is no leg is for whoever asked to judge. The header is written again by nobody, but it may be by a later dial. */
function introduced(leg: Leg, header: Uint8Array): Leg {
  if (isLeg(leg)) leg.write(header, 'shared');
  return leg;
}
