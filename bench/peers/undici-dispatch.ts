/**
 * The peer that a careful author writes with undici: `pool.dispatch` straight into the response, the connection's own
 * fields left out. Bodies of requests and backpressure are handled; what else a proxy does is not there.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Pool, type Dispatcher } from 'undici';
import { peerPorts } from './peer-ports.ts';

const { port, upstreamPort } = peerPorts();
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`);
const ownFields = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade']);

createServer((request, response) => {
  const options = {
    path: request.url ?? '/',
    method: request.method ?? 'GET',
    headers: forwarded(request.rawHeaders),
    body: hasBody(request) ? request : null,
  };
  pool.dispatch(options, handlerFor(response));
}).listen(port, '127.0.0.1');

function handlerFor(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      response.once('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the client has left'));
      });
    },
    onResponseStart(_controller, status, headers) {
      for (const [name, value] of Object.entries(headers)) {
        if (value !== undefined && !ownFields.has(name)) response.setHeader(name, value);
      }
      response.writeHead(status);
    },
    onResponseData(controller, chunk) {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd() {
      response.end();
    },
    onResponseError() {
      response.destroy();
    },
  };
}

/** Names and values in turn, as they came. */
function forwarded(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const [name = '', value = ''] = [raw[index], raw[index + 1]];
    if (!ownFields.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}
