/**
 * The PROXY protocol with a real peer at the other end: HAProxy sends and we read, we write and HAProxy reads.
 *
 * Raw sockets on our side, so that nothing but the reader and the writer is tried here.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, onTestFinished } from 'vitest';
import type { ProxyHeader } from '../../src/protocols/proxy-protocol/header.ts';
import { readProxyHeader } from '../../src/protocols/proxy-protocol/reader.ts';
import { writeProxyBinary, writeProxyText, type ProxyAddresses } from '../../src/protocols/proxy-protocol/writer.ts';
import { canonicalAddress } from '../../src/routing/ip-address.ts';
import { proxyCorpus } from '../property/proxy-protocol-corpus.ts';
import { freePort, haproxy } from '../support/haproxy.ts';
import { peerTest } from '../support/peers.ts';
import { portOf } from '../support/sockets.ts';

const demo = new URL('../../examples/demo/', import.meta.url);
const loopback = '127.0.0.1';

interface Received {
  readonly header: ProxyHeader;
  readonly payload: string;
}

/** A server that reads one header from each connection, then `ping`, and ends. */
async function reading(): Promise<{ readonly port: number; readonly received: readonly Received[] }> {
  const received: Received[] = [];
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        const read = readProxyHeader(bytes, false);
        if (read.verdict === 'header' && bytes.length >= read.consumed + 4) {
          received.push({ header: read.header, payload: bytes.subarray(read.consumed).toString() });
          socket.end();
        } else if (read.verdict !== 'needsMore' && read.verdict !== 'header') {
          socket.resetAndDestroy();
        }
      });
  });
  server.listen(0, loopback);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: portOf(server.address()), received };
}

/** Says `ping` and waits for the end. */
async function ping(socket: Socket): Promise<number> {
  socket.on('error', () => undefined).resume();
  const port = socket.localPort ?? 0;
  socket.write('ping');
  await once(socket, 'close');
  return port;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect({ host: loopback, port });
  await once(socket, 'connect');
  return socket;
}

