/**
 * The peer that Node proxies are built like: `a.pipe(b)`, nothing else. `node pipe-relay.ts <port> <upstreamPort>`.
 */
import { connect, createServer } from 'node:net';

const [port, upstreamPort] = process.argv.slice(2).map(Number);
if (port === undefined || upstreamPort === undefined) throw new Error('expected <port> <upstreamPort>');

const server = createServer((downstream) => {
  const upstream = connect(upstreamPort, '127.0.0.1');
  downstream.pipe(upstream);
  upstream.pipe(downstream);
  downstream.on('error', () => upstream.destroy());
  upstream.on('error', () => downstream.destroy());
});
server.listen(port, '127.0.0.1');
