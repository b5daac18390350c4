/**
 * A second reader of requests, to compare with: Node's own, in its strict mode, behind a server that listens to nothing.
 *
 * Decides nothing. The server is given one end of a pair of streams in memory; what it understood is what its handlers see.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { once } from 'node:events';

export interface Understood {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly body: string;
  /** Names and values. */
  readonly trailers: readonly string[];
}

export interface Reading {
  readonly requests: readonly Understood[];
  /** True exactly when the bytes were refused somewhere. */
  readonly isRefused: boolean;
}

/** What the server writes is of no interest. */
class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

/** Feeds a stream and its FIN to a server of Node's. */
export async function readByNode(bytes: Buffer): Promise<Reading> {
  const requests: Understood[] = [];
  let isRefused = false;
  const server = createServer({ insecureHTTPParser: false, maxHeaderSize: 65_536, keepAliveTimeout: 0 });
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      requests.push({
        method: request.method ?? '',
        target: request.url ?? '',
        version: request.httpVersion,
        body: Buffer.concat(parts).toString('latin1'),
        trailers: request.rawTrailers,
      });
      response.end();
    });
  };
  server.on('request', answer);
  server.on('checkContinue', answer);
  server.on('checkExpectation', answer);
  const wire = new Wire();
  server.on('clientError', () => {
    isRefused = true;
    wire.destroy();
  });
  const closed = once(wire, 'close');
  server.emit('connection', wire);
  wire.push(bytes);
  wire.push(null);
  await closed;
  server.close();
  return { requests, isRefused };
}
