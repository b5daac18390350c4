/**
 * From a command line to a plan: a file or mappings, with the flags and the environment laid over them.
 *
 * Decides: what a command line may configure. Throws what `config/` throws; `failure.ts` words it.
 */
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { resolveConfig } from '../config/resolve.ts';
import { zeroConfig } from '../config/zero-config.ts';
import { silentHoldTime } from '../machines/connection/hold-time.ts';
import type { ProxyPlan } from '../routing/plan.ts';
import { setsOf, type CommonOptions } from './common-options.ts';
import type { CommandHost } from './host.ts';

/** @param file as the user named it; undefined looks for one in the folder. */
export function loadPlan(file: string | undefined, options: CommonOptions, host: CommandHost): Promise<LoadedConfig> {
  return loadConfig(file, { ...overlay(options, host), cwd: host.folder });
}

/** @param mappings `8080=127.0.0.1:3000` */
export function planMappings(mappings: readonly string[], options: CommonOptions, host: CommandHost): ProxyPlan {
  const https = { email: options.email ?? null, developmentCertificates: options.devTls === true };
  return resolveConfig(zeroConfig(mappings, https), { ...overlay(options, host), folder: host.folder });
}

function overlay(options: CommonOptions, host: CommandHost) {
  return {
    env: host.environment,
    sets: setsOf(options),
    holdTime: silentHoldTime,
    developmentCertificates: options.devTls === true,
  };
}
