/**
 * What leads somebody to the same endpoint again, where the pool balances by a key.
 *
 * Decides that whoever lacks what is asked for (a cookie that is not set yet) is known by the address: with one key for all
 * of them, they would all come to one endpoint. Pure.
 */
import { fieldValue, fieldValues } from '../../protocols/http/fields.ts';
import type { HashKey } from '../../routing/pool-plan.ts';
import type { DialSubject } from '../candidates.ts';

export function hashKeyOf(key: HashKey, subject: DialSubject): string {
  return askedKey(key, subject) ?? subject.client.host;
}

function askedKey(key: HashKey, { client, serverName, head }: DialSubject): string | null {
  switch (key.kind) {
    case 'ip':
      return client.host;
    case 'host':
      return serverName;
    case 'path':
      return head === null ? null : (head.target.split('?', 1)[0] ?? head.target);
    case 'header':
      return head === null ? null : fieldValue(head.fields, key.name.toLowerCase());
    case 'cookie':
  }
  return head === null ? null : cookieIn(fieldValues(head.fields, 'cookie'), key.name);
}

/** The first of that name (RFC 6265 §5.4 puts the most specific one first). */
function cookieIn(fields: readonly string[], name: string): string | null {
  for (const field of fields) {
    for (const pair of field.split(';')) {
      const [found = '', ...value] = pair.split('=');
      if (found.trim() === name) return value.join('=').trim();
    }
  }
  return null;
}
