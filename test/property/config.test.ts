/**
 * The configuration as a whole: whatever is valid resolves, whatever is not is told completely and in its place.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { formatDuration } from '../../src/config/duration.ts';
import { isRecord, ownValue } from '../../src/config/plain.ts';
import { ConfigError, type ConfigProblem } from '../../src/config/problems.ts';
import { readJson } from '../../src/config/read-json.ts';
import { readYaml } from '../../src/config/read-yaml.ts';
import { resolveConfig, type ResolveOptions, resolveSource } from '../../src/config/resolve.ts';
import type { ConfigSource } from '../../src/config/source.ts';
import { deadlineMsMax, deadlineNames } from '../../src/machines/connection/delays.ts';
import type { ProxyPlan } from '../../src/routing/plan.ts';
import { durationMs, optional, validConfig } from '../support/config-arbitraries.ts';
import { runs, seed } from '../support/fuzz.ts';

const check = (property: fc.IRawProperty<unknown>, usual: number): void => {
  void fc.assert(property, { seed: seed(), numRuns: runs(usual) });
};

type Outcome = { readonly plan: ProxyPlan } | { readonly problems: readonly ConfigProblem[] };

/** Anything else that is thrown fails the test. */
function outcome(work: () => ProxyPlan): Outcome {
  try {
    return { plan: work() };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    for (const { message } of error.problems) {
      expect(message).not.toBe('');
      expect(message).not.toMatch(/Invalid input|expected .*, received/);
    }
    expect(error.report.length).toBeGreaterThanOrEqual(error.problems.map(({ message }) => message).join('').length);
    return { problems: error.problems };
  }
}

function resolved(input: unknown, options?: ResolveOptions): Outcome {
  return outcome(() => resolveConfig(input, options));
}

