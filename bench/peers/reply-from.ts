/**
 * The peer `@fastify/reply-from`, as its manual shows it, over undici, its default; on a second port the same for HTTP/2
 * by prior knowledge.
 */
import replyFrom from '@fastify/reply-from';
import { fastify } from 'fastify';
import { peerPorts } from './peer-ports.ts';

const { port, upstreamPort, h2Port } = peerPorts();
const base = `http://127.0.0.1:${upstreamPort}`;

const http1 = fastify();
await http1.register(replyFrom, { base });
http1.get('/*', (_request, reply) => reply.from());
await http1.listen({ port, host: '127.0.0.1' });

const http2 = fastify({ http2: true });
await http2.register(replyFrom, { base });
http2.get('/*', (_request, reply) => reply.from());
await http2.listen({ port: h2Port, host: '127.0.0.1' });
