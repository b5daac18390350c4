/** Upstreams that are functions: a raw stream, and HTTP in both forms. There, the import reads: from 'sallyport'. */
import { createProxy, type NodeHandler, type SocketHandler } from '../src/index.ts';

const [streamPort = '8080', webPort = '8081'] = process.argv.slice(2);

/** Speaks first, and may be as slow as it likes to begin: what the client has said waits. */
const shout: SocketHandler = async (socket, { client }) => {
  socket.write(`welcome, ${client.host}\n`);
  for await (const chunk of socket) socket.write(String(chunk).toUpperCase());
  socket.end('goodbye\n');
};

/** Node's form: two parameters or three. */
const user: NodeHandler = (_request, response, { path }) => {
  response.end(`user ${path?.pathParams['id'] ?? ''}\n`);
};

/** The form of fetch: a Request in, a Response out, bodies streamed both ways. */
const mirror = { fetch: (request: Request) => new Response(request.body, { headers: { 'x-method': request.method } }) };

const proxy = createProxy({
  routes: [
    { name: 'shout', match: { ports: streamPort }, action: { type: 'handler', socketHandler: shout } },
    { name: 'user', match: { ports: webPort, path: '/users/:id' }, action: { type: 'handler', httpHandler: user } },
    { name: 'mirror', match: { ports: webPort }, action: { type: 'handler', httpHandler: mirror } },
  ],
});
await proxy.start();
console.log('listening', proxy.addresses());
process.once('SIGTERM', () => void proxy.stop({ timeout: '10s' }));