describe('valid configurations', () => {
  test('A03: every one resolves, to a listener for each port and a bounded deadline for each state', () => {
    check(
      fc.property(validConfig, (input) => {
        const result = resolved(input);
        if ('problems' in result)
          throw new Error(result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
        expect(result.plan.routes.map(({ name }) => name)).toEqual(input.routes.map(({ name }) => name));
        for (const { port: bound, routes: candidates } of result.plan.listeners) {
          expect(candidates.length).toBeGreaterThan(0);
          for (const { match } of candidates)
            expect(match.ports.some(({ from, to }) => from <= bound && bound <= to)).toBe(true);
        }
        for (const { timeouts } of [...result.plan.routes, ...result.plan.listeners, result.plan]) {
          for (const name of deadlineNames) {
            const value = timeouts.values[name];
            if (value === null) expect(['serverFirst', 'idle', 'halfClosedMax', 'lifetime']).toContain(name);
            else
              expect(
                Number.isInteger(value) && value <= deadlineMsMax && (value > 0 || name === 'readinessDelay'),
              ).toBe(true);
            expect(timeouts.sources[name]).not.toBe('');
          }
        }
      }),
      150,
    );
  });

  test('A03: an object, its YAML and its JSON give the same plan, but for where things stand', () => {
    check(
      fc.property(validConfig, (input) => {
        const whatever = (plan: ProxyPlan): string =>
          JSON.stringify(plan, (key, value: unknown) =>
            key === 'sources' || key === 'configPath' || key === 'warnings' ? null : value,
          );
        const texts = [
          resolveSource(readYaml('a.yaml', stringify(input))),
          resolveSource(readJson('a.json', JSON.stringify(input, null, 2))),
        ];
        for (const plan of texts) expect(whatever(plan)).toBe(whatever(resolveConfig(input)));
      }),
      80,
    );
  });

  test('A03: the strongest origin of a deadline wins and is named', () => {
    check(
      fc.property(
        fc.record({ route: durationMs, flag: durationMs, environment: durationMs, top: durationMs }, optional),
        ({ route, flag, environment, top }) => {
          const input = {
            routes: [
              {
                name: 'a',
                match: { ports: 1 },
                action: { type: 'forward', target: { host: 'a', port: 1 } },
                timeouts: { flush: route },
              },
            ],
            timeouts: { flush: top },
          };
          const env = environment === undefined ? {} : { SALLYPORT_TIMEOUTS_FLUSH: formatDuration(environment) };
          const sets = flag === undefined ? [] : [`timeouts.flush=${flag}`];
          const timeouts = resolveConfig(input, { env, sets }).routes[0]?.timeouts;
          const [value, source] = [
            [route, 'routes[0].timeouts.flush'] as const,
            [flag, `--set timeouts.flush=${flag}`] as const,
            [environment, 'SALLYPORT_TIMEOUTS_FLUSH'] as const,
            [top, 'timeouts.flush'] as const,
          ].find(([given]) => given !== undefined) ?? [10_000, 'default'];
          expect([timeouts?.values.flush, timeouts?.sources.flush]).toEqual([value, source]);
        },
      ),
      150,
    );
  });
});

describe('what is wrong', () => {
  test('X03: anything at all resolves or is refused with at least one problem', () => {
    check(
      fc.property(
        fc.anything({
          withBigInt: true,
          withMap: true,
          withSet: true,
          withDate: true,
          withNullPrototype: true,
          withSparseArray: true,
        }),
        (input) => {
          expect(resolved(input)).toHaveProperty('problems');
        },
      ),
      300,
    );
  });

  test('X03: a valid configuration with anything put somewhere into it resolves or is refused', () => {
    let refused = 0;
    check(
      fc.property(
        validConfig,
        fc.nat(),
        fc.oneof(fc.anything(), fc.string(), fc.integer(), fc.double()),
        (input, at, junk) => {
          const copy: unknown = structuredClone(input);
          const places = placesIn(copy);
          const place = places[at % places.length];
          if (place !== undefined)
            Object.defineProperty(place.container, place.key, {
              value: junk,
              writable: true,
              enumerable: true,
              configurable: true,
            });
          if ('problems' in resolved(copy)) refused += 1;
        },
      ),
      300,
    );
    expect(refused).toBeGreaterThan(0);
  });

  test('X03: every unknown key is told, each on its own line, however many there are', () => {
    check(
      fc.property(validConfig, fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 6 }), (input, picks) => {
        const copy: unknown = structuredClone(input);
        const objects = objectsIn(copy, []);
        const spoilt = new Set(
          picks.map((pick, index) => {
            const object = objects[pick % objects.length];
            const key = `zz${index}`;
            if (object !== undefined) object[key] = 1;
            return key;
          }),
        );
        const text = stringify(copy);
        const problems = problemsOf(readYaml('a.yaml', text));
        const told = problems.filter(({ path }) => /\bzz\d+$/.test(path));
        expect(new Set(told.map(({ path }) => /zz\d+$/.exec(path)?.[0]))).toEqual(spoilt);
        for (const { path, line } of told)
          expect(text.split('\n')[(line ?? 0) - 1]).toContain(/zz\d+$/.exec(path)?.[0]);
      }),
      120,
    );
  });

  test('X03: problems of the schema and problems between values are told together', () => {
    check(
      fc.property(
        validConfig,
        fc.constantFrom('name', 'target', 'listener', 'placeholder'),
        fc.constantFrom('priority', 'timeouts', 'log'),
        (input, between, schema) => {
          const copy = structuredClone(input);
          const route = {
            name: 'route-9',
            match: { ports: 9_000 },
            action: { type: 'forward', target: { host: 'a', port: 1 } },
          };
          const spoilt = {
            ...copy,
            ...(schema === 'log' ? { log: { level: 'loud' } } : {}),
            ...(between === 'listener' ? { listeners: { 9_999: {} } } : {}),
            routes: [
              ...copy.routes,
              {
                ...route,
                ...(between === 'name' ? { name: 'route-0' } : {}),
                ...(between === 'target' ? { action: { type: 'forward' } } : {}),
                ...(between === 'placeholder' ? { description: '${SURELY_NOT_SET}' } : {}),
                ...(schema === 'priority' ? { priority: 'high' } : {}),
                ...(schema === 'timeouts' ? { timeouts: { dial: 0 } } : {}),
              },
            ],
          };
          const result = resolved(spoilt);
          expect('problems' in result ? result.problems : []).toHaveLength(2);
        },
      ),
      100,
    );
  });

  test('X03: damaged YAML resolves or is refused, and every problem has a place in the file', () => {
    let refused = 0;
    check(
      fc.property(validConfig, fc.array(edit(), { minLength: 1, maxLength: 5 }), (input, edits) => {
        const text = edits.reduce((damaged, change) => change(damaged), stringify(input));
        const problems = problemsOf(readYaml('a.yaml', text));
        if (problems.length > 0) refused += 1;
        expectPlaces(problems, text);
      }),
      250,
    );
    expect(refused).toBeGreaterThan(0);
  });

  test('X03: damaged JSON resolves or is refused, and every problem has a place in the file', () => {
    check(
      fc.property(validConfig, edit(), (input, change) => {
        const text = change(JSON.stringify(input, null, 2));
        expectPlaces(problemsOf(readJson('a.json', text)), text);
      }),
      150,
    );
  });

  test('X03: random text is read as YAML and as JSON without anything but problems', () => {
    const yamlish = fc.string({
      unit: fc.constantFrom(...Array.from(' \n\t-:{}[]"\'&*!|>%@`#?,abc0159~<$')),
      maxLength: 60,
    });
    check(
      fc.property(fc.oneof(fc.string(), yamlish), (text) => {
        for (const source of [readYaml('a.yaml', text), readJson('a.json', text)]) {
          const problems = problemsOf(source);
          expect(problems.length).toBeGreaterThan(0);
          expectPlaces(problems, text);
        }
      }),
      300,
    );
  });

  test('X03: a JSON syntax error is found where the text stops being JSON', () => {
    check(
      fc.property(fc.json(), fc.nat(), (text, at) => {
        // A character that JSON has nowhere outside of strings; where it lands inside one, the text stays JSON.
        const bare = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
        const index = at % (bare.length + 1);
        const { sound, problems } = readJson('a.json', `${bare.slice(0, index)}#${bare.slice(index)}`);
        if (!sound) expect(problems).toMatchObject([{ line: 1, col: index + 1 }]);
      }),
      200,
    );
  });
});

