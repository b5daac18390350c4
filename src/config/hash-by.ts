/**
 * What leads to the same endpoint again, as people write it: `ip`, `host`, `path`, `header:<name>`, `cookie:<name>`.
 *
 * Decides: which names a request can show. Read first: `../routing/pool-plan.ts` (HashKey).
 */
import { nameProblem } from '../protocols/http/validate.ts';
import { headerNameProblem } from '../routing/match-value.ts';
import type { HashKey } from '../routing/pool-plan.ts';
import { nearest } from './suggest.ts';

export const hashExpected = 'ip, host, path, header:<name> or cookie:<name>';

export type HashKeyRead =
  | { readonly ok: true; readonly key: HashKey }
  | { readonly ok: false; readonly message: string; readonly suggestion: string | null };

export function readHashKey(text: string): HashKeyRead {
  const [, kind, name] = /^([a-z]+)(?::\s*(.+))?$/.exec(text.trim()) ?? [];
  if (name === undefined && (kind === 'ip' || kind === 'host' || kind === 'path')) return { ok: true, key: { kind } };
  const isName = name !== undefined && name.length <= 128 && nameProblem(name) === null;
  if (isName && kind === 'cookie') return { ok: true, key: { kind, name } };
  if (isName && kind === 'header') return readHeader(name.toLowerCase());
  return { ok: false, message: 'this is nothing to hash by', suggestion: meant(text) };
}

function readHeader(name: string): HashKeyRead {
  if (headerNameProblem(name) === null) return { ok: true, key: { kind: 'header', name } };
  const message = 'no header field of this name tells requests apart';
  return { ok: false, message, suggestion: name === 'host' ? 'host' : null };
}

function meant(text: string): string | null {
  const [word = '', ...rest] = text.trim().split(/[:=]/);
  const kind = nearest(word, ['ip', 'host', 'path', 'header', 'cookie']);
  if (kind !== 'header' && kind !== 'cookie') return kind;
  return `${kind}:${rest.join(':').trim().slice(0, 60) || '<name>'}`;
}
