/**
 * What a certificate's chart hears, and what it asks for.
 *
 * Facts are past tense, commands imperative; both are names and numbers, never keys or certificates. Whoever carries a
 * command out answers with one of its facts, or not at all once the step was cancelled.
 * Read first: `machine.ts`.
 */
export type CertificateFact =
  /** The store has a certificate that serves these names, better than the one that serves now. */
  | { readonly type: 'certificate.found' }
  | { readonly type: 'certificate.absent' }
  /** Somebody, here or elsewhere, failed so recently that the next attempt has to wait. */
  | { readonly type: 'attempt.deferred'; readonly failures: number; readonly afterMs: number }
  | { readonly type: 'lock.granted' }
  /** Somebody else orders. */
  | { readonly type: 'lock.refused' }
  | { readonly type: 'lock.lost' }
  /** An order is open, new or resumed, and names are yet to be proved. */
  | { readonly type: 'order.opened' }
  /** Every name is proved. */
  | { readonly type: 'order.ready' }
  /** The CA is not done. `afterMs`: how long it asks us to wait; null = it does not say. */
  | { readonly type: 'order.pending'; readonly afterMs: number | null }
  /** The certificate can be fetched. */
  | { readonly type: 'order.issued' }
  /** The challenges can be seen, and the CA knows. */
  | { readonly type: 'challenges.published' }
  /** The certificate was fetched, and belongs to its key and its names. */
  | { readonly type: 'certificate.issued' }
  | { readonly type: 'certificate.saved' }
  /** The step failed. `afterMs`: how long the CA forbids another attempt; null = it does not say. */
  | { readonly type: 'attempt.failed'; readonly afterMs: number | null }
  /** No connection to the CA was made for the order, so nothing was sent, and nothing was ordered. */
  | { readonly type: 'authority.unreached' }
  | { readonly type: 'renewal.due' }
  /** By the wall clock, which may have jumped since it was last asked. */
  | { readonly type: 'renewal.later'; readonly afterMs: number }
  /** It is time to ask the CA when it would like to renew (RFC 9773). */
  | { readonly type: 'advice.due' }
  /** It was asked; whatever came of it is known to whoever answers `checkRenewal`. */
  | { readonly type: 'advice.settled' }
  /** Nothing needs these names any more, or the proxy stops. */
  | { readonly type: 'retire.requested' };

export type CertificateFactType = CertificateFact['type'];

export type CertificateCommand =
  /** Answered by `certificate.found`, `certificate.absent`, `attempt.deferred` or `attempt.failed`. */
  | { readonly type: 'lookInStore' }
  /** Answered by `lock.granted`, `lock.refused` or `attempt.failed`; later perhaps `lock.lost`. */
  | { readonly type: 'claimLock' }
  /** Harmless without a lock; a claim that is not answered yet is given back when it is. */
  | { readonly type: 'releaseLock' }
  /**
   * Resumes the order of an earlier run or makes one. Any fact about an order, `certificate.issued` if it is at hand, or
   * `authority.unreached`.
   */
  | { readonly type: 'openOrder' }
  /** Answered by `challenges.published` or `attempt.failed`. */
  | { readonly type: 'publishChallenges' }
  /** Harmless when nothing is published. */
  | { readonly type: 'withdrawChallenges' }
  /** Answered by any fact about an order, or `attempt.failed`. */
  | { readonly type: 'askOrder' }
  | { readonly type: 'finaliseOrder' }
  /** Answered by `certificate.issued` or `attempt.failed`. */
  | { readonly type: 'fetchCertificate' }
  /** Answered by `certificate.saved` or `attempt.failed`. */
  | { readonly type: 'saveCertificate' }
  /** What was found or issued last serves from now on. */
  | { readonly type: 'serveCertificate' }
  /** The failure is remembered where others see it, until the wait is over. */
  | { readonly type: 'deferOthers'; readonly failures: number; readonly waitMs: number }
  /** Answered by `renewal.due`, `renewal.later` or `advice.due`. */
  | { readonly type: 'checkRenewal' }
  /** Answered by `advice.settled`. */
  | { readonly type: 'askAdvice' }
  /** Whatever was asked for last is not waited for any more. Harmless when it is over. */
  | { readonly type: 'cancelStep' };

const factTypeSet: Readonly<Record<CertificateFactType, true>> = {
  'certificate.found': true,
  'certificate.absent': true,
  'attempt.deferred': true,
  'lock.granted': true,
  'lock.refused': true,
  'lock.lost': true,
  'order.opened': true,
  'order.ready': true,
  'order.pending': true,
  'order.issued': true,
  'challenges.published': true,
  'certificate.issued': true,
  'certificate.saved': true,
  'attempt.failed': true,
  'authority.unreached': true,
  'renewal.due': true,
  'renewal.later': true,
  'advice.due': true,
  'advice.settled': true,
  'retire.requested': true,
};

/** True exactly when the name is one of a certificate's facts. */
export function isCertificateFactType(name: string): name is CertificateFactType {
  return Object.hasOwn(factTypeSet, name);
}

/** Every fact's name, in the order above. */
export const certificateFactTypes: readonly CertificateFactType[] =
  Object.keys(factTypeSet).filter(isCertificateFactType);
