/**
 * Checks one configuration and prints the answer, for people or as JSON.
 */
import { relative } from 'node:path';
import { ConfigError } from '../config/problems.ts';
import { ProxyError } from '../errors.ts';
import { CertificatesError, checkCertificates } from '../proxy-certificates.ts';
import { checkReport } from './check-report.ts';
import { checkText } from './check-text.ts';
import type { CommonOptions } from './common-options.ts';
import { exitCodes, type CommandHost } from './host.ts';
import { painter } from './layout.ts';
import { loadPlan } from './load-plan.ts';

export async function checkConfig(
  file: string | undefined,
  options: CommonOptions & { readonly json?: boolean },
  host: CommandHost,
): Promise<number> {
  try {
    const loaded = await loadPlan(file, options, host);
    const certificates = await checkCertificates(loaded.plan);
    const plan = { ...loaded.plan, warnings: [...loaded.plan.warnings, ...certificates] };
    const report = checkReport(plan, relative(host.folder, loaded.file));
    host.print(options.json === true ? JSON.stringify(report, null, 2) : checkText(report, painter(host.hasColour)));
    return exitCodes.fine;
  } catch (error) {
    const problems = options.json === true ? problemsOf(error) : null;
    if (problems === null) throw error;
    host.print(JSON.stringify({ ok: false, problems }, null, 2));
    return exitCodes.usage;
  }
}

/** Null: nothing that a configuration could be blamed for. */
function problemsOf(error: unknown): readonly object[] | null {
  if (error instanceof ConfigError || error instanceof CertificatesError) return error.problems;
  const isMaterial = error instanceof ProxyError && /^SALLYPORT_C(?:ONFIG|ERTIFICATE)_/.test(error.code);
  if (!isMaterial) return null;
  return error.message.split('\n').map((message) => ({ code: error.code, message }));
}
