/**
 * First bytes of many clients, each with what it is to be taken for. Shared by the codec tests.
 *
 * Real clients' bytes are written down as they were recorded; the redis-cli ones are what version 7 sends.
 */
import type { Classification } from '../../src/protocols/classify.ts';
import { sniffBytesMax } from '../../src/protocols/detector.ts';
import { bytesOf, clientHello, concat, helloMessage, inRecords } from '../support/tls-hello.ts';

export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What all of the bytes are, while more may follow. */
  readonly kind: Classification['kind'];
  /** Null where nothing is recognised. */
  readonly protocol: string | null;
  readonly serverName?: string;
  readonly alpn?: readonly string[];
}

function recognised(protocol: string, name: string, bytes: string | Uint8Array, more: Partial<Sample> = {}): Sample {
  return { name, bytes: bytesOf(bytes), kind: 'recognised', protocol, ...more };
}

function malformed(protocol: string, name: string, bytes: string | Uint8Array): Sample {
  return { name, bytes: bytesOf(bytes), kind: 'malformed', protocol };
}

function unknown(name: string, bytes: string | Uint8Array): Sample {
  return { name, bytes: bytesOf(bytes), kind: 'unknown', protocol: null };
}

function waiting(protocol: string | null, name: string, bytes: string | Uint8Array): Sample {
  return { name, bytes: bytesOf(bytes), kind: 'needsMore', protocol };
}

/** As large as a hello may be: five bytes of record header, four of message header, and the rest up to the cap. */
const largestHello = clientHello({
  serverName: 'big.example',
  extensionsAfter: [[21, new Uint8Array(helloRoom('big.example'))]],
});

function helloRoom(serverName: string): number {
  return sniffBytesMax - clientHello({ serverName, extensionsAfter: [[21, new Uint8Array(0)]] }).length;
}

const curlHead = 'GET /a/b?c=d HTTP/1.1\r\nHost: Shop.Example:8080\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n';

