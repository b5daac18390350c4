/**
 * Reads the Authorization field: which scheme, and what it carries. Pure and strict.
 *
 * Decides: what is a credential at all. Must never do: repeat anything of the field in what it says about it.
 * @see RFC 9110 §11.4 (the field), RFC 7617 (Basic), RFC 6750 §2.1 (Bearer)
 */

export interface BasicPair {
  readonly username: string;
  readonly password: string;
}

/** `missing`: there is no credential of this scheme. `malformed`: there is one, and it is not clean; one clause says why. */
export type Reading<Value> =
  | { readonly kind: 'read'; readonly value: Value }
  | { readonly kind: 'missing' }
  | { readonly kind: 'malformed'; readonly detail: string };

/** Bytes of an Authorization field with Basic credentials. A name and a password of a kilobyte each fit. */
export const basicBytesMax = 4096;
/** Tokens that carry groups and roles are long; a head may be 32 KiB. */
export const bearerBytesMax = 16_384;

/** @param field one character a byte, as heads carry it */
export function readBasic(field: string | null): Reading<BasicPair> {
  const given = credentialsOf(field, 'basic', basicBytesMax);
  if (given.kind !== 'read') return given;
  const bytes = strictBase64(given.value);
  if (bytes === null) return malformed('the credentials are not base64');
  const text = strictUtf8(bytes);
  if (text === null) return malformed('the credentials are not UTF-8');
  if (/\p{Cc}/u.test(text)) return malformed('the credentials contain a control character');
  const colon = text.indexOf(':');
  if (colon === -1) return malformed('the credentials have no colon');
  return { kind: 'read', value: { username: text.slice(0, colon), password: text.slice(colon + 1) } };
}

/** Base64url that stands for its bytes in the one way there is: no padding, and no stray bits in the last letter. */
const part = '(?:[\\w-]{4})*(?:[\\w-]{2}[AEIMQUYcgkosw048]|[\\w-][AQgw]|[\\w-]{4})';
const signedToken = new RegExp(`^${part}\\.${part}\\.${part}$`);

/** The token of a Bearer credential: three parts of base64url, whatever they say. */
export function readBearer(field: string | null): Reading<string> {
  const given = credentialsOf(field, 'bearer', bearerBytesMax);
  if (given.kind !== 'read') return given;
  if (!signedToken.test(given.value)) return malformed('the token is not a signed one');
  return given;
}

function credentialsOf(field: string | null, scheme: string, bytesMax: number): Reading<string> {
  if (field === null) return { kind: 'missing' };
  const space = field.indexOf(' ');
  const name = space === -1 ? field : field.slice(0, space);
  if (name.length !== scheme.length || name.toLowerCase() !== scheme) return { kind: 'missing' };
  if (field.length > bytesMax) return malformed(`the credentials are longer than ${bytesMax} bytes`);
  const value = space === -1 ? '' : field.slice(space).replace(/^ +/, '');
  return value === '' ? malformed('the credentials are empty') : { kind: 'read', value };
}

/** Null unless it is the one base64 text that stands for its bytes: padded, and without stray bits. */
export function strictBase64(text: string): Buffer | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function strictUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

function malformed(detail: string): { readonly kind: 'malformed'; readonly detail: string } {
  return { kind: 'malformed', detail };
}
