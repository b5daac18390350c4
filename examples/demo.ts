/**
 * `npm start`: two proxies with one configuration, one running the compiled chart and one a real XState actor for every
 * connection, in front of origins of their own. Plays a few connections, good and bad, through both and lets the proxies
 * explain how each ended; then stays up. `npm start -- --once` ends: exit code 1 if anything was unexpected or left over.
 */
import { createProxy, ProxyError, type Proxy } from '../src/index.ts';
import { drive } from './demo/drive.ts';
import { startOrigins, type Origins } from './demo/origins.ts';
import { paint, printCensus, printClosed, printInvitation, printOutcomes, verify } from './demo/report.ts';
import { demoConfig, scenarios, type Interpreter } from './demo/scenarios.ts';

interface Running {
  readonly interpreter: Interpreter;
  readonly proxy: Proxy;
  readonly port: number;
}

const origins = await startOrigins();
const running = [await startProxy('compiled', 9000, origins), await startProxy('xstate', 9001, origins)];
console.log(paint('bold', 'Sallyport: one statechart, two ways to run it'));
console.log(`  127.0.0.1:${portOf('compiled')}  compiled  the chart as a table, derived at start-up (the default)`);
console.log(`  127.0.0.1:${portOf('xstate')}  xstate    a real XState actor for every connection`);
console.log('Each port takes TLS by its server name, HTTP request by request, and everything else as raw TCP.');
console.log('Below: why each connection ended, how its client saw that, and its states with their milliseconds.');

const plays = await Promise.all(running.map(async (one) => ({ ...one, outcomes: await drive(one.proxy, one.port) })));
printOutcomes(plays);
const isAsExpected = verify(plays);
if (isAsExpected)
  console.log(
    `\nAll ${scenarios.length * running.length} connections ended as expected, by the same way under both interpreters.`,
  );

if (process.argv.includes('--once')) await shutDown();
else stayUp();

function stayUp(): void {
  printInvitation(plays);
  for (const { proxy } of running) {
    proxy.on('exchange.closed', (record) => printClosed(record, proxy.explain(record.exchangeId)?.sentence ?? ''));
    proxy.on('connection.closed', (record) => printClosed(record, proxy.explain(record.connectionId)?.sentence ?? ''));
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void shutDown());
}

async function shutDown(): Promise<void> {
  await Promise.all(running.map(({ proxy }) => proxy.stop()));
  await origins.close();
  const areEmpty = running.map(({ interpreter, proxy }) => printCensus(interpreter, proxy.census()));
  process.exitCode = isAsExpected && areEmpty.every(Boolean) ? 0 : 1;
}

/** On a port that is easy to remember, or where that is taken on any free one. */
async function startProxy(interpreter: Interpreter, port: number, upstreams: Origins): Promise<Running> {
  const proxy = createProxy(demoConfig(port, interpreter, upstreams));
  try {
    await proxy.start();
    return { interpreter, proxy, port: proxy.addresses()[0]?.port ?? port };
  } catch (error) {
    const isTaken = error instanceof ProxyError && error.code === 'SALLYPORT_LISTEN_FAILED' && port !== 0;
    if (isTaken) return startProxy(interpreter, 0, upstreams);
    throw error;
  }
}

function portOf(interpreter: Interpreter): number {
  return running.find((one) => one.interpreter === interpreter)?.port ?? 0;
}
