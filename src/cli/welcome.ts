/**
 * What a person sees when the proxy runs in a terminal: which address leads where, and how to end it.
 */
import type { Address } from '../io/leg.ts';
import { addressText } from '../io/address-text.ts';
import type { ProxyPlan, RoutePlan } from '../routing/plan.ts';
import type { CommandHost } from './host.ts';
import { alignColumns, indent, painter, type Paint } from './layout.ts';
import { targetText, type TargetStates } from './reachability.ts';
import { describeAction, describeMatch, describeTarget } from './route-text.ts';

/** @param addresses where the listeners are bound, in their order */
export function welcome(
  plan: ProxyPlan,
  addresses: readonly Address[],
  states: TargetStates,
  host: CommandHost,
): string {
  const paint = painter(host.hasColour);
  const rows = plan.listeners.flatMap((listener, position) => {
    const address = addresses[position];
    const shown = address === undefined ? `${listener.host}:${listener.port}` : addressText(address);
    return listener.routes.flatMap((route, order) => rowsOf(order === 0 ? shown : '', route, states, paint));
  });
  const keys = `${paint('bold', 'q')} or Ctrl+C: drain and quit; twice: quit at once`;
  return `\n${indent([...alignColumns(rows), '', keys].join('\n'), 2)}\n`;
}

function rowsOf(address: string, route: RoutePlan, states: TargetStates, paint: Paint): readonly (readonly string[])[] {
  const head = [paint('bold', address), route.name, describeMatch(route)];
  if (route.action.type !== 'forward') return [[...head, '→', describeAction(route.action)]];
  return route.action.targets.map((target, order) => {
    const state = states.get(targetText(target)) ?? '';
    const painted = paint(state === 'up' ? 'green' : 'red', state);
    return [...(order === 0 ? head : ['', '', '']), '→', describeTarget(target), painted];
  });
}
