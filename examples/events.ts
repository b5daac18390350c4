/** Everything a proxy tells: as an iterator, and as an Observable of what is open now. In your program: from 'sallyport'. */
import { createProxy } from '../src/index.ts';

const [upstreamPort = '3000'] = process.argv.slice(2);
const action = { type: 'forward', target: { host: '127.0.0.1', port: upstreamPort } } as const;
const proxy = createProxy({ routes: [{ name: 'web', match: { ports: 0 }, action }] });

const open = proxy.connections$.subscribe((connections) => {
  console.log('open now:', connections.map(({ client, state }) => `${client.host} ${state}`).join(', ') || 'none');
});
process.once('SIGTERM', () => void proxy.stop());

const events = proxy.events();
await proxy.start();
console.log('listening', proxy.addresses());
// Ends when the proxy has stopped. Slow readers lose the oldest events, and `events.dropped` says how many.
for await (const event of events) {
  if (event.event === 'connection.moved') console.log(`${event.connectionId}: ${event.from} → ${event.to}`);
  if (event.event === 'connection.closed') console.log(`${event.connectionId}: ${event.reason}`);
}
open.unsubscribe();
console.log('counters', proxy.counters());
