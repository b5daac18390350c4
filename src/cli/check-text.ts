/**
 * The report of `check` as people read it.
 */
import type { HoldStep, HoldTime } from '../machines/chart/hold-time.ts';
import type { CheckedDeadline, CheckReport, CheckedRoute } from './check-report.ts';
import { alignColumns, indent, showMs, type Paint } from './layout.ts';

export function checkText(report: CheckReport, paint: Paint): string {
  const { file, listeners, routes, warnings } = report;
  const count = (items: readonly unknown[], noun: string) => `${items.length} ${noun}${items.length === 1 ? '' : 's'}`;
  const verdict = `${paint('green', 'fine')}: ${file}, ${count(listeners, 'listener')}, ${count(routes, 'route')}`;
  const sections = [
    verdict,
    ...routesText(report, paint),
    certificatesText(routes, paint),
    policyText(routes, paint),
    deadlinesText(report, paint),
    holdText(routes, paint),
    warningsText(warnings, paint),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** Listeners that try the same routes in the same order are one section. */
function routesText({ listeners, routes }: CheckReport, paint: Paint): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const { host, port, routes: names } of listeners) {
    const key = names.join('\n');
    groups.set(key, [...(groups.get(key) ?? []), host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`]);
  }
  return [...groups].map(([key, addresses]) => {
    const rows = key.split('\n').flatMap((name, order) => {
      const route = routes.find((one) => one.name === name);
      return route === undefined ? [] : [routeCells(route, order + 1)];
    });
    const order = rows.length > 1 ? ', in the order they are tried' : '';
    return `${paint('bold', `Routes of ${addressesText(addresses)}`)}${order}\n${indent(alignColumns(rows).join('\n'), 2)}`;
  });
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

function holdText(routes: readonly CheckedRoute[], paint: Paint): string {
  const lines = routes.flatMap(({ name, holdTime }) => {
    if (holdTime === null) return [];
    const { silent, hostile } = holdTime;
    return [
      `${paint('bold', name)}: ${silent.totalMs === null ? paint('yellow', whyUnbounded(silent, 'silent')) : showMs(silent.totalMs)}`,
      `  ${pathText(silent.path)}`,
      `  a peer that trickles bytes: ${hostile.totalMs === null ? whyUnbounded(hostile, 'hostile') : showMs(hostile.totalMs)}`,
    ];
  });
  if (lines.length === 0) return '';
  return `${paint('bold', 'The longest a silent peer can hold a slot')}\n${indent(lines.join('\n'), 2)}`;
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
