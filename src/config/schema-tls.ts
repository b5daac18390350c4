/**
 * The schema of `tls`, on a route or in its action.
 *
 * Decides: the form of each option, and that nothing older than TLS 1.2 is spoken. Whether the options fit each other, the
 * match and the action is decided by `check-tls.ts`; whether OpenSSL knows a cipher, by OpenSSL at start.
 * Read first: `schema-acme.ts`, `../routing/tls-plan.ts`.
 */
import { z } from 'zod';

import type { CertificateProvider } from '../routing/tls-plan.ts';
import { readDomain } from './domain.ts';
import { acmeSchema } from './schema-acme.ts';
import { material, pfxMaterial } from './schema-material.ts';
import { oneOrMany, toggle } from './schema-values.ts';

type Asked = { readonly input: unknown };

const broken: Readonly<Record<string, string>> = {
  SSLv2: 'RFC 6176',
  SSLv3: 'RFC 7568',
  TLSv1: 'RFC 8996',
  'TLSv1.0': 'RFC 8996',
  'TLSv1.1': 'RFC 8996',
};

export const tlsVersion = z.enum(['TLSv1.2', 'TLSv1.3'], {
  error: ({ input }: Asked) => {
    const rfc = typeof input === 'string' && Object.hasOwn(broken, input) ? broken[input] : undefined;
    return rfc === undefined ? 'TLSv1.2 or TLSv1.3' : `TLSv1.2 or TLSv1.3; ${String(input)} is broken (${rfc})`;
  },
});

export const tlsVersionsExpected = 'TLSv1.2, TLSv1.3, or a list of them';

const cipherExpected = 'an OpenSSL cipher list, such as ECDHE+AESGCM:TLS_AES_256_GCM_SHA384';
/** What offers no secrecy or no identity, or is broken; to be written after `!` only. */
const worthless = /^(?:e?NULL|aNULL|COMPLEMENTOF\w*|A(?:EC)?DH|EXP(?:ORT)?\d*|LOW|RC4|RC2|MD5|3?DES)(?:$|[-+])/i;

const ciphers = z.string({ error: cipherExpected }).transform((text, context) => {
  const entries = text.split(/[: ,]+/).filter((entry) => entry !== '');
  const isWritten =
    entries.length > 0 && entries.every((entry) => /^[!+-]?[A-Za-z\d][\w.+-]*$|^@STRENGTH$/.test(entry));
  const refused = entries.find((entry) => worthless.test(entry.replace(/^\+/, '')));
  if (isWritten && refused === undefined) return entries.join(':');
  const message =
    refused === undefined ? 'this is no list of ciphers' : `${refused} keeps no secret, or from nobody in particular`;
  context.addIssue({ code: 'custom', message, params: { expected: cipherExpected } });
  return z.NEVER;
});

const certificateExpected = 'auto, { cert, key }, { pfx, passphrase }, or in code a function (name) => certificate';
const certificateFiles = z.strictObject(
  {
    cert: material('certificate')
      .meta({ description: 'The certificate and its chain: PEM text, or a file.' })
      .optional(),
    key: material('key').meta({ description: 'Its private key: PEM text, or a file.' }).optional(),
    pfx: pfxMaterial.meta({ description: 'Both in one PKCS #12 file.' }).optional(),
    passphrase: z.string({ error: 'text' }).meta({ description: 'Of the pfx.' }).optional(),
  },
  { error: certificateExpected },
);
const provider = z.custom<CertificateProvider>((value) => typeof value === 'function', { error: certificateExpected });
const certificate = z.union(
  [z.enum(['auto', 'development'], { error: certificateExpected }), certificateFiles, provider],
  {
    error: certificateExpected,
  },
);

const clientAuthSchema = z.strictObject(
  {
    ca: material('certificate').meta({ description: 'Whose certificates are believed: PEM text, or a file.' }),
    require: toggle()
      .meta({
        description: 'false: a client without a certificate passes, one with a bad one never does. Default: true.',
      })
      .optional(),
  },
  { error: 'an object, such as { ca: ./clients.pem, require: true }' },
);

