/**
 * Saying no: every reason in every protocol, and what real clients make of it.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { type CloseReason, closeReasons } from '../../src/machines/connection/close-reason.ts';
import { builtinDetectors } from '../../src/protocols/builtin-detectors.ts';
import { canRefuse, refusal } from '../../src/protocols/refusals.ts';
import { peerPath, peerTest } from '../support/peers.ts';

const decoder = new TextDecoder();

function answer(protocol: string, reason: CloseReason, connectionId = 'c-1'): Uint8Array {
  const bytes = refusal(protocol, reason, connectionId, Date.UTC(2026, 0, 1));
  if (bytes === null) throw new Error(`${protocol} has no refusal`);
  return bytes;
}

const statuses: readonly (readonly [CloseReason, number, string])[] = [
  ['refused.route', 404, 'destination_not_found'],
  ['refused.protocol', 400, 'http_request_denied'],
  ['refused.address', 403, 'http_request_denied'],
  ['refused.auth', 403, 'http_request_denied'],
  ['route.blocked', 403, 'http_request_denied'],
  ['refused.capacity', 503, 'connection_limit_reached'],
  ['refused.rate', 429, 'http_request_denied'],
  ['operator.drained', 503, 'destination_unavailable'],
  ['operator.killed', 503, 'destination_unavailable'],
  ['downstream.malformed', 400, 'http_request_error'],
  ['upstream.refused', 502, 'connection_refused'],
  ['upstream.unreachable', 502, 'destination_unavailable'],
  ['upstream.reset', 502, 'connection_terminated'],
  ['upstream.malformed', 502, 'http_protocol_error'],
  ['upstream.tls', 502, 'tls_protocol_error'],
  ['upstream.exhausted', 503, 'destination_unavailable'],
  ['timeout.sniff', 408, 'http_request_error'],
  ['timeout.dial', 504, 'connection_timeout'],
  ['timeout.dialBudget', 504, 'connection_timeout'],
  ['timeout.queue', 503, 'connection_limit_reached'],
  ['handler.failed', 500, 'proxy_internal_error'],
  ['internal.invariant', 500, 'proxy_internal_error'],
];

/** RFC 9209 §2.3, the registered error types. */
const registeredErrors = new Set(
  `dns_timeout dns_error destination_not_found destination_unavailable destination_ip_prohibited destination_ip_unroutable
   connection_refused connection_terminated connection_timeout connection_read_timeout connection_write_timeout
   connection_limit_reached tls_protocol_error tls_certificate_error tls_alert_received http_request_error
   http_request_denied http_response_incomplete http_response_header_section_size http_response_header_size
   http_response_body_size http_response_trailer_section_size http_response_trailer_size http_response_transfer_coding
   http_response_content_coding http_response_timeout http_upgrade_failed http_protocol_error proxy_internal_response
   proxy_internal_error proxy_configuration_error proxy_loop_detected`.split(/\s+/),
);

describe('in HTTP', () => {
  test.each(statuses)('L04: %s is %i, error=%s', (reason, status, error) => {
    const said = decoder.decode(answer('http', reason));
    expect(said).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`));
    expect(said).toContain(`\r\nProxy-Status: sallyport; error=${error}\r\n`);
  });

  test.each(closeReasons)(
    'L04: the answer to %s is one complete, final response that names the connection',
    (reason) => {
      const said = decoder.decode(answer('http', reason, 'c-42'));
      const end = said.indexOf('\r\n\r\n');
      const [, ...fields] = said.slice(0, end).split('\r\n');
      const body = said.slice(end + 4);
      expect(fields).toContain('Connection: close');
      expect(fields).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
      expect(body).toContain('c-42');
      expect(fields.every((field) => /^[A-Za-z-]+: [ -~]+$/.test(field))).toBe(true);
      expect(registeredErrors.has(/error=(\w+)/.exec(said)?.[1] ?? '')).toBe(true);
    },
  );

  test('L04: Node’s own client reads the status, the body and the end', async () => {
    const server = createServer((socket) =>
      socket.once('data', () => socket.end(answer('http', 'refused.rate', 'c-7'))),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: '127.0.0.1', port: portOf(server), agent: false }, resolve).on('error', reject);
    });
    expect(response.statusCode).toBe(429);
    expect(await text(response)).toContain('c-7');
    server.close();
  });

  peerTest('curl', 'L04: curl reads the status', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.end(answer('http', 'upstream.refused'))));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const output = await new Promise<string>((resolve) => {
      execFile(peerPath('curl'), ['-sS', '-i', `http://127.0.0.1:${portOf(server)}/`], (_error, stdout) =>
        resolve(stdout),
      );
    });
    expect(output).toMatch(/^HTTP\/1\.1 502 /);
    server.close();
  });
});

