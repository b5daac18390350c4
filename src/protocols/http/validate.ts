/**
 * Checks of models that no reader of ours made: from HTTP/2, from handlers, from the configuration.
 *
 * Decides by the same table as the readers, so that what passes here can be written and read back as it is.
 * Must never do: throw, or quote what it was given.
 * @see RFC 9110 §5.1, §5.5 and §9.1, RFC 9113 §8.2.1 and §8.3
 */
import { inTarget, inToken, inValue, isAll, kindOf, slash } from '../http1/byte-kinds.ts';
import { isHopByHop } from '../http1/field-kinds.ts';
import { isAuthority } from './authority.ts';
import type { Fields, HttpProblem } from './message.ts';

const methodLengthMax = 32;

const wrongName: HttpProblem = { status: 400, detail: 'a field name is not a token' };
const wrongValue: HttpProblem = { status: 400, detail: 'a field value has a control character, or one beyond a byte' };
const paddedValue: HttpProblem = { status: 400, detail: 'a field value begins or ends with a blank' };
const reservedName: HttpProblem = { status: 400, detail: 'a field would frame, route or hold the connection' };
const oddFields: HttpProblem = { status: 400, detail: 'a field name has no value' };
const wrongMethod: HttpProblem = { status: 400, detail: 'the method is not a token of at most 32 characters' };
const refusedMethod: HttpProblem = { status: 405, detail: 'CONNECT and TRACE are not served' };
const wrongTarget: HttpProblem = { status: 400, detail: 'the request target is not a path' };
const wrongAuthority: HttpProblem = { status: 400, detail: 'the authority is not a host name with an optional port' };

/** A token. */
export function nameProblem(name: string): HttpProblem | null {
  return isAll(name, inToken) ? null : wrongName;
}

/** No control character but HTAB, nothing beyond one byte, no blanks at the ends. Empty is fine. */
export function valueProblem(value: string): HttpProblem | null {
  if (value === '') return null;
  if (!isAll(value, inValue)) return wrongValue;
  return isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)) ? paddedValue : null;
}

/** One end-to-end field: what may be in `Fields`. */
export function fieldProblem(name: string, value: string): HttpProblem | null {
  return nameProblem(name) ?? (isHopByHop(name) ? reservedName : valueProblem(value));
}

/** Every field of a model. */
export function fieldsProblem(fields: Fields): HttpProblem | null {
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1];
    const problem = value === undefined ? oddFields : fieldProblem(fields[index] ?? '', value);
    if (problem !== null) return problem;
  }
  return null;
}

/**
 * A token that may be served. CONNECT never is, in any case, nor is TRACE in any case but its own: a proxy that tunnels by
 * accident, or has credentials echoed, is a hole, and backends exist that do not care about the case. TRACE itself is
 * served where a route names it (docs/adr/0015-connect-trace-and-absolute-form.md).
 */
export function methodProblem(method: string): HttpProblem | null {
  if (method.length > methodLengthMax || !isAll(method, inToken)) return wrongMethod;
  if ((method.length !== 7 && method.length !== 5) || method === 'TRACE') return null;
  const upper = method.toUpperCase();
  return upper === 'CONNECT' || upper === 'TRACE' ? refusedMethod : null;
}

/** A path with or without a query, or `*` with OPTIONS. No fragment, no blank, nothing beyond ASCII. */
export function targetProblem(method: string, target: string): HttpProblem | null {
  if (target === '*') return method === 'OPTIONS' ? null : wrongTarget;
  return target.charCodeAt(0) === slash && isAll(target, inTarget) ? null : wrongTarget;
}

/** Host and optional port; empty is not one. */
export function authorityProblem(authority: string): HttpProblem | null {
  return isAuthority(authority) ? null : wrongAuthority;
}

/** A reason phrase, or any text that may stand where one may. */
export function reasonProblem(reason: string): HttpProblem | null {
  for (let index = 0; index < reason.length; index += 1) {
    if ((kindOf(reason, index) & inValue) === 0) return wrongValue;
  }
  return null;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
