/**
 * The report of `check` as people read it.
 */
import type { HoldStep, HoldTime } from '../machines/chart/hold-time.ts';
import type { CheckedDeadline, CheckedListener, CheckedPool, CheckReport, CheckedRoute } from './check-report.ts';
import { alignColumns, indent, showMs, type Paint } from './layout.ts';

export function checkText(report: CheckReport, paint: Paint): string {
  const { file, listeners, limits, routes, pools, warnings } = report;
  const count = (items: readonly unknown[], noun: string) => `${items.length} ${noun}${items.length === 1 ? '' : 's'}`;
  const verdict = `${paint('green', 'fine')}: ${file}, ${count(listeners, 'listener')}, ${count(routes, 'route')}`;
  const sections = [
    verdict,
    ...routesText(report, paint),
    `${paint('bold', 'All together')}: ${limits.join('; ')}`,
    poolsText(pools, paint),
    certificatesText(routes, paint),
    policyText(routes, paint),
    deadlinesText(report, paint),
    holdText(routes, paint),
    warningsText(warnings, paint),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** Listeners that try the same routes in the same order, and ask the same of everybody, are one section. */
function routesText({ listeners, routes }: CheckReport, paint: Paint): readonly string[] {
  const groups = new Map<string, CheckedListener[]>();
  for (const listener of listeners) {
    const key = JSON.stringify([listener.routes, listener.inside, listener.policy]);
    groups.set(key, [...(groups.get(key) ?? []), listener]);
  }
  return [...groups.values()].map((group) => listenersText(group, routes, paint));
}

function listenersText(group: readonly CheckedListener[], routes: readonly CheckedRoute[], paint: Paint): string {
  const addresses = addressesText(
    group.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)),
  );
  const [{ routes: names, inside, policy, isForChallenges } = noListener] = group;
  if (isForChallenges)
    return `${paint('bold', addresses)}\n  answers the HTTP-01 validations of certificate authorities, and nothing else`;
  const rows = names.flatMap((name, order) => rowOf(name, order, routes));
  // What a client hello cannot show has no weight before the handshake, and has it inside.
  const isOther = names.filter((name) => inside.includes(name)).join('\n') !== inside.join('\n');
  const order = rows.length > 1 ? `, in the order they are tried${isOther ? ' for a client hello' : ''}` : '';
  const lines = [`${paint('bold', `Routes of ${addresses}`)}${order}`, ...indented(rows)];
  if (isOther)
    lines.push(
      'Inside of the TLS that ends here, in the order they are tried for what is spoken there',
      ...indented(inside.flatMap((name, at) => rowOf(name, at, routes))),
    );
  return [...lines, ...policy.map((phrase) => `  ${phrase}`)].join('\n');
}

const noListener: Pick<CheckedListener, 'routes' | 'inside' | 'isForChallenges' | 'policy'> = {
  routes: [],
  inside: [],
  isForChallenges: false,
  policy: [],
};

function indented(rows: readonly (readonly string[])[]): readonly string[] {
  return alignColumns(rows).map((row) => `  ${row}`);
}

function rowOf(name: string, order: number, routes: readonly CheckedRoute[]): readonly (readonly string[])[] {
  const route = routes.find((one) => one.name === name);
  return route === undefined ? [] : [routeCells(route, order + 1)];
}

/** Endpoints, and how they are looked after. */
function poolsText(pools: readonly CheckedPool[], paint: Paint): string {
  const rows = pools.flatMap(({ name, balance, endpoints, policy, routes }) => {
    const users = routes.length === 0 ? 'no route leads to it' : `of ${routes.join(', ')}`;
    const phrases = [`${balance}, ${users}`, ...endpoints.map((one) => `→ ${one}`), ...policy];
    return phrases.map((phrase, order) => [order === 0 ? name : '', phrase]);
  });
  if (rows.length === 0) return '';
  return `${paint('bold', 'Pools')}\n${indent(alignColumns(rows).join('\n'), 2)}`;
}

function addressesText(addresses: readonly string[]): string {
  const [first = '', ...rest] = addresses;
  return rest.length > 3 ? `${first} to ${rest.at(-1) ?? ''}` : addresses.join(', ');
}

function routeCells(route: CheckedRoute, order: number): readonly string[] {
  const action = route.enabled ? route.action : 'switched off: refused';
  return [
    `${order}.`,
    route.name,
    route.match,
    '→',
    action,
    ...(route.interpreter === 'xstate' ? ['as XState actors'] : []),
  ];
}

