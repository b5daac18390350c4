/**
 * How a token may be signed: with a private key, and checked with a public one. `none` and the symmetric ones (HS*) prove
 * nothing where the keys are public, so they are not here.
 *
 * @see RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 (Ed25519 by its own name)
 */
export const jwtAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** Where a configuration names none. */
export const jwtAlgorithmsDefault = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
