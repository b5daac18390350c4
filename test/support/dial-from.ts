/**
 * A program: dials a listener of its own at the first address from the second, and so on, and prints what it saw, or why not.
 *
 * For network namespaces, which a test cannot enter itself. Usage: `node dial-from.ts 127.0.0.1 192.0.2.7`
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createDialer, type DialFailure } from '../../src/io/dialer.ts';
import type { Leg } from '../../src/io/leg.ts';
import { wheelClock } from '../../src/io/clock.ts';
import { legPortsOf } from './plain-ports.ts';

const words = process.argv.slice(2);
for (let at = 0; at < words.length; at += 2) await dialOnce(words[at] ?? '', words[at + 1] ?? '');

async function dialOnce(host: string, sourceAddress: string): Promise<void> {
  const server = createServer((socket) => {
    process.stdout.write(`seen ${socket.remoteAddress}\n`);
    socket.destroy();
    server.close();
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const dial = createDialer({ ...legPortsOf(wheelClock()), resolver: () => Promise.reject(new Error('no names')) });
  dial({ host, port, sourceAddress }, { resolved: () => undefined, securing: () => undefined }).subscribe({
    next: (leg: Leg) => leg.bytes$.subscribe({ complete: () => leg.release() }),
    error: ({ reason, code }: DialFailure) => {
      process.stdout.write(`${reason} ${code}\n`);
      server.close();
    },
  });
  await once(server, 'close');
}
