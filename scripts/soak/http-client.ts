/**
 * A client that asks one request after the other on one kept connection, and tells what became of each.
 *
 * Must never do: send a request a second time. What the proxy makes of a failure is what is measured.
 */
import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Answer {
  /** Null when there was none; then `error` says why. */
  readonly status: number | null;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly error: string | null;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export class HttpClient {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  ask({ method, path, headers = {}, body = '' }: Asked): Promise<Answer> {
    return new Promise((resolve) => {
      const fail = (error: Error & { readonly code?: string }) =>
        resolve({ status: null, headers: {}, body: '', error: error.code ?? error.message });
      const sized = body === '' ? {} : { 'content-length': String(body.length) };
      const where = { host: '127.0.0.1', port: this.#port, path, method, agent: this.#agent };
      const asked = request({ ...where, headers: { ...headers, ...sized } }, (response) => {
        let text = '';
        response.setEncoding('latin1');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', fail);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? null, headers: response.headers, body: text, error: null }),
        );
      });
      asked.on('error', fail);
      // Node would announce a body of no bytes; without any field that frames one there is none (RFC 9112 §6.3).
      if (body === '') for (const name of ['content-length', 'transfer-encoding']) asked.removeHeader(name);
      asked.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