describe('in TLS', () => {
  const alerts: readonly (readonly [CloseReason, number, string])[] = [
    ['refused.route', 112, 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME'],
    ['downstream.malformed', 50, 'ERR_SSL_TLSV1_ALERT_DECODE_ERROR'],
    ['refused.address', 49, 'ERR_SSL_TLSV1_ALERT_ACCESS_DENIED'],
    ['route.blocked', 49, 'ERR_SSL_TLSV1_ALERT_ACCESS_DENIED'],
    ['refused.capacity', 80, 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR'],
    ['timeout.dial', 80, 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR'],
  ];
  test.each(alerts)(
    'L04: %s is the fatal alert %i, and a real client understands it',
    async (reason, code, clientCode) => {
      expect([...answer('tls', reason)]).toEqual([0x15, 3, 3, 0, 2, 2, code]);
      const server = createServer((socket) => socket.once('data', () => socket.end(answer('tls', reason))));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = connect({
        host: '127.0.0.1',
        port: portOf(server),
        servername: 'a.example',
        rejectUnauthorized: false,
      });
      const failure = await new Promise<Error>((resolve) => client.once('error', resolve));
      expect(failure).toHaveProperty('code', clientCode);
      client.destroy();
      server.close();
    },
  );

  test.each(closeReasons)('L04: %s is one fatal alert record', (reason) => {
    expect([...answer('tls', reason)].slice(0, 6)).toEqual([0x15, 3, 3, 0, 2, 2]);
    expect(answer('tls', reason)).toHaveLength(7);
  });
});

describe('in other protocols', () => {
  test.each(closeReasons)('L04: %s in RESP is one error line', (reason) => {
    expect(decoder.decode(answer('redis', reason, 'c-9'))).toMatch(/^-ERR [ -~]+ \(connection c-9\)\r\n$/);
  });

  peerTest('redis-cli', 'L04: redis-cli shows the sentence', async () => {
    const server = createServer((socket) =>
      socket.once('data', () => socket.end(answer('redis', 'refused.capacity', 'c-5'))),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const output = await new Promise<string>((resolve) => {
      execFile(
        peerPath('redis-cli'),
        ['-h', '127.0.0.1', '-p', String(portOf(server)), 'PING'],
        (_error, stdout, stderr) => resolve(stdout + stderr),
      );
    });
    expect(output).toContain('connection c-5');
    server.close();
  });

  test.each(closeReasons)('L04: %s in PostgreSQL is one FATAL ErrorResponse', (reason) => {
    const packet = Buffer.from(answer('postgres', reason, 'c-3'));
    expect(packet[0]).toBe(0x45);
    expect(packet.readUInt32BE(1)).toBe(packet.length - 1);
    const fields = packet.subarray(5).toString('latin1').split('\0');
    expect(fields.slice(0, 2)).toEqual(['SFATAL', 'VFATAL']);
    expect(fields[2]).toMatch(/^C[0-9A-Z]{5}$/);
    expect(fields[3]).toMatch(/^M.*c-3\)$/);
    expect(fields.slice(4)).toEqual(['', '']);
  });

  test('L04: a protocol can refuse exactly when there is something to write', () => {
    for (const name of [...builtinDetectors.map((detector) => detector.name), 'mine', 'tcp', '']) {
      expect(canRefuse(name), `protocol ${name}`).toBe(refusal(name, 'refused.route', 'c-1', 0) !== null);
    }
    expect(['http', 'postgres', 'redis', 'tls'].every(canRefuse)).toBe(true);
    expect(['ssh', 'socks', 'h2c', 'tcp'].some(canRefuse)).toBe(false);
  });

  test('L04: a connection id cannot break out of its line', () => {
    expect(decoder.decode(answer('redis', 'refused.route', 'c\r\n+OK\0'))).toMatch(/^-ERR [ -~]+\r\n$/);
    expect(decoder.decode(answer('http', 'refused.route', 'c\r\n\r\nHTTP/1.1')).split('\r\n\r\n')).toHaveLength(2);
  });
});

function portOf(server: { address(): string | { port: number } | null }): number {
  const address = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}
