/**
 * The building blocks of the schema: numbers, switches, durations, lists, and what is known but not built yet.
 *
 * Convention: a schema's `error` says what was expected, in a few words; a text that ends in "is not built yet", and what
 * is refused by `z.never`, is the whole message. Values are text where they come from the environment or a flag, so every
 * number and switch also reads text.
 * Read first: `issues.ts`, which turns zod's issues into findings by this convention.
 */
import { z } from 'zod';

import { durationExpected, type DurationResult, parseDuration } from './duration.ts';

/** A key that belongs to a later part: known, and refused. */
export function notBuilt(what: string): z.ZodOptional<z.ZodNever> {
  return refused(`${what} is not built yet`);
}

/** A key that is known and cannot be used here; the text says why. */
export function refused(message: string): z.ZodOptional<z.ZodNever> {
  return z.never({ error: message }).optional();
}

/** A whole number within bounds; its text form too. */
export function wholeNumber(from: number, to: number, error: string) {
  const inRange = z.int({ error }).min(from, { error }).max(to, { error });
  const text = z.string({ error }).regex(/^-?\d{1,16}$/, { error });
  return z.union([inRange, text.transform(Number).pipe(inRange)], { error });
}

/** A number from zero up, without a practical bound. */
export function count() {
  return wholeNumber(0, Number.MAX_SAFE_INTEGER, 'a whole number, 0 or more');
}

export function toggle() {
  const error = 'true or false';
  return z.union([z.boolean({ error }), z.enum(['true', 'false'], { error }).transform((text) => text === 'true')], {
    error,
  });
}

/** A list that nobody changes, by its type. Zod's own `readonly` freezes whatever it is given, and bytes cannot be frozen. */
export function listOf<Item extends z.ZodType>(
  list: z.ZodArray<Item>,
): z.ZodType<readonly z.output<Item>[], readonly z.input<Item>[]> {
  return list;
}

/** One or a list; always a list afterwards. */
export function oneOrMany<Item extends z.ZodType>(item: Item, error: string) {
  const many = listOf(z.array(item, { error }).min(1, { error: `${error}, at least one` }));
  return z.union([item.transform((one) => [one]), many], { error });
}

export function label(error: string) {
  return z
    .string({ error })
    .min(1, { error })
    .max(128, { error: `${error}, at most 128 characters` })
    .regex(/^\P{Cc}*$/u, { error: `${error} without control characters` });
}

export interface DurationRules {
  /** True exactly when `infinite` may be said; it reads as null. */
  readonly infinite: boolean;
  /** True exactly when 0 may be said. */
  readonly zero: boolean;
  /** What `true` stands for, and that `false` reads as null; null where neither may be said. */
  readonly trueMs: number | null;
}

/** Milliseconds; null for never. */
export function duration({ infinite, zero, trueMs }: DurationRules) {
  const alternatives = [...(infinite ? ['`infinite`'] : []), ...(trueMs === null ? [] : ['true', 'false'])];
  const error = [durationExpected, ...alternatives].join(', or ');
  const text = z.string({ error }).meta({ examples: ['250ms', '5s', '10m', '1h', ...(infinite ? ['infinite'] : [])] });
  const forms =
    trueMs === null
      ? z.union([z.number({ error }), text], { error })
      : z.union([z.number({ error }), text, z.boolean()], { error });
  return forms.transform((value, context): number | null => {
    const read = readDuration(typeof value === 'string' ? value.trim() : value, { infinite, zero, trueMs });
    if (read.ok) return read.ms;
    context.addIssue({
      code: 'custom',
      message: read.message,
      params: { expected: error, suggestion: read.suggestion },
    });
    return z.NEVER;
  });
}

type DurationRead = { readonly ok: true; readonly ms: number | null } | Extract<DurationResult, { readonly ok: false }>;

function readDuration(value: string | number | boolean, { infinite, zero, trueMs }: DurationRules): DurationRead {
  if (trueMs !== null && isToggle(value)) return { ok: true, ms: String(value) === 'true' ? trueMs : null };
  if (value === 'infinite' || value === Number.POSITIVE_INFINITY) {
    return infinite ? { ok: true, ms: null } : refuse('infinite is allowed for idle and lifetime only');
  }
  if (typeof value === 'boolean') return refuse('this is not a duration');
  const parsed = parseDuration(value);
  return parsed.ok && parsed.ms === 0 && !zero
    ? refuse('a duration must be greater than zero', infinite ? 'infinite' : null)
    : parsed;
}

function isToggle(value: unknown): boolean {
  return typeof value === 'boolean' || value === 'true' || value === 'false';
}

function refuse(message: string, suggestion: string | null = null): DurationRead {
  return { ok: false, message, suggestion };
}
