/**
 * Slow clients: a thousand of them hold their connections as long as they can while a few fast ones are served.
 *
 * Decides what is right: who never completes a head or stalls in a body is let go at the deadline, with a 408 where a
 * request was recognised; who uploads slowly but steadily is served; every fast request is answered 200. How long the fast
 * ones wait is printed, not judged: it depends on the machine. Read first: `http-client.ts`.
 */
import { createServer } from 'node:http';
import { openFileLimit } from '../../src/io/fd-limit.ts';
import { HttpClient } from './http-client.ts';
import { becomes, middleAndWorst, pause, whole, type Report, type Soak, type SoakContext } from './report.ts';
import { SlowClient, slowKinds, type SlowKind } from './slow-client.ts';
import { closed, listen, withProxy } from './stage.ts';

const slowCount = 1000;
const fastCount = 20;
const deadlineMs = 3000;
const tickMs = 250;
/** How long after the deadline is too late, for a machine that has more to do. */
const lateMs = 60_000;
/** A slow client has a descriptor at both its ends, and perhaps two more behind the proxy. */
const filesPerClient = 4;

export const slowClients: Soak = { name: 'slow-clients', run };

async function run(context: SoakContext): Promise<void> {
  const { report } = context;
  const origin = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (request, response) => {
    request.on('error', () => undefined);
    request.resume().on('end', () => response.end('fine'));
  });
  const target = { host: '127.0.0.1', port: await listen(origin) };
  const config = {
    timeouts: { sniff: deadlineMs, requestHead: deadlineMs, requestBody: deadlineMs, poolIdle: 1000 },
    routes: [{ name: 'slow', match: { ports: 0, protocol: 'http' }, action: { type: 'forward', target } }],
  } as const;
  const count = Math.min(slowCount, Math.floor(((await openFileLimit()) ?? Infinity) / filesPerClient));
  if (count < slowCount) report.say(`the limit of open files allows for ${count} slow clients only`);
  const heldMs: number[] = [];
  await withProxy(context, config, async (port, proxy) => {
    proxy.on('exchange.closed', ({ deadline, durationMs }) => {
      if (deadline !== null) heldMs.push(durationMs);
    });
    const endMs = performance.now() + context.durationMs;
    for (let wave = 1; wave === 1 || performance.now() < endMs; wave += 1) await oneWave(context, port, count, wave);
  });
  report.say(`exchanges ended at the deadline of ${deadlineMs} ms: ${heldMs.length}, after ${middleAndWorst(heldMs)}`);
  origin.closeAllConnections();
  await closed(origin);
}

async function oneWave(context: SoakContext, port: number, count: number, wave: number): Promise<void> {
  const { report } = context;
  const latenciesMs: number[] = [];
  const over = new AbortController();
  const fast = Array.from({ length: fastCount }, async () => {
    const client = new HttpClient(port);
    while (!over.signal.aborted) {
      const startMs = performance.now();
      const { status, body, error } = await client.ask({ method: 'GET', path: '/' });
      latenciesMs.push(performance.now() - startMs);
      if (status !== 200 || body !== 'fine') report.problem('a fast request failed', `${status ?? error} ${body}`);
      await pause(whole(context.random, 0, 10));
    }
    client.close();
  });
  const slow: SlowClient[] = [];
  const trickle = setInterval(() => {
    for (const client of slow) client.tick();
  }, tickMs);
  for (let number = 0; number < count; number += 1) {
    slow.push(new SlowClient(port, slowKinds[number % slowKinds.length] ?? 'stalled body'));
    if (number % 50 === 49) await pause(5);
  }
  const hasEnded = await becomes(() => slow.every(({ isClosed }) => isClosed), deadlineMs + lateMs);
  clearInterval(trickle);
  over.abort();
  await Promise.all(fast);
  report.say(`wave ${wave}: ${latenciesMs.length} fast requests, ${middleAndWorst(latenciesMs)}`);
  for (const kind of slowKinds)
    tell(
      kind,
      slow.filter((client) => client.kind === kind),
      report,
    );
  if (hasEnded) return;
  for (const client of slow) client.cut();
}

function tell(kind: SlowKind, clients: readonly SlowClient[], report: Report): void {
  const served = clients.filter(({ status }) => status === 200).length;
  const timedOut = clients.filter(({ status }) => status === 408).length;
  const unanswered = clients.filter(({ status, isClosed }) => status === null && isClosed).length;
  const open = clients.filter(({ isClosed }) => !isClosed).length;
  const others = clients.length - served - timedOut - unanswered - open;
  const times = middleAndWorst(clients.map(({ tookMs }) => tookMs));
  const counts = `${served} got 200, ${timedOut} got 408, ${unanswered} closed without an answer`;
  report.say(`  ${clients.length} with a ${kind}: ${counts}; ${times}`);
  if (open > 0) report.problem(`a client with a ${kind} still has its connection`, `${open} of ${clients.length}`);
  if (others > 0) report.problem(`a client with a ${kind} got another answer`, String(others));
  if (kind === 'slow body' && served < clients.length)
    report.problem('a slow upload was not served', `${clients.length - served} of ${clients.length}`);
  if (kind !== 'slow body' && served > 0) report.problem(`a ${kind} was answered 200`, String(served));
  if ((kind === 'slow head' || kind === 'stalled body') && timedOut < clients.length)
    report.problem(`a ${kind} was not answered 408`, `${clients.length - timedOut} of ${clients.length}`);
}
