/**
 * The schema of `dialer`: how the endpoints of a pool, or the targets of a route, are reached.
 *
 * Decides: the form of each option. Which of them belong to which type is decided by `check-dialer.ts`. Must never do: call
 * a dialer, or repeat a password. Read first: `../routing/pool-plan.ts` (DialerPlan).
 */
import { z } from 'zod';

import type { CustomDial } from '../routing/pool-plan.ts';
import { hostSchema, portSchema } from './schema-target.ts';
import { upstreamTlsShape } from './schema-tls.ts';

export const dialerTypes = ['direct', 'tls', 'socks5', 'http-connect'] as const;

const dialerExpected =
  'an object, such as { type: socks5, host: 127.0.0.1, port: 1080 }; in code also a function (endpoint, watch) => Observable<Leg>';

/** RFC 1929 counts them in one byte. */
const bytesMax = 255;

function secret(expected: string) {
  return z.string({ error: expected }).refine(
    (text) => {
      const { length } = new TextEncoder().encode(text);
      return length > 0 && length <= bytesMax && !/\p{Cc}/u.test(text);
    },
    { error: `${expected}, at most ${bytesMax} bytes`, params: { expected } },
  );
}

const dial = z.custom<CustomDial>((value) => typeof value === 'function', { error: dialerExpected });

export const dialerSchema = z.union(
  [
    z.strictObject(
      {
        type: z.enum(dialerTypes, { error: 'direct, tls, socks5 or http-connect' }).meta({
          description:
            'direct: TCP, or a UNIX socket. tls: TLS to the endpoint. socks5, http-connect: through a proxy, where names are resolved.',
        }),
        host: hostSchema.meta({ description: 'socks5, http-connect: where the proxy is.' }).optional(),
        port: portSchema.meta({ description: 'socks5, http-connect: where the proxy is.' }).optional(),
        username: secret('a user name').meta({ description: 'socks5, http-connect; with password.' }).optional(),
        password: secret('a password').meta({ description: 'socks5, http-connect; with username.' }).optional(),
        ...upstreamTlsShape,
      },
      { error: dialerExpected },
    ),
    dial,
  ],
  { error: dialerExpected },
);

export type DialerInput = z.output<typeof dialerSchema>;
