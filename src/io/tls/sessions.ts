/**
 * The last session of each upstream, so that the next connection to it resumes instead of beginning anew.
 *
 * Decides: that a session is kept only after its upstream was believed, and found again only by the same demands (context,
 * name, verification, pins): a resumed handshake shows no certificate that could be looked at once more. It is forgotten
 * after an hour, so that an upstream whose certificate has ended is not believed for long.
 * Must never do: outlive its context. Read first: `verification.ts`.
 */
import { LRUCache } from 'lru-cache';
import type { SecureContext } from 'node:tls';
import type { Handshake } from '../leg.ts';
import type { PeerCertificate } from './identity.ts';

export interface KeptSession {
  readonly session: Buffer;
  /** What the upstream showed when the session was made. */
  readonly peer: PeerCertificate | null;
}

type ClientHandshake = Extract<Handshake, { role: 'client' }>;

/** Names per context; a session weighs some 4 KB. */
const sessionsMax = 256;
const sessionLifeMs = 3_600_000;

const sessions = new WeakMap<SecureContext, LRUCache<string, KeptSession>>();

export function sessionFor(how: ClientHandshake): KeptSession | null {
  return sessions.get(how.context)?.get(demandsOf(how)) ?? null;
}

/** The session of an upstream that was believed. */
export function keepSession(how: ClientHandshake, kept: KeptSession): void {
  let known = sessions.get(how.context);
  if (known === undefined) {
    known = new LRUCache({ max: sessionsMax, ttl: sessionLifeMs });
    sessions.set(how.context, known);
  }
  known.set(demandsOf(how), kept);
}

function demandsOf({ serverName, alpn, verify, pins }: ClientHandshake): string {
  return JSON.stringify([serverName, alpn, verify, pins]);
}
