/** A protocol of your own beside HTTP on one port, told apart by its first bytes. In your program: from 'sallyport'. */
import { createProxy, type Detect } from '../src/index.ts';

const [ownPort = '7000', httpPort = '3000'] = process.argv.slice(2);

/** Pure, and asked again as bytes arrive: `needsMore` until the four letters are there or can no longer be. */
const detect: Detect = (prefix, ended) => {
  const seen = new TextDecoder().decode(prefix.subarray(0, 4));
  if (seen === '@OWN') return { verdict: 'match', preface: { serverName: null, alpn: [] } };
  return !ended && '@OWN'.startsWith(seen) ? { verdict: 'needsMore' } : { verdict: 'noMatch' };
};

const forward = (port: string) => ({ type: 'forward', target: { host: '127.0.0.1', port } }) as const;
const proxy = createProxy({
  detectors: { own: detect },
  routes: [
    { name: 'own', match: { ports: 0, protocol: 'own' }, action: forward(ownPort) },
    { name: 'web', match: { ports: 0, protocol: 'http' }, action: forward(httpPort) },
  ],
});
await proxy.start();
console.log('listening', proxy.addresses());
process.once('SIGTERM', () => void proxy.stop());