/** Where each certificate will come from, and what of a handshake is not the default. */
function certificatesText(routes: readonly CheckedRoute[], paint: Paint): string {
  const rows = routes.flatMap(({ name, tls }) =>
    tls === null
      ? []
      : [tls.certificate.says, ...tls.handshake].map((phrase, order) => [order === 0 ? name : '', phrase]),
  );
  if (rows.length === 0) return '';
  return `${paint('bold', 'Certificates and handshakes')}\n${indent(alignColumns(rows).join('\n'), 2)}`;
}

/** Who may pass, and what is changed on the way. */
function policyText(routes: readonly CheckedRoute[], paint: Paint): string {
  const rows = routes.flatMap(({ name, policy }) => policy.map((phrase, order) => [order === 0 ? name : '', phrase]));
  if (rows.length === 0) return '';
  return `${paint('bold', 'On the way')}\n${indent(alignColumns(rows).join('\n'), 2)}`;
}

function deadlinesText({ deadlines, routes }: CheckReport, paint: Paint): string {
  const rows = [
    ...deadlines.map((one) => ['all', ...deadlineCells(one)]),
    ...routes.flatMap((route) => route.deadlines.map((one) => [route.name, ...deadlineCells(one)])),
  ];
  if (rows.length === 0) return `${paint('bold', 'Deadlines')}: all as by default`;
  return `${paint('bold', 'Deadlines that are not the default')}\n${indent(alignColumns(rows).join('\n'), 2)}`;
}

function deadlineCells({ name, ms, defaultMs, source }: CheckedDeadline): readonly string[] {
  return [name, limitText(name, ms), `(default ${limitText(name, defaultMs)})`, source];
}

function limitText(name: string, ms: number | null): string {
  if (ms !== null) return showMs(ms);
  return name === 'idle' || name === 'lifetime' ? 'infinite' : 'off';
}

/** Routes that hold equally long, in the same way, are one paragraph. */
function holdText(routes: readonly CheckedRoute[], paint: Paint): string {
  const names = new Map<string, string[]>();
  for (const { name, holdTime } of routes) {
    if (holdTime === null) continue;
    const { silent, hostile } = holdTime;
    const paragraph = [
      `: ${silent.totalMs === null ? paint('yellow', whyUnbounded(silent, 'silent')) : showMs(silent.totalMs)}`,
      `  ${pathText(silent.path)}`,
      `  a peer that trickles bytes: ${hostile.totalMs === null ? whyUnbounded(hostile, 'hostile') : showMs(hostile.totalMs)}`,
    ].join('\n');
    names.set(paragraph, [...(names.get(paragraph) ?? []), name]);
  }
  const paragraphs = [...names].map(([paragraph, those]) => `${paint('bold', those.join(', '))}${paragraph}`);
  if (paragraphs.length === 0) return '';
  return `${paint('bold', 'The longest a silent peer can hold a slot')}\n${indent(paragraphs.join('\n'), 2)}`;
}

/** Which state has no end, and what would have to be set to give it one. A silent peer is held by `idle` alone. */
function whyUnbounded({ path }: HoldTime, peer: 'silent' | 'hostile'): string {
  const [state = ''] = path.at(-1)?.state.split('.') ?? [];
  if (peer === 'silent') return `unbounded in ${state}: timeouts.idle is infinite, and no timeouts.lifetime ends it`;
  const missing = state === 'HALF_CLOSED' ? 'timeouts.halfClosedMax is off and ' : '';
  return `unbounded in ${state}: every byte renews its deadline, ${missing}no timeouts.lifetime ends it`;
}

/** One entry for each of the six states, with the deadlines that bound it. */
function pathText(path: readonly HoldStep[]): string {
  const stays: { readonly state: string; ms: number | null; readonly deadlines: Set<string> }[] = [];
  for (const step of path) {
    const [state = ''] = step.state.split('.');
    let stay = stays.at(-1);
    if (stay?.state !== state) {
      stay = { state, ms: 0, deadlines: new Set() };
      stays.push(stay);
    }
    stay.ms = stay.ms === null || step.ms === null ? null : stay.ms + step.ms;
    // `idling` is the part of `idle` before its warning.
    if (step.deadline !== null) stay.deadlines.add(step.deadline === 'idling' ? 'idle' : step.deadline);
  }
  return stays
    .map(
      ({ state, ms, deadlines }) =>
        `${state} ${ms === null ? 'without end' : `${showMs(ms)} (${[...deadlines].join(', ')})`}`,
    )
    .join(' → ');
}

function warningsText(warnings: readonly string[], paint: Paint): string {
  if (warnings.length === 0) return '';
  return `${paint('yellow', 'Warnings')}\n${warnings.map((warning) => `  ${warning}`).join('\n')}`;
}
