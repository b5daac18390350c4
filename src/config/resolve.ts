/**
 * From anything to a plan, or to an error that holds everything that is wrong with it.
 *
 * Order: placeholders, environment and flags, schema, checks between values, plan. Each step goes on where the one before
 * found something, so that all problems are told at once.
 * Must never do: read a file or the process's own environment; both are arguments.
 */
import { builtinDetectors } from '../protocols/builtin-detectors.ts';
import type { ProxyPlan } from '../routing/plan.ts';
import { buildPlan, hostDefault } from './build-plan.ts';
import { checkAcme } from './check-acme.ts';
import { checkAdmission } from './check-admission.ts';
import { checkDetectors, protocolNames } from './check-detectors.ts';
import { checkHandshakes } from './check-handshakes.ts';
import { checkHttpDeadlines } from './check-http-deadlines.ts';
import { checkHoldTime, type HoldTime } from './check-hold-time.ts';
import { checkLoops } from './check-loops.ts';
import { checkPools } from './check-pool.ts';
import { checkRoute } from './check-route.ts';
import { checkRoutes } from './check-routes.ts';
import { checkTls } from './check-tls.ts';
import { checkUpstream } from './check-upstream.ts';
import { useDevelopmentCertificates } from './development-certificates.ts';
import { type Draft, draftOf } from './draft.ts';
import { type Finding, toProblems } from './finding.ts';
import { schemaFindings } from './issues.ts';
import { legacyFindings } from './legacy.ts';
import { applyOverlay, type OverlayProblem } from './overlay.ts';
import { formatPath } from './path.ts';
import { type Environment, expandPlaceholders } from './placeholders.ts';
import { placesOf } from './places.ts';
import { isRecord, ownValue } from './plain.ts';
import { ConfigError, type ConfigProblem } from './problems.ts';
import { checkEarlyDeadlines, resolveAllTimeouts } from './resolve-listeners.ts';
import { configSchema } from './schema.ts';
import { codeSource, type ConfigSource } from './source.ts';
import { checkWebSockets } from './check-websockets.ts';
import { warningsOf } from './warnings.ts';

export interface ResolveOptions {
  /** For `${NAME}` and `SALLYPORT_…`; `process.env` in the command. Default: empty. */
  readonly env?: Environment;
  /** `path=value`, as given by `--set`. */
  readonly sets?: readonly string[];
  /** Computes the longest a silent peer can hold a slot, for `limits.maxHoldTime`. */
  readonly holdTime?: HoldTime;
  /** What the paths of certificates are relative to: the folder of the configuration file. Default: the process's. */
  readonly folder?: string;
  /** True: every certificate that would be ordered comes from the development authority instead. */
  readonly developmentCertificates?: boolean;
  /** Where it will run. Default: `process.platform`. */
  readonly platform?: string;
}

/**
 * A configuration object as a plan.
 * @throws ConfigError with every problem.
 */
export function resolveConfig(input: unknown, options: ResolveOptions = {}): ProxyPlan {
  return resolveSource(codeSource(input), options);
}

/**
 * A configuration that was read from somewhere as a plan.
 * @throws ConfigError with every problem, the source's own included.
 */
export function resolveSource(source: ConfigSource, options: ResolveOptions = {}): ProxyPlan {
  const { env = {}, sets = [], holdTime, folder = '', developmentCertificates = false } = options;
  const { platform = process.platform } = options;
  if (!source.sound) throw new ConfigError(source.problems, source.text);
  const { value, findings: expansion, templates, names } = expandPlaceholders(source.value, env);
  const overlay = isRecord(value)
    ? applyOverlay(value, { environment: env, usedNames: names, sets })
    : { given: new Map(), problems: [] };
  if (developmentCertificates) useDevelopmentCertificates(value);
  const places = placesOf(source, overlay.given);

  const draft = draftOf(value);
  const timeouts = resolveAllTimeouts(draft, places);
  const schema = schemaFindings(configSchema, value);
  const checks = [...legacyFindings(value), ...checkAll(draft, value, platform)];
  const timing = [
    ...checkEarlyDeadlines(draft, timeouts),
    ...checkWebSockets(draft, timeouts),
    ...(touchesTimes(schema) ? [] : checkHoldTime(draft, timeouts, holdTime)),
  ];
  const findings = [...expansion, ...withoutReplaced(schema, [...expansion, ...checks]), ...checks, ...timing];

  const problems = [
    ...source.problems,
    ...toProblems(findings, { places, value, templates }),
    ...overlay.problems.map(overlayProblem),
  ];
  const parsed = configSchema.safeParse(value);
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems, source.text);
  return buildPlan({
    config: parsed.data,
    draft,
    timeouts,
    places,
    builtIn: builtinDetectors,
    warnings: warningsOf(draft, timeouts, places),
    folder,
  });
}

function checkAll(draft: Draft, value: unknown, platform: string): readonly Finding[] {
  const builtIn = builtinDetectors.map(({ name }) => name);
  const protocols = protocolNames(draft.sections, builtIn);
  const pools = ownValue(value, 'pools');
  return [
    ...checkDetectors(draft.sections, builtIn),
    ...draft.routes.flatMap((route) => checkRoute(route, protocols)),
    ...draft.routes.flatMap((route) =>
      checkTls(route, { read: draft.sections.acme, written: ownValue(value, 'acme') }),
    ),
    ...draft.routes.flatMap((route) => checkUpstream(route, { pools, platform })),
    ...checkPools(draft, pools),
    ...checkLoops(draft, hostDefault),
    ...checkAdmission(draft, value),
    ...checkAcme(draft.sections.acme, ['acme']),
    ...checkRoutes(draft),
    ...checkHandshakes(draft),
    ...checkHttpDeadlines(draft),
  ];
}

/** Whoever knows why a value is wrong says it instead of the schema, which only knows that. */
function withoutReplaced(schema: readonly Finding[], others: readonly Finding[]): readonly Finding[] {
  const explained = new Set(others.map(({ path }) => formatPath(path)));
  return schema.filter(({ path }) => !explained.has(formatPath(path)));
}

/** Times that could not be read make a sum of times meaningless. */
function touchesTimes(findings: readonly Finding[]): boolean {
  return findings.some(({ path }) => path.includes('timeouts') || path[0] === 'limits');
}

function overlayProblem({ source, finding }: OverlayProblem): ConfigProblem {
  const { message, expected = null, suggestion = null, path } = finding;
  return { path: formatPath(path), file: source, line: null, col: null, message, expected, got: null, suggestion };
}
