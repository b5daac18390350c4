/**
 * The peer that Node proxies are built like: `tls.createServer` and `a.pipe(b)`, nothing else.
 * `node tls-pipe-relay.ts <port> <httpsPort> <upstreamPort> <cert> <key>`; both ports carry bytes.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer } from 'node:tls';

const [port, httpsPort, upstreamPort] = process.argv.slice(2, 5).map(Number);
const [cert, key] = process.argv.slice(5);
if (
  port === undefined ||
  httpsPort === undefined ||
  upstreamPort === undefined ||
  cert === undefined ||
  key === undefined
)
  throw new Error('expected <port> <httpsPort> <upstreamPort> <cert> <key>');

// Without noDelay the first answer waits some 40 ms for the acknowledgement of the session tickets before it.
const options = { cert: readFileSync(cert), key: readFileSync(key), noDelay: true };
for (const one of [port, httpsPort]) {
  const server = createServer(options, (downstream) => {
    const upstream = connect(upstreamPort, '127.0.0.1');
    downstream.pipe(upstream);
    upstream.pipe(downstream);
    downstream.on('error', () => upstream.destroy());
    upstream.on('error', () => downstream.destroy());
  });
  server.listen(one, '127.0.0.1');
}
