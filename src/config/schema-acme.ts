/**
 * The schema of `acme`: of a route's `tls`, and of the top level.
 *
 * Decides: the form of each option. What they mean together, and with the names that are wanted, is decided by
 * `check-acme.ts`. Read first: `../routing/tls-plan.ts`.
 */
import { z } from 'zod';

import type { AskFunction, DnsChallenge } from '../routing/tls-plan.ts';
import { material } from './schema-material.ts';
import { label, oneOrMany, toggle, wholeNumber } from './schema-values.ts';

/** The short names of directories. */
export const directories = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
} as const;

export const challengeTypes = ['http-01', 'tls-alpn-01', 'dns-01'] as const;

/** One address (RFC 8555 §7.3: no header fields, no list). */
const email = z.string({ error: 'an e-mail address' }).transform((text, context) => {
  const address = text.trim().replace(/^mailto:/i, '');
  if (address.length <= 254 && /^[^\s@,?&<>"]+@[^\s@,?&<>"]+$/.test(address)) return address;
  context.addIssue({
    code: 'custom',
    message: 'this is not an e-mail address',
    params: { expected: 'one e-mail address, such as ops@example.com' },
  });
  return z.NEVER;
});

const directoryExpected = `${Object.keys(directories).join(', ')}, or the https URL of a directory`;
const directory = z.string({ error: directoryExpected }).transform((text, context): string => {
  const written = text.trim();
  if (Object.hasOwn(directories, written)) return written;
  const url = URL.parse(written);
  if (url?.protocol === 'https:' && url.username === '' && url.password === '') return url.href;
  context.addIssue({
    code: 'custom',
    message: url?.protocol === 'http:' ? 'ACME is spoken over https only (RFC 8555 §6.1)' : 'this is not a directory',
    params: { expected: directoryExpected },
  });
  return z.NEVER;
});

const inCode = 'is a function, so it can stand in a configuration in TypeScript or JavaScript only';
const isFunction = (value: unknown): boolean => typeof value === 'function';

const dnsSchema = z.strictObject(
  {
    publish: z.custom<DnsChallenge['publish']>(isFunction, { error: `publish ${inCode}` }),
    withdraw: z.custom<DnsChallenge['withdraw']>(isFunction, { error: `withdraw ${inCode}` }),
  },
  { error: 'an object { publish, withdraw } of functions' },
);

const challenge = z.enum(challengeTypes, { error: challengeTypes.join(', ') });

const hmacKeyExpected = 'the key as the authority gave it, in base64url';
const eabSchema = z.strictObject(
  {
    keyId: label('the id of the key').meta({ description: 'As the authority gave it.' }),
    hmacKey: z
      .string({ error: hmacKeyExpected })
      .regex(/^[A-Za-z0-9_-]{1,2048}=*$/, { error: hmacKeyExpected })
      .meta({ description: 'As the authority gave it, base64url.' }),
  },
  { error: 'an object { keyId, hmacKey }' },
);

export const acmeSchema = z.strictObject(
  {
    email: email.meta({ description: 'Where the authority writes to. Needed for certificate: auto.' }).optional(),
    useProduction: toggle()
      .meta({ description: 'true: directory letsencrypt. false: letsencrypt-staging. Default: false.' })
      .optional(),
    directory: directory
      .meta({
        description:
          'The authority: letsencrypt, letsencrypt-staging, or the URL of its directory. Default: letsencrypt-staging.',
      })
      .optional(),
    ca: material('certificate')
      .meta({ description: 'What the TLS of the directory is verified by. Default: what the system believes.' })
      .optional(),
    eab: eabSchema.meta({ description: 'External account binding, where the authority asks for it.' }).optional(),
    challengePort: wholeNumber(1, 65_535, 'a port, 1 to 65535')
      .meta({ description: 'Where http-01 is answered; bound where no route listens there. Default: 80.' })
      .optional(),
    renewThresholdDays: wholeNumber(1, 365, 'a number of days, 1 to 365')
      .meta({
        description:
          'Renewed so many days before the end. Default: when the authority says (RFC 9773), else after two thirds of its life.',
      })
      .optional(),
    challenges: oneOrMany(challenge, challengeTypes.join(', '))
      .meta({
        description: 'How names are proved, best first. Default: dns-01 where dns is given, then http-01, tls-alpn-01.',
      })
      .optional(),
    dns: dnsSchema.meta({ description: 'dns-01, in code only: publishes and withdraws TXT records.' }).optional(),
    ask: z
      .custom<AskFunction>(isFunction, { error: `ask ${inCode}` })
      .meta({ description: 'In code only: may a certificate be ordered for this name at its first handshake?' })
      .optional(),
  },
  { error: 'an object, such as { email: ops@example.com, useProduction: true }' },
);

export type AcmeInput = z.output<typeof acmeSchema>;
