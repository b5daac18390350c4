/**
 * Asks the proxy which route takes a client that is only imagined, and prints the answer with its reasons.
 */
import { createProxyFromPlan } from '../proxy.ts';
import type { CandidateExplanation, MatchExplanation, MatchQuery } from '../routing/route-table.ts';
import type { CommonOptions } from './common-options.ts';
import { exitCodes, type CommandHost } from './host.ts';
import { alignColumns, indent, painter, type Paint } from './layout.ts';
import { loadPlan } from './load-plan.ts';
import { describeAction } from './route-text.ts';

export interface RouteQuestion {
  /** As it was typed. */
  readonly text: string;
  readonly host: string | null;
  readonly port: number;
  readonly protocol: string | null;
  readonly clientIp: string;
  readonly hasPath: boolean;
}

/** A refusal is an answer like any other: exit code 0. */
export async function explainRoute(
  question: RouteQuestion,
  options: CommonOptions,
  host: CommandHost,
): Promise<number> {
  const { plan } = await loadPlan(options.config, options, host);
  const ports = plan.listeners.map(({ port }) => port);
  if (!ports.includes(question.port)) {
    host.print(`${question.text}: refused by the system, because nothing listens on port ${question.port}`);
    host.print(`ports of this configuration: ${shortened(ports)}`);
    return exitCodes.fine;
  }
  const answer = createProxyFromPlan(plan).match(queryOf(question));
  host.print(answerText(question, answer, painter(host.hasColour)));
  return exitCodes.fine;
}

function queryOf({ host, port, protocol, clientIp }: RouteQuestion): MatchQuery {
  return {
    port,
    clientIp,
    ...(host === null ? {} : { host }),
    ...(protocol === null ? {} : { protocol }),
  };
}

function answerText(question: RouteQuestion, answer: MatchExplanation, paint: Paint): string {
  const { decision, protocol, says, candidates } = answer;
  const speaks = protocol === null ? 'a protocol that nobody asked for' : protocol;
  const lines = [
    `A client at ${question.clientIp} that speaks ${speaks} is ${paint(decision.kind === 'route' ? 'green' : 'yellow', says)}.`,
  ];
  if (decision.kind === 'route') {
    lines.push(`  ${describeAction(decision.route.action)}`, `  ${paint('dim', decision.route.configPath)}`);
  }
  if (question.hasPath) lines.push('  The path is not looked at: routing by path is not built yet.');
  const rows = candidates.map((candidate) => candidateCells(candidate, answer, paint));
  return [
    ...lines,
    '',
    paint('bold', 'Routes of this port, in the order they are tried'),
    indent(alignColumns(rows).join('\n'), 2),
  ].join('\n');
}

function candidateCells(
  candidate: CandidateExplanation,
  { decision }: MatchExplanation,
  paint: Paint,
): readonly string[] {
  const isTaken = decision.kind === 'route' && decision.route === candidate.route;
  return [isTaken ? paint('green', '*') : ' ', candidate.route.name, candidate.says];
}

function shortened(ports: readonly number[]): string {
  return ports.length > 20 ? `${ports.slice(0, 20).join(', ')}, …` : ports.join(', ');
}
