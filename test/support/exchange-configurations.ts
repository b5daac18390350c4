/**
 * The configurations under which the exchange chart is walked, and the table of deadlines it is held against.
 *
 * The numbers are small, all different, and different before and after routing, so that a deadline taken from the wrong
 * place has the wrong length. Read first: `exchange-walker.ts`.
 */
import { defaultTimeouts, livenessMs, type Timeouts } from '../../src/machines/connection/delays.ts';
import type { ExchangeCommand } from '../../src/machines/exchange/commands.ts';
import { initialContext, type ExchangeContext } from '../../src/machines/exchange/context.ts';
import type { ExchangeFact } from '../../src/machines/exchange/events.ts';
import { exchangeLeaves, type ExchangeLeaf } from '../../src/machines/exchange/verdicts.ts';
import { everyFact, everyReport, mayWait, staleFacts, truthfulFacts, truthfulReports } from './exchange-facts.ts';
import type { Model, Step } from './exchange-walker.ts';
import {
  carryOut,
  deadlinePasses,
  happen,
  initialWorld,
  isPutOffByBytes,
  type ExchangeWorld,
} from './exchange-world.ts';

export interface ExchangeConfiguration {
  readonly name: string;
  readonly attemptsMax: number;
  readonly isIdleInfinite: boolean;
  readonly listenerTimeouts: Timeouts;
  readonly routeTimeouts: Timeouts;
}

export type ExchangeModel = Model<ExchangeContext, ExchangeFact, ExchangeCommand, ExchangeWorld>;
export type ExchangeStep = Step<ExchangeContext, ExchangeFact, ExchangeCommand, ExchangeWorld>;

function timeoutsFrom(base: number, isIdleInfinite: boolean): Timeouts {
  return {
    ...defaultTimeouts,
    requestHead: base + 100,
    sniff: base + 110,
    queue: base + 120,
    dial: base + 130,
    dialBudget: base + 140,
    backoff: base + 7,
    requestBody: base + 150,
    response: base + 160,
    idle: isIdleInfinite ? null : base + 170,
    halfClosed: base + 180,
    linger: base + 20,
  };
}

export function configurationOf(attemptsMax: number, isIdleInfinite: boolean): ExchangeConfiguration {
  return {
    name: `${attemptsMax} attempts${isIdleInfinite ? ', idle infinite' : ''}`,
    attemptsMax,
    isIdleInfinite,
    listenerTimeouts: timeoutsFrom(1, isIdleInfinite),
    routeTimeouts: timeoutsFrom(0, isIdleInfinite),
  };
}

/** Few walks that together arm every deadline and take every guard both ways: enough to judge a mutation. */
export const decisiveConfigurations = [configurationOf(2, false), configurationOf(1, true)] as const;

export const configurations: readonly ExchangeConfiguration[] = [
  ...decisiveConfigurations,
  configurationOf(1, false),
  configurationOf(3, true),
];

/** The declared table: exactly these deadlines hold an exchange in a leaf. Written by hand, from the specification. */
const declared: Readonly<Record<ExchangeLeaf, readonly string[]>> = {
  ACCEPTED: ['requestHead'],
  SNIFFING: ['sniff'],
  'DIALING.QUEUED': ['dialBudget', 'queue'],
  'DIALING.ATTEMPTING': ['dialBudget', 'dial'],
  'DIALING.BACKING_OFF': ['dialBudget', 'backoff'],
  'ESTABLISHED.EXPECTING': ['response'],
  'ESTABLISHED.SENDING': ['requestBody'],
  'ESTABLISHED.BLOCKED': ['response'],
  'ESTABLISHED.EXCHANGING': ['response'],
  'ESTABLISHED.DELIVERING': ['halfClosed'],
  'ESTABLISHED.TUNNEL': ['idle'],
  'HALF_CLOSED.AWAITING': ['response'],
  'HALF_CLOSED.RECEIVING': ['response'],
  'HALF_CLOSED.DELIVERING': ['halfClosed'],
  'HALF_CLOSED.RESPONSE_ENDED': ['linger'],
  'HALF_CLOSED.ANSWERING': ['linger'],
  'HALF_CLOSED.DOWNSTREAM_ENDED': ['halfClosed'],
  'HALF_CLOSED.UPSTREAM_ENDED': ['halfClosed'],
  CLOSED: [],
};

/** The deadlines that must be armed in a leaf, and no others. */
export function declaredDeadlines(leaf: string): readonly string[] {
  const known = exchangeLeaves.find((one) => one === leaf);
  return known === undefined ? ['a declared leaf'] : declared[known];
}

function isTimeoutName(name: string): name is keyof Timeouts {
  return Object.hasOwn(defaultTimeouts, name);
}

/** How long a deadline must be if it is armed now, from the specification. */
function expectedDelayMs(
  { listenerTimeouts, routeTimeouts }: ExchangeConfiguration,
  world: ExchangeWorld,
  name: string,
): number | null {
  const hasRoute = world.routing === 'routed' || world.routing === 'answered';
  const timeouts = hasRoute ? routeTimeouts : listenerTimeouts;
  if (!isTimeoutName(name)) return null;
  const limitMs = timeouts[name];
  if (name === 'idle' && limitMs === null) return livenessMs;
  if (limitMs === null) return null;
  if (name === 'backoff') return limitMs * 2 ** (world.attempts - 1);
  return isPutOffByBytes(name) ? limitMs - world.quietMs : limitMs;
}

export function modelOf(configuration: ExchangeConfiguration): ExchangeModel {
  const { attemptsMax, listenerTimeouts, routeTimeouts } = configuration;
  return {
    name: configuration.name,
    context: initialContext({ timeouts: listenerTimeouts }),
    world: initialWorld,
    facts: everyFact(configuration),
    reports: everyReport,
    leaves: exchangeLeaves.filter((leaf) => leaf !== 'DIALING.BACKING_OFF' || attemptsMax > 1),
    happen: (world, fact) => happen(world, fact, attemptsMax),
    deadlinePasses: (world, name, told) => deadlinePasses(world, name, told, configuration),
    carryOut: (world, command) => carryOut(world, command, attemptsMax),
    truthfulFacts: (world) => truthfulFacts(world, configuration),
    truthfulReports,
    staleFacts: (world) => staleFacts(world, configuration),
    mayWait,
    expectedDelayMs: (world, name) => expectedDelayMs(configuration, world, name),
    isLook: (leaf) => leaf === 'ESTABLISHED.TUNNEL' && routeTimeouts.idle === null,
  };
}
