/**
 * Asks the proxy which route takes a client that is only imagined, and prints the answer with its reasons.
 */
import { letsPass } from '../config/build-admission.ts';
import { createProxyFromPlan } from '../proxy.ts';
import type { CandidateExplanation, MatchExplanation, MatchQuery } from '../routing/route-table.ts';
import type { CommonOptions } from './common-options.ts';
import { exitCodes, type CommandHost } from './host.ts';
import { alignColumns, indent, painter, type Paint } from './layout.ts';
import { loadPlan } from './load-plan.ts';
import type { RouteAction } from '../routing/plan.ts';
import { describeBalance, describeEndpoint, describePool } from './pool-text.ts';
import { describeAction, describePolicy } from './route-text.ts';
import { describeTls } from './tls-text.ts';

export interface RouteQuestion {
  /** As it was typed. */
  readonly text: string;
  readonly host: string | null;
  readonly port: number;
  readonly protocol: string | null;
  /** Null where nothing says so. */
  readonly tls: boolean | null;
  readonly alpn: readonly string[];
  readonly clientIp: string;
  /** With its query. */
  readonly path: string | null;
  readonly method: string | null;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** A refusal is an answer like any other: exit code 0. */
export async function explainRoute(
  question: RouteQuestion,
  options: CommonOptions & { readonly json?: boolean },
  host: CommandHost,
): Promise<number> {
  const { plan } = await loadPlan(options.config, options, host);
  const ports = plan.listeners.map(({ port }) => port);
  if (!ports.includes(question.port) && options.json !== true) {
    host.print(`${question.text}: refused by the system, because nothing listens on port ${question.port}`);
    host.print(`ports of this configuration: ${shortened(ports)}`);
    return exitCodes.fine;
  }
  const answer = createProxyFromPlan(plan).match(queryOf(question));
  const verdict = verdictOf(question, answer);
  if (options.json === true) host.print(JSON.stringify(answerJson(question, answer, verdict), null, 2));
  else host.print(answerText(question, answer, verdict, painter(host.hasColour)));
  return exitCodes.fine;
}

function queryOf({ host, port, protocol, tls, alpn, clientIp, path, method, headers }: RouteQuestion): MatchQuery {
  return {
    port,
    clientIp,
    ...(host === null ? {} : { host }),
    ...(protocol === null ? {} : { protocol }),
    ...(tls === null ? {} : { tls }),
    ...(alpn.length === 0 ? {} : { alpn }),
    ...(path === null ? {} : { path }),
    ...(method === null ? {} : { method }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
}

/** What becomes of the client in the end: a route that was chosen still has its lists. */
interface Verdict {
  readonly outcome: 'served' | 'refused';
  /** As the closed record will have it; null where the client is served. */
  readonly reason: string | null;
  /** Where HTTP is served and the answer is known. */
  readonly status: number | null;
  /** One sentence without a full stop and without its subject. */
  readonly says: string;
}

function verdictOf({ clientIp }: RouteQuestion, { decision, says }: MatchExplanation): Verdict {
  if (decision.kind !== 'route') {
    const ends = { refused: null, misdirected: 421, malformed: 400 } as const;
    const reason = decision.kind === 'malformed' ? 'downstream.malformed' : 'refused.route';
    return {
      outcome: 'refused',
      reason: 'reason' in decision ? decision.reason : reason,
      status: ends[decision.kind],
      says: `is ${says}`,
    };
  }
  const { access, action, name } = decision.route;
  if (!letsPass(access, clientIp)) {
    const status = 'path' in decision ? 403 : null;
    const how = status === null ? 'refused.address' : `${status}, refused.address`;
    const refused = `would be refused (${how}) by the lists of ${name}`;
    return { outcome: 'refused', reason: 'refused.address', status, says: refused };
  }
  if (action.type === 'block') return { outcome: 'refused', reason: 'route.blocked', status: null, says: `is ${says}` };
  return { outcome: 'served', reason: null, status: null, says: `is ${says}` };
}

function answerJson(question: RouteQuestion, answer: MatchExplanation, verdict: Verdict): object {
  const { decision, protocol, handshake, candidates } = answer;
  const { text, clientIp } = question;
  return {
    target: text,
    clientIp,
    verdict,
    protocol,
    route: decision.kind === 'route' ? decision.route.name : null,
    configPath: decision.kind === 'route' ? decision.route.configPath : null,
    action: decision.kind === 'route' ? describeAction(actionOf(decision)) : null,
    handshake: handshake?.name ?? null,
    candidates: candidates.map(({ route, matched, failed, says }) => ({ route: route.name, matched, failed, says })),
  };
}

function answerText(question: RouteQuestion, answer: MatchExplanation, verdict: Verdict, paint: Paint): string {
  const { decision, protocol, handshake, candidates } = answer;
  const inside = handshake === null ? '' : ' inside of TLS';
  const speaks = `${protocol === null ? 'a protocol that nobody asked for' : protocol}${inside}`;
  const lines = [
    `A client at ${question.clientIp} that speaks ${speaks} ${paint(verdict.outcome === 'served' ? 'green' : 'yellow', verdict.says)}.`,
  ];
  if (decision.kind === 'route') {
    lines.push(...destinationOf(decision).map((line) => `  ${line}`));
    if (handshake !== null) lines.push(`  ${describeTls(handshake)}`);
    lines.push(...describePolicy(decision.route).map((phrase) => `  ${phrase}`), ...foundInPath(decision));
    lines.push(`  ${paint('dim', decision.route.configPath)}`);
  }
  const isRequest = 'path' in decision || decision.kind === 'malformed';
  if (asksForRequest(question) && !isRequest && decision.kind === 'route')
    lines.push('  What is asked of the request is not looked at: nothing reads HTTP here.');
  const rows = candidates.map((candidate) => candidateCells(candidate, answer, paint));
  return [...lines, '', paint('bold', headingOf(answer)), indent(alignColumns(rows).join('\n'), 2)].join('\n');
}

/** Behind a handshake those come first that it leads to, in their own order. */
function headingOf({ handshake, candidates }: MatchExplanation): string {
  if (handshake === null) return 'Routes of this port, in the order they are tried';
  const passesThrough = candidates.some(({ route }) => route.tls === null);
  const then = passesThrough ? '; then those that end no TLS' : '';
  return `Routes inside of the TLS that ends here, in the order they are tried${then}`;
}

/** What the chosen route asks of whom it takes, and where it leads. */
function destinationOf(decision: Extract<Decision, { kind: 'route' }>): readonly string[] {
  const action = actionOf(decision);
  const pool = action.type === 'forward' ? action.pool : null;
  if (pool === null) return [describeAction(action)];
  const places = pool.endpoints.map((endpoint) => `  → ${describeEndpoint(endpoint)}`);
  return [`${describeAction(action)}: ${describeBalance(pool)} over`, ...places, ...describePool(pool)];
}

type Decision = MatchExplanation['decision'];

/** A forward action with only the targets that take the request. */
function actionOf(decision: Extract<Decision, { kind: 'route' }>): RouteAction {
  const { action } = decision.route;
  return action.type === 'forward' && 'targets' in decision ? { ...action, targets: decision.targets } : action;
}

function foundInPath(decision: Decision): readonly string[] {
  if (!('path' in decision)) return [];
  const { pathParams, pathRemainder } = decision.path;
  const found = Object.entries(pathParams).map(([name, value]) => `:${name} is ${value}`);
  const hasRest = decision.route.match.http.path?.endsWith('*') === true;
  if (hasRest) found.push(`* is ${pathRemainder === '' ? 'nothing' : pathRemainder}`);
  return found.length === 0 ? [] : [`  ${found.join(', ')}`];
}

function asksForRequest({ path, method, headers }: RouteQuestion): boolean {
  return (path !== null && path !== '/') || method !== null || Object.keys(headers).length > 0;
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
