/**
 * The control plane alone: what one connection's chart costs under each interpreter, without a socket.
 *
 * `node --expose-gc control-plane.ts compiled|xstate`: a process for each, so that neither is slowed by what the other
 * taught the just-in-time compiler. Prints one line of JSON: CPU microseconds of a whole life (ACCEPTED to CLOSED by way of all six states) and heap bytes of a
 * connection that rests in ESTABLISHED, the wheel's timers included.
 */
import {
  createConnectionChart,
  type ConnectionChart,
  type ConnectionHost,
  type InterpreterName,
} from '../src/machines/connection/connection-chart.ts';
import { defaultTimeouts } from '../src/machines/connection/delays.ts';
import type { ConnectionFact } from '../src/machines/connection/events.ts';
import type { ChartClock } from '../src/machines/chart/chart.ts';
import { TimerWheel } from '../src/io/timer-wheel.ts';

const toEstablished: readonly ConnectionFact[] = [
  { type: 'admission.granted' },
  { type: 'client.identified' },
  {
    type: 'sniff.routed',
    serves: 'upstream',
    ageMs: 0,
    timeouts: defaultTimeouts,
    attemptsMax: 1,
    keepHalfOpen: false,
    answerable: false,
    waits: false,
  },
  { type: 'dial.resolved' },
  { type: 'dial.succeeded', ageMs: 1 },
];
const toClosed: readonly ConnectionFact[] = [
  { type: 'downstream.ended', heldBytes: 0, ageMs: 2 },
  { type: 'upstream.ended', ageMs: 3 },
  { type: 'splice.flushed' },
];

const wheel = new TimerWheel();
const clock: ChartClock = {
  nowMs: () => performance.now(),
  arm: (delayMs, target, slot) => wheel.arm(performance.now(), delayMs, target, slot),
  cancel: (timer) => wheel.cancel(timer),
};
let commandCount = 0;
const host: ConnectionHost = {
  perform: () => {
    commandCount += 1;
  },
  moved: () => {},
  beforeDeadline: () => {},
};

function establish(interpreter: InterpreterName): ConnectionChart {
  const chart = createConnectionChart(
    interpreter,
    { timeouts: defaultTimeouts, expectsProxyHeader: false },
    clock,
    host,
  );
  chart.start();
  for (const fact of toEstablished) chart.send(fact);
  if (chart.state !== 'ESTABLISHED') throw new Error(`expected ESTABLISHED, got ${chart.state}`);
  return chart;
}

function live(interpreter: InterpreterName, lives: number): void {
  for (let life = 0; life < lives; life++) {
    const chart = establish(interpreter);
    for (const fact of toClosed) chart.send(fact);
    if (!chart.isDone) throw new Error(`expected CLOSED, got ${chart.state}`);
  }
}

/** The median of five batches, after one that warms up. */
function lifecycleMicroseconds(interpreter: InterpreterName, lives: number): number {
  live(interpreter, lives);
  const batches = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    live(interpreter, lives);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / lives;
  });
  return batches.toSorted((a, b) => a - b)[2] ?? Number.NaN;
}

/** The charts are kept in the result until their bytes were counted. */
function heapBytes(interpreter: InterpreterName, count: number): number {
  const charts: ConnectionChart[] = Array.from({ length: count });
  const before = collected();
  for (let index = 0; index < count; index++) charts[index] = establish(interpreter);
  const bytes = (collected() - before) / count;
  for (const chart of charts) chart.send({ type: 'kill.requested', reason: 'operator.killed' });
  return bytes;
}

function collected(): number {
  if (globalThis.gc === undefined) throw new Error('start it with --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

const interpreter = process.argv[2] === 'xstate' ? 'xstate' : 'compiled';
const { lives, count } = { compiled: { lives: 50_000, count: 20_000 }, xstate: { lives: 1_000, count: 2_000 } }[
  interpreter
];
const cost = {
  lifecycleMicroseconds: lifecycleMicroseconds(interpreter, lives),
  heapBytes: heapBytes(interpreter, count),
};
if (commandCount === 0 || wheel.armedCount !== 0) throw new Error('the charts did nothing, or left a timer behind');
process.stdout.write(`${JSON.stringify(cost)}\n`);