export const corpus: readonly Sample[] = [
  recognised('tls', 'a hello with a name', clientHello({ serverName: 'a.example' }), { serverName: 'a.example' }),
  recognised(
    'tls',
    'a hello with a name and ALPN',
    clientHello({ serverName: 'A.Example.', alpn: ['h2', 'http/1.1', 'xmpp-client'] }),
    {
      serverName: 'a.example',
      alpn: ['h2', 'http/1.1', 'xmpp-client'],
    },
  ),
  recognised(
    'tls',
    'a hello in records of a few bytes',
    inRecords(helloMessage({ serverName: 'split.example' }), [1, 2, 3, 50, 1, 1]),
    {
      serverName: 'split.example',
    },
  ),
  recognised(
    'tls',
    'a post-quantum hello in two records',
    inRecords(helloMessage({ serverName: 'pq.example', extensionsBefore: [[51, new Uint8Array(1_260)]] }), [800]),
    {
      serverName: 'pq.example',
    },
  ),
  recognised('tls', 'a hello as large as the cap', largestHello, { serverName: 'big.example' }),
  recognised(
    'tls',
    'a hello and early data behind it',
    concat([clientHello({ serverName: 'a.example' }), bytesOf('\x17\x03\x03\x00\x05hello')]),
    {
      serverName: 'a.example',
    },
  ),
  recognised('tls', 'a hello without extensions', clientHello({ hasExtensions: false, version: 0x0300 })),
  malformed(
    'tls',
    'a hello with several names',
    clientHello({ extensionsBefore: [[0, bytesOf('\x00\x0c\x00\x00\x03a.b\x00\x00\x03c.d')]] }),
  ),
  malformed('tls', 'a hello that claims a megabyte', bytesOf('\x16\x03\x01\x02\x00\x01\x10\x00\x00\x03\x03')),
  malformed(
    'tls',
    'an alert between two pieces of a hello',
    concat([inRecords(helloMessage(), [20]).subarray(0, 25), bytesOf('\x15\x03\x03\x00\x02\x02\x28')]),
  ),
  malformed(
    'tls',
    'a hello that its records make too long',
    inRecords(helloMessage({ extensionsBefore: [[21, new Uint8Array(8_000)]] }), Array<number>(8_000).fill(1)),
  ),
  waiting('tls', 'half a hello', clientHello({ serverName: 'a.example' }).subarray(0, 60)),
  unknown('an SSLv2 hello', '\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10'),
  unknown('a lone TLS alert', '\x15\x03\x01\x00\x02\x02\x28'),
  recognised('http', 'curl', curlHead, { serverName: 'shop.example' }),
  recognised('http', 'curl, and a body', `${curlHead}{"a":1}`, { serverName: 'shop.example' }),
  recognised(
    'http',
    'a websocket upgrade',
    'GET /chat HTTP/1.1\r\nHost: ws.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    {
      serverName: 'ws.example',
    },
  ),
  recognised('http', 'HTTP/1.0 without a host', 'GET / HTTP/1.0\r\n\r\n'),
  recognised('http', 'an IPv6 literal', 'GET / HTTP/1.1\r\nHost: [2001:DB8::1]:8080\r\n\r\n', {
    serverName: '2001:db8::1',
  }),
  malformed('http', 'two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhost: b\r\n\r\n'),
  malformed('http', 'no host', 'GET / HTTP/1.1\r\nX: y\r\n\r\n'),
  malformed('http', 'bare line feeds', 'GET / HTTP/1.1\nHost: a\n\n'),
  malformed('http', 'a head that never ends', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(sniffBytesMax)}`),
  malformed('http', 'a target that never ends', `GET /${'y'.repeat(sniffBytesMax)}`),
  waiting('http', 'half a head', 'GET / HTTP/1.1\r\nHost: a'),
  unknown('HTTP/0.9', 'GET /\r\n'),
  unknown('an SMTP client', 'EHLO mail.example\r\n'),
  recognised('h2c', 'the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00'),
  waiting(null, 'half an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\n'),
  unknown('something like the HTTP/2 preface', 'PRI * HTTP/1.1\r\n\r\n'),
  recognised('redis', 'redis-cli, first command', '*2\r\n$7\r\nCOMMAND\r\n$4\r\nDOCS\r\n'),
  recognised('redis', 'redis-cli, a large MSET', '*120001\r\n$4\r\nMSET\r\n'),
  waiting('redis', 'half a count', '*12'),
  unknown('an inline redis command', 'PING\r\n'),
  unknown('a count with a leading zero', '*01\r\n'),
  recognised('ssh', 'OpenSSH', 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n'),
  recognised('ssh', 'the transitional version', 'SSH-1.99-PuTTY\r\n'),
  unknown('SSH 1.5', 'SSH-1.5-old\r\n'),
  recognised('socks', 'curl --socks5', '\x05\x02\x00\x02'),
  recognised('socks', 'curl --socks4', '\x04\x01\x00\x50\x7f\x00\x00\x01user\x00'),
  recognised('socks', 'curl --socks4a', '\x04\x01\x00\x50\x00\x00\x00\x01\x00a.example\x00'),
  unknown('a SOCKS 5 greeting that repeats itself', '\x05\x02\x00\x00'),
  unknown('a SOCKS 4 command that does not exist', '\x04\x03\x00\x50\x7f\x00\x00\x01\x00'),
  recognised('postgres', 'psql, plain', '\x00\x00\x00\x1e\x00\x03\x00\x00user\x00joe\x00database\x00x\x00\x00'),
  recognised('postgres', 'psql, asking for TLS', '\x00\x00\x00\x08\x04\xd2\x16\x2f'),
  recognised('postgres', 'psql, asking for GSS', '\x00\x00\x00\x08\x04\xd2\x16\x30'),
  recognised('postgres', 'a cancel request', '\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02'),
  unknown('PostgreSQL protocol 2', '\x00\x00\x01\x28\x00\x02\x00\x00'),
  unknown('random binary', '\xff\x00\xfe\x01'),
  unknown('a MySQL client that speaks out of turn', '\x20\x00\x00\x01\x85\xa6'),
  waiting(null, 'nothing', ''),
  waiting(null, 'one letter', 'P'),
];
