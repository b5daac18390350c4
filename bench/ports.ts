/**
 * Free ports of loopback, below the range from which the kernel takes the ports of outgoing connections, so that a port
 * found now is still free when a subject binds it.
 */
import { createServer } from 'node:net';

const lowest = 18_000;
const highest = 31_999;
let next = lowest + (process.pid % (highest - lowest));

/** @throws Error when none of 500 tries is free. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt++) {
    next = next >= highest ? lowest : next + 1;
    if (await canBind(next)) return next;
  }
  throw new Error('no free port on loopback');
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}
