/**
 * The schema of PROXY headers: whose are believed on a listener, and which version goes to an upstream.
 *
 * Decides: `true` means required, from anybody; where from is not said, a header is never optional, because then every
 * client could choose its address. Read first: `../routing/plan.ts` (ProxyHeaderPlan).
 */
import { z } from 'zod';

import { address, addressExpected } from './schema-match.ts';
import { oneOrMany, toggle } from './schema-values.ts';

const acceptExpected = 'true, false, or an object such as { from: [10.0.0.0/8], required: true }';

export const acceptProxySchema = z.union(
  [
    toggle(),
    z.strictObject(
      {
        from: oneOrMany(address, addressExpected)
          .meta({ description: 'Who may send one, by CIDR, address or glob. Default: anybody.' })
          .optional(),
        required: toggle()
          .meta({ description: 'false: who is not among them, or sends none, is served as itself. Default: true.' })
          .optional(),
      },
      { error: acceptExpected },
    ),
  ],
  { error: acceptExpected },
);

export type AcceptProxyInput = z.output<typeof acceptProxySchema>;

export const sendProxySchema = z
  .literal([false, true, 'v1', 'v2', 'false', 'true'], { error: 'false, true, v1 or v2' })
  .transform((written): 'v1' | 'v2' | null => {
    if (written === 'v2') return 'v2';
    return String(written) === 'false' ? null : 'v1';
  });
