/** A proxy inside your own program. There, the import reads: from 'sallyport'. */
import { createProxy } from '../src/index.ts';

const [listenPort = '8080', upstreamPort = '3000'] = process.argv.slice(2);

const proxy = createProxy({
  routes: [
    {
      name: 'web',
      match: { ports: listenPort },
      action: { type: 'forward', target: { host: '127.0.0.1', port: upstreamPort } },
      timeouts: { dial: '2s', idle: '1m' },
    },
  ],
});
proxy.on('connection.closed', ({ connectionId }) => console.log(proxy.explain(connectionId)?.sentence));
await proxy.start();
console.log('listening', proxy.addresses());

process.once('SIGTERM', () => void proxy.stop({ timeout: '10s' }));
