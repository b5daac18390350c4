/**
 * The peer `fast-proxy`, as its manual shows it, over undici: the fastest of its ways to reach an origin.
 */
import { createServer } from 'node:http';
import fastProxy from 'fast-proxy';
import { peerPorts } from './peer-ports.ts';

const { port, upstreamPort } = peerPorts();
const fast = fastProxy({ base: `http://127.0.0.1:${upstreamPort}`, undici: true });
createServer((request, response) => fast.proxy(request, response, request.url ?? '/', {})).listen(port, '127.0.0.1');
