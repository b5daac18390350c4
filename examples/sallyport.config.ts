/** A configuration that is a program: sallyport run examples/sallyport.config.ts */
import { defineConfig } from '../src/index.ts';

const development = process.env['NODE_ENV'] !== 'production';

export default defineConfig({
  routes: [
    {
      name: 'api',
      description: 'TLS passed through unopened, taken in turn by two servers',
      match: { ports: 8443, protocol: 'tls', domains: ['api.example.com', '*.api.example.com'] },
      action: { type: 'forward', targets: ['10.0.0.5', '10.0.0.6'].map((host) => ({ host, port: 8443 })) },
      timeouts: { idle: '10m', lifetime: '8h' },
    },
    {
      name: 'web',
      match: { ports: 8080 },
      action: { type: 'forward', target: { host: '127.0.0.1', port: '${WEB_PORT:-3000}' } },
    },
  ],
  listeners: { 8080: { host: '127.0.0.1' } },
  interpreter: development ? 'xstate' : 'compiled',
});
