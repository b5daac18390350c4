/**
 * What the codes of broken TLS mean: Node's names for OpenSSL's reasons and for what is wrong with a certificate, and ours.
 *
 * Decides: which codes are TLS's at all, and a clause for each of them; a reason of OpenSSL's that is not in the table is
 * told in OpenSSL's own words. Pure. Read first: `../os-codes.ts`, which asks here.
 */
const says: Readonly<Record<string, string>> = {
  // Ours.
  SALLYPORT_TLS_ENDED: 'the peer ended the connection during the TLS handshake',
  SALLYPORT_TLS_PIN: 'the public key of the peer is none of the pinned ones',
  SALLYPORT_TLS_ALPN: 'the peer did not agree to the protocol that is needed',
  SALLYPORT_TLS_NO_CERTIFICATE: 'the peer showed no certificate',
  SALLYPORT_TLS_UNVERIFIED: 'this Node.js does not say whether the certificate of the peer was verified',
  // The certificate of the other end.
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  CERT_REVOKED: 'the certificate was revoked',
  CERT_REJECTED: 'the authority rejects this use of the certificate',
  CERT_UNTRUSTED: 'the authority is not trusted for this use',
  CERT_CHAIN_TOO_LONG: 'the chain of certificates is too long',
  CERT_SIGNATURE_FAILURE: 'the signature of a certificate is wrong',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is signed by itself, and is not among the trusted ones',
  SELF_SIGNED_CERT_IN_CHAIN: 'the chain ends in an authority that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate of an issuer is missing',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the issuer is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the issuer of the certificate is neither known here nor was it sent along',
  UNABLE_TO_GET_CRL: 'the revocation list is missing',
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: 'the signature of a certificate cannot be read',
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: 'the signature of the revocation list cannot be read',
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: 'the public key of an issuer cannot be read',
  CRL_SIGNATURE_FAILURE: 'the signature of the revocation list is wrong',
  CRL_NOT_YET_VALID: 'the revocation list is not valid yet',
  CRL_HAS_EXPIRED: 'the revocation list has expired',
  ERROR_IN_CERT_NOT_BEFORE_FIELD: 'the beginning of the certificate’s life cannot be read',
  ERROR_IN_CERT_NOT_AFTER_FIELD: 'the end of the certificate’s life cannot be read',
  INVALID_CA: 'a certificate of the chain may not sign others',
  INVALID_PURPOSE: 'the certificate is not made for this use',
  PATH_LENGTH_EXCEEDED: 'an authority of the chain may not sign other authorities',
  HOSTNAME_MISMATCH: 'the certificate does not cover the name',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate does not cover the name',
  ERR_TLS_CERT_ALTNAME_FORMAT: 'the names in the certificate cannot be read',
  // What Node adds.
  ERR_TLS_RENEGOTIATION_DISABLED: 'the peer asked for a renegotiation, which is off',
  ERR_TLS_SESSION_ATTACK: 'the peer asked for too many renegotiations',
  ERR_TLS_DH_PARAM_SIZE: 'the peer’s key exchange is too weak',
  EPROTO: 'the TLS connection was broken while something was written',
  // The commonest of OpenSSL's.
  ERR_SSL_NO_SHARED_CIPHER: 'the peer offers no cipher that is allowed here',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the peer speaks no version of TLS that is allowed here',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the peer does not allow this version of TLS (alert protocol_version)',
  ERR_SSL_VERSION_TOO_LOW: 'the version of TLS is too old',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what the peer sent is not TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what the peer sent is not TLS',
  ERR_SSL_HTTP_REQUEST: 'the peer sent HTTP in place of TLS',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'the peer offers no protocol (ALPN) that is spoken here',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the peer speaks none of the protocols (ALPN) that were offered',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'the peer has no certificate for the name (alert unrecognized_name)',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the client showed no certificate, and one is required',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the peer requires a certificate, and none was shown',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the peer does not trust the authority of the certificate (alert unknown_ca)',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the peer rejects the certificate (alert bad_certificate)',
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': 'the peer rejects the certificate (alert bad_certificate)',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the peer rejects the certificate (alert certificate_unknown)',
  'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN': 'the peer rejects the certificate (alert certificate_unknown)',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the peer says that the certificate has expired',
  'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED': 'the peer says that the certificate has expired',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'the peer refused the handshake (alert handshake_failure)',
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': 'the peer refused the handshake (alert handshake_failure)',
  ERR_SSL_UNEXPECTED_EOF_WHILE_READING: 'the peer ended the connection without close_notify',
  ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 'a record was changed on its way',
  ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC: 'the peer says that a record was changed on its way',
  'ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC': 'the peer says that a record was changed on its way',
};

const families = /^(?:ERR_SSL_|ERR_TLS_|SALLYPORT_TLS_)/;

/** True exactly when the code says that TLS is what broke. */
export function isTlsCode(code: string): boolean {
  return Object.hasOwn(says, code) || families.test(code);
}

/** A clause, lower case, without a full stop; null for a code that is not TLS's. */
export function tlsSentence(code: string): string | null {
  if (!isTlsCode(code)) return null;
  return says[code] ?? `TLS failed: ${code.replace(families, '').toLowerCase().replaceAll('_', ' ')}`;
}

/** FIN came before the handshake was done. */
export const endedInHandshake = 'SALLYPORT_TLS_ENDED';