peerTest('haproxy', 'P02: what HAProxy sends is read, in both versions, with everything it can tell', async () => {
  const plain = await reading();
  const [version1, version2, secured] = await Promise.all([freePort(), freePort(), freePort()]);
  const pem = await Promise.all(
    ['demo-only-certificate.pem', 'demo-only-key.pem'].map((name) => readFile(new URL(name, demo), 'utf8')),
  );
  const options = 'proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher,cert-sig,cert-key';
  await haproxy(
    `listen one
  mode tcp
  bind ${loopback}:${version1}
  server reader ${loopback}:${plain.port} send-proxy
listen two
  mode tcp
  unique-id-format id-%cp
  bind ${loopback}:${version2}
  server reader ${loopback}:${plain.port} send-proxy-v2 proxy-v2-options crc32c,unique-id
listen three
  mode tcp
  unique-id-format id-%cp
  bind ${loopback}:${secured} ssl crt FOLDER/demo.pem alpn http/1.1
  server reader ${loopback}:${plain.port} send-proxy-v2-ssl-cn ${options}
`,
    [version1, version2, secured],
    pem.join(''),
  );
  const received = () => plain.received.filter(({ payload }) => payload === 'ping');

  const first = await ping(await connected(version1));
  const addresses = (source: number, port: number) => ({
    family: 'inet',
    source: { host: loopback, port: source },
    destination: { host: loopback, port },
  });
  expect(received()[0]?.header).toMatchObject({ version: 1, ...addresses(first, version1) });

  const second = await ping(await connected(version2));
  expect(received()[1]?.header).toMatchObject({
    version: 2,
    command: 'proxy',
    transport: 'stream',
    ...addresses(second, version2),
    tlvs: { hasChecksum: true, uniqueId: new TextEncoder().encode(`id-${second}`), authority: null, tls: null },
  });

  const socket = connectTls({
    host: loopback,
    port: secured,
    servername: 'a.example',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  const version = socket.getProtocol();
  const third = await ping(socket);
  expect(received()[2]?.header).toMatchObject({
    version: 2,
    ...addresses(third, secured),
    tlvs: {
      hasChecksum: true,
      uniqueId: new TextEncoder().encode(`id-${third}`),
      authority: 'a.example',
      alpn: 'http/1.1',
      tls: { isSecured: true, hasCertificate: false, version, commonName: null, others: [] },
    },
  });
  const { tls = null } = received()[2]?.header.tlvs ?? {};
  expect([tls?.cipher, tls?.keyAlgorithm, tls?.signatureAlgorithm].every((text) => (text ?? '').length > 2)).toBe(true);
});

/** What a request is answered behind a header. */
async function asks(port: number, header: Uint8Array): Promise<string> {
  const socket = await connected(port);
  let said = '';
  socket
    .on('error', () => undefined)
    .on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(Buffer.concat([header, Buffer.from('GET / HTTP/1.0\r\n\r\n')]));
  await closed;
  return said.split('\r\n\r\n')[1] ?? '';
}

peerTest('haproxy', 'P01: what is written HAProxy reads, and where both read a header they read the same', async () => {
  const port = await freePort();
  await haproxy(
    `frontend telling
  mode http
  bind ${loopback}:${port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port] %[fc_pp_authority] %[fc_pp_unique_id]"
`,
    [port],
  );
  const v4: ProxyAddresses['source'] = { host: '192.0.2.7', port: 51_000 };
  const v6: ProxyAddresses['source'] = { host: '2001:db8::7', port: 443 };
  const facts = { authority: 'a.example', uniqueId: new TextEncoder().encode('id-1'), alpn: 'h2' };
  const tls = { isSecured: true, hasCertificate: true, hadCertificate: true, verifyResult: 0, version: 'TLSv1.3' };
  const texts = { commonName: 'Zoë', cipher: 'x', signatureAlgorithm: null, keyAlgorithm: 'RSA2048' };
  for (const source of [v4, v6]) {
    for (const destination of [v4, v6]) {
      const mixed = source === destination ? [source.host, destination.host] : [source, destination].map(inIpv6);
      const [from, to] = mixed;
      const expected = `${from} ${source.port} ${to} ${destination.port}`;
      expect(canonicalSides(await asks(port, writeProxyText({ source, destination })))).toBe(canonicalSides(expected));
      for (const hasChecksum of [false, true]) {
        const told = writeProxyBinary({ source, destination }, { ...facts, hasChecksum, tls: { ...tls, ...texts } });
        expect(canonicalSides(await asks(port, told))).toBe(`${canonicalSides(expected)} a.example id-1`);
      }
    }
  }
  const unknown = { source: null, destination: null };
  for (const header of [writeProxyText(unknown), writeProxyBinary(unknown)]) {
    expect(await asks(port, header)).toMatch(new RegExp(`^${loopback} \\d+ ${loopback} ${port} `));
  }

  for (const { name, bytes, is } of proxyCorpus) {
    const read = readProxyHeader(bytes, true);
    // What HAProxy cannot be asked behind: payload of the sample's own, and sockets that are no streams.
    if (read.verdict !== 'header' || read.consumed !== bytes.length || read.header.transport === 'dgram') continue;
    const said = canonicalSides(await asks(port, bytes));
    // HAProxy refuses some headers without addresses that it may refuse: UNIX paths, an UNKNOWN with something behind it.
    if (is === '-') expect(said === '' || said.startsWith(`${loopback} `), `${name}: ${said}`).toBe(true);
    // HAProxy does not show port 0.
    else expect(said.startsWith(is.replace(/ 0$/, ' ')), `${name}: ${said}`).toBe(true);
  }
});

function inIpv6({ host }: { readonly host: string }): string {
  return host.includes(':') ? host : `::ffff:${host}`;
}

/** Every address in its canonical form. */
function canonicalSides(said: string): string {
  return said
    .trim()
    .split(' ')
    .map((word) => canonicalAddress(word) ?? word)
    .join(' ')
    .trim();
}
