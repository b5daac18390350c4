/**
 * Durations: `250ms` `5s` `10m` `1h` in text, milliseconds as numbers.
 *
 * Decides: what counts as a duration and why another does not. Must never do: know which deadline it is for.
 */
import { deadlineMsMax } from '../machines/connection/delays.ts';

/** Milliseconds, or what is wrong with the value and what may have been meant. */
export type DurationResult =
  | { readonly ok: true; readonly ms: number }
  | { readonly ok: false; readonly message: string; readonly suggestion: string | null };

export const durationExpected = 'a duration such as 250ms, 5s, 10m or 1h (a bare number is milliseconds)';

/** Zero is a matter for the caller; negative, fractional and overflowing values are refused here. */
export function parseDuration(value: string | number): DurationResult {
  const ms = typeof value === 'number' ? value : textMs(value);
  if (ms === null) return refused('this is not a duration', repaired(String(value)));
  if (ms < 0) return refused('a duration cannot be negative', null);
  if (ms > deadlineMsMax) return refused(`a duration cannot be longer than ${deadlineMsMax} ms (24.8 days)`, null);
  if (!Number.isInteger(ms)) return refused('a duration is a whole number of milliseconds', null);
  return { ok: true, ms };
}

/** The shortest text that reads back as the same number of milliseconds. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms > 0 && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  }
  return `${ms}ms`;
}

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

function isUnit(text: string): text is keyof typeof unitMs {
  return Object.hasOwn(unitMs, text);
}

function textMs(text: string): number | null {
  const [, digits, unit = ''] = /^(-?\d{1,16})([a-z]*)$/.exec(text) ?? [];
  if (digits === undefined) return null;
  if (unit === '') return Number(digits);
  return isUnit(unit) ? Number(digits) * unitMs[unit] : null;
}

const spelledOut: readonly (readonly [RegExp, number])[] = [
  [/^(ms|msecs?|millis|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, unitMs.s],
  [/^(m|mins?|minutes?)$/, unitMs.m],
  [/^(h|hrs?|hours?)$/, unitMs.h],
  [/^(d|days?)$/, 24 * unitMs.h],
];

/** `1.5s`, `5 sec`, `2 Days` as this language writes them. */
function repaired(text: string): string | null {
  const [, amount, word = ''] = /^\s*(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]+)\s*$/i.exec(text) ?? [];
  if (amount === undefined) return null;
  const factor = spelledOut.find(([pattern]) => pattern.test(word.toLowerCase()))?.[1];
  if (factor === undefined) return null;
  const ms = Math.round(Number(amount) * factor);
  return ms > 0 && ms <= deadlineMsMax ? formatDuration(ms) : null;
}

function refused(message: string, suggestion: string | null): DurationResult {
  return { ok: false, message, suggestion };
}
