/**
 * Small configurations and what is wrong with them, for the tests of the configuration.
 */
import { expect } from 'vitest';
import { ConfigError, type ConfigProblem } from '../../src/config/problems.ts';
import { resolveConfig, type ResolveOptions } from '../../src/config/resolve.ts';
import type { RoutePlan } from '../../src/routing/plan.ts';

export const forward = { type: 'forward', target: { host: '127.0.0.1', port: 3000 } };

/** A message about something of a later part. */
export const notBuiltYet: unknown = expect.stringMatching(/ is not built yet$/);

/** A route that is fine, and what is different about it. */
export function web(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: 'web', match: { ports: 8080 }, action: forward, ...more };
}

/** The plan of a configuration with this one route. */
export function onlyRoute(more: Record<string, unknown> = {}, options: ResolveOptions = {}): RoutePlan {
  const [route] = resolveConfig({ routes: [web(more)] }, options).routes;
  if (route === undefined) throw new Error('a configuration with one route gave a plan without routes');
  return route;
}

/** Everything that is wrong; empty when it resolves. */
export function problems(config: unknown, options: ResolveOptions = {}): readonly ConfigProblem[] {
  try {
    resolveConfig(config, options);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** `path: message` of every problem. */
export function complaints(config: unknown, options: ResolveOptions = {}): readonly string[] {
  return problems(config, options).map(({ path, message }) => `${path}: ${message}`);
}

/** What is wrong with one route. */
export function routeComplaints(more: Record<string, unknown>): readonly string[] {
  return complaints({ routes: [web(more)] });
}