const serverNameExpected = 'a host name or an address';
const serverName = z.string({ error: serverNameExpected }).transform((text, context) => {
  const read = readDomain(text);
  if (read.ok && !/[*?]/.test(read.name)) return read.name;
  const message = read.ok ? 'a pattern is no name' : read.message;
  context.addIssue({ code: 'custom', message, params: { expected: serverNameExpected } });
  return z.NEVER;
});

const pinExpected = 'the SHA-256 of a public key in base64, 44 characters';
const pin = z.string({ error: pinExpected }).transform((text, context) => {
  const [, digest] = /^(?:sha256\/{1,2})?([A-Za-z\d+/]{43}=)$/.exec(text.trim()) ?? [];
  if (digest !== undefined) return digest;
  context.addIssue({ code: 'custom', message: 'this is not a pin', params: { expected: pinExpected } });
  return z.NEVER;
});

/** How TLS to an upstream is made; a dialer has the same. */
export const upstreamTlsShape = {
  ca: material('certificate')
    .meta({
      description: 'Whose certificates are believed: PEM text, or a file. Default: those that the system believes.',
    })
    .optional(),
  servername: serverName
    .meta({ description: 'Sent as SNI, and what the certificate must cover. Default: the host of the target.' })
    .optional(),
  verify: toggle().meta({ description: 'false: anybody is believed. Default: true.' }).optional(),
  pins: oneOrMany(pin, pinExpected)
    .meta({ description: 'Public keys that are accepted, besides what verify asks: SHA-256 of the SPKI, base64.' })
    .optional(),
  minVersion: tlsVersion.meta({ description: 'Default: TLSv1.2.' }).optional(),
  cert: material('certificate').meta({ description: 'Shown where the upstream asks for a certificate.' }).optional(),
  key: material('key').meta({ description: 'The key of cert.' }).optional(),
};

const upstreamSchema = z.strictObject(upstreamTlsShape, {
  error: 'an object, such as { ca: ./ca.pem, servername: api.internal }',
});

export const tlsModes = ['passthrough', 'terminate', 'terminate-and-reencrypt'] as const;

export const tlsSchema = z.strictObject(
  {
    mode: z.enum(tlsModes, { error: tlsModes.join(', ') }).meta({
      description:
        'passthrough: the client hello is read, nothing is decrypted; protocol tls is implied. terminate: TLS ends here. terminate-and-reencrypt: TLS ends here, and the upstream is spoken to in TLS again.',
    }),
    certificate: certificate
      .meta({
        description:
          'Where the certificate comes from. auto: ordered from an authority (acme). development: signed by an authority of this machine. { cert, key } or { pfx, passphrase }: PEM text or files, which are watched. In code a function too.',
      })
      .optional(),
    acme: acmeSchema
      .meta({ description: 'For certificate: auto; each key here wins over the same key of the top level.' })
      .optional(),
    minVersion: tlsVersion.meta({ description: 'The oldest version that is spoken. Default: TLSv1.2.' }).optional(),
    maxVersion: tlsVersion.meta({ description: 'The newest version that is spoken. Default: TLSv1.3.' }).optional(),
    ciphers: ciphers
      .meta({
        description:
          'OpenSSL names for TLS 1.2 and suites of TLS 1.3, separated by colons. Default: AEAD with ECDHE only.',
      })
      .optional(),
    clientAuth: clientAuthSchema
      .meta({ description: 'Clients show a certificate. Default: none is asked for.' })
      .optional(),
    upstream: upstreamSchema
      .meta({ description: 'terminate-and-reencrypt: how TLS to the upstream is made.' })
      .optional(),
  },
  { error: 'an object, such as { mode: terminate, certificate: auto }' },
);

export const tlsVersionMatch = oneOrMany(tlsVersion, tlsVersionsExpected);
export type TlsInput = z.output<typeof tlsSchema>;
export type CertificateInput = NonNullable<TlsInput['certificate']>;