function problemsOf(source: ConfigSource): readonly ConfigProblem[] {
  const result = outcome(() => resolveSource(source));
  return 'problems' in result ? result.problems : [];
}

function expectPlaces(problems: readonly ConfigProblem[], text: string): void {
  const lines = text.split('\n');
  for (const { file, line, col, path } of problems) {
    expect([path, file === 'a.yaml' || file === 'a.json', typeof line, typeof col]).toEqual([
      path,
      true,
      'number',
      'number',
    ]);
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(col).toBeGreaterThanOrEqual(1);
    expect(col).toBeLessThanOrEqual((lines[(line ?? 1) - 1] ?? '').length + 1);
  }
}

/** A small damage: a piece cut out, doubled, or replaced by a character that means something. */
function edit(): fc.Arbitrary<(text: string) => string> {
  return fc
    .tuple(fc.nat(), fc.nat(8), fc.constantFrom('', 'twice', ...Array.from('{}[]:,-"\'&*!|>%@\t\n #\u0000')))
    .map(([at, length, by]) => (text) => {
      const from = at % (text.length + 1);
      const piece = text.slice(from, from + length);
      return text.slice(0, from) + (by === 'twice' ? piece + piece : by) + text.slice(from + length);
    });
}

interface Slot {
  readonly container: object;
  readonly key: string;
}

function placesIn(value: unknown): readonly Slot[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => [{ container: value, key }, ...placesIn(ownValue(value, key))]);
}

function objectsIn(value: unknown, path: readonly string[]): readonly Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => objectsIn(item, path));
  if (!isRecord(value)) return [];
  // In these two the names are free.
  const isFree = path.length === 1 && (path[0] === 'detectors' || path[0] === 'listeners');
  return [...(isFree ? [] : [value]), ...Object.keys(value).flatMap((key) => objectsIn(value[key], [...path, key]))];
}
