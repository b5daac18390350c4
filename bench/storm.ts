/**
 * `npm run bench:storm`: 1,000 connections are cut at once; how long until nothing of them is left?
 *
 * Prints, for each interpreter, the milliseconds from the last client's close to the baseline: no connection, slot,
 * transport or timer in the proxy, and no more open files than before. Bounded: gives up after ten seconds.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createProxy, type Proxy } from '../src/index.ts';
import { openFileCount } from '../src/io/fd-limit.ts';

const clientCount = 1000;
const giveUpMs = 10_000;

function isAtBaseline(proxy: Proxy): boolean {
  const { connections, slots, transports, timers } = proxy.census();
  return connections + slots + transports + timers === 0;
}

async function storm(interpreter: 'compiled' | 'xstate'): Promise<void> {
  const origin = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.resume();
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const address = origin.address();
  if (address === null || typeof address === 'string') throw new Error('the origin has no port');
  const target = { host: '127.0.0.1', port: address.port };
  const proxy = createProxy({
    interpreter,
    routes: [{ name: 'storm', match: { ports: 0 }, action: { type: 'forward', target } }],
  });
  await proxy.start();
  const before = (await openFileCount()) ?? 0;
  const clients: Socket[] = [];
  for (let index = 0; index < clientCount; index += 1) {
    const client = connect({ host: '127.0.0.1', port: proxy.addresses()[0]?.port ?? 0 });
    client.on('error', () => undefined);
    await once(client, 'connect');
    client.write('hello');
    clients.push(client);
  }
  while (proxy.connections({ state: 'ESTABLISHED' }).length < clientCount)
    await new Promise((resolve) => setImmediate(resolve));
  const closed = clients.map((client) => once(client, 'close'));
  for (const [index, client] of clients.entries()) {
    if (index % 2 === 0) client.resetAndDestroy();
    else client.destroy();
  }
  await Promise.all(closed);
  const startMs = performance.now();
  let leftMs = giveUpMs;
  while (leftMs > 0 && !(isAtBaseline(proxy) && ((await openFileCount()) ?? 0) <= before)) {
    await new Promise((resolve) => setImmediate(resolve));
    leftMs = giveUpMs - (performance.now() - startMs);
  }
  const tookMs = performance.now() - startMs;
  const verdict =
    leftMs > 0 ? `back at the baseline after ${tookMs.toFixed(0)} ms` : 'NOT back at the baseline after ten seconds';
  console.log(`${interpreter.padEnd(8)}  ${clientCount} connections cut at once: ${verdict}`);
  await proxy.stop();
  origin.close();
}

for (const interpreter of ['compiled', 'xstate'] as const) await storm(interpreter);
