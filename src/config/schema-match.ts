/**
 * The schema of a route's `match`.
 *
 * Decides: the form of each criterion. Whether the criteria fit each other is decided by `check-route.ts`.
 */
import { z } from 'zod';

import { parseAddressPattern } from '../routing/access.ts';
import type { PortRange } from '../routing/plan.ts';
import { readDomain } from './domain.ts';
import { httpMatchShape } from './schema-http-match.ts';
import { tlsVersionMatch } from './schema-tls.ts';
import { label, oneOrMany, wholeNumber } from './schema-values.ts';

const portExpected = 'a port (0 to 65535), a range { from, to }, or a list of those';

const onePort = wholeNumber(0, 65_535, portExpected).transform((port): PortRange => ({ from: port, to: port }));

const rangeEnd = wholeNumber(1, 65_535, 'a port, 1 to 65535');
const portRange = z
  .strictObject({ from: rangeEnd, to: rangeEnd }, { error: portExpected })
  .transform((range, context): PortRange => {
    if (range.from <= range.to) return range;
    context.addIssue({
      code: 'custom',
      message: 'a range of ports begins with its smaller end',
      params: { suggestion: `{ from: ${range.to}, to: ${range.from} }` },
    });
    return z.NEVER;
  });

/** Text that is no port: a UNIX path belongs to a later part, `8080-8090` is written as a range. */
const otherPort = z.string({ error: portExpected }).transform((text, context): PortRange => {
  const [, from, to] = /^\s*(\d{1,5})\s*(?:-|\.\.|:)\s*(\d{1,5})\s*$/.exec(text) ?? [];
  const message = text.startsWith('unix:') ? 'a UNIX socket as a listener is not built yet' : 'this is not a port';
  const suggestion = from === undefined ? null : `{ from: ${from}, to: ${to} }`;
  context.addIssue({ code: 'custom', message, params: { expected: portExpected, suggestion } });
  return z.NEVER;
});

const ports = oneOrMany(z.union([onePort, portRange, otherPort], { error: portExpected }), portExpected);

const domainExpected = 'a host name such as a.example, *.example or example.*';
const domain = z.string({ error: domainExpected }).transform((text, context) => {
  const read = readDomain(text);
  if (read.ok) return read.name;
  context.addIssue({ code: 'custom', message: read.message, params: { expected: domainExpected } });
  return z.NEVER;
});

export const addressExpected = 'an address, a CIDR block such as 10.0.0.0/8, or a glob such as 10.0.*';
export const address = z.string({ error: addressExpected }).transform((text, context) => {
  const wrong = parseAddressPattern(text);
  if (wrong === null) return text;
  context.addIssue({ code: 'custom', message: `this ${wrong}`, params: { expected: addressExpected } });
  return z.NEVER;
});

export const matchSchema = z.strictObject(
  {
    ports: ports.meta({ description: 'Ports to listen on. 0 lets the system choose.' }),
    domains: oneOrMany(domain, 'a host name or a list of them')
      .meta({ description: 'Names asked for by SNI or Host: exact, *.example, example.*, or any glob of labels.' })
      .optional(),
    protocol: label('the name of a protocol')
      .meta({
        description:
          'What the first bytes must be: tcp (anything), a built-in detector or one of your own. Where TLS is terminated: the first bytes inside.',
      })
      .optional(),
    alpn: oneOrMany(label('a protocol name such as h2'), 'a protocol name or a list of them')
      .meta({
        description:
          'Application protocols offered in the TLS client hello, any of them; where TLS is terminated the one that is agreed on.',
      })
      .optional(),
    clientIp: oneOrMany(address, addressExpected).meta({ description: 'Client addresses; any of them.' }).optional(),
    ...httpMatchShape,
    tlsVersion: tlsVersionMatch
      .meta({ description: 'The version that was agreed on; only where TLS is terminated. Any of them.' })
      .optional(),
  },
  { error: 'an object, such as { ports: 8080 }' },
);
