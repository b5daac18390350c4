/**
 * PROXY headers that the proxy sends, with real receivers: HAProxy and nginx say what they were told of each client.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { nginxStreamModule } from '../support/find-peers.ts';
import { freePort, startPeer } from '../support/peer-process.ts';
import { peerTest } from '../support/peers.ts';
import { dialPeer, Origin, Peer, ProxyUnderTest } from '../support/world.ts';
import { get, ok, readReply } from '../support/http-world.ts';

const demo = new URL('../../examples/demo/', import.meta.url);

/** The certificate and the key of the demo, both in one text. */
async function demoPem(): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = await Promise.all(
    ['demo-only-certificate.pem', 'demo-only-key.pem'].map((name) => readFile(new URL(name, demo), 'utf8')),
  );
  return { cert: cert ?? '', key: key ?? '' };
}

/** Answers every request with what the header said; in clear text, and behind TLS. */
async function tellingHaproxy(): Promise<{ readonly plain: number; readonly secured: number }> {
  const [plain, secured] = await Promise.all([freePort(), freePort()]);
  const { cert, key } = await demoPem();
  const config = `defaults
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend telling
  mode http
  bind 127.0.0.1:${plain} accept-proxy
  bind 127.0.0.1:${secured} accept-proxy ssl crt FOLDER/both.pem
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port] %[fc_pp_authority] %[fc_pp_unique_id]"
`;
  await startPeer('haproxy', {
    files: { 'haproxy.cfg': config, 'both.pem': cert + key },
    args: ['-f', 'FOLDER/haproxy.cfg', '-db'],
    ports: [plain, secured],
  });
  return { plain, secured };
}

async function told(client: Peer): Promise<string> {
  client.send('GET / HTTP/1.0\r\n\r\n');
  await client.ended;
  client.end();
  await client.closed;
  return (client.text.split('\r\n\r\n')[1] ?? '').trim();
}

const forwardTo = (port: number, more: object = {}) => ({
  type: 'forward' as const,
  target: { host: '127.0.0.1', port },
  ...more,
});
const reencrypted = { mode: 'terminate-and-reencrypt' as const, upstream: { verify: false } };

peerTest('haproxy', 'P01: HAProxy reads what is sent, v1 and v2, IPv4 and IPv6, in front of TLS too', async () => {
  const { plain, secured } = await tellingHaproxy();
  const { cert, key } = await demoPem();
  for (const version of ['v1', 'v2'] as const) {
    const send = { sendProxyProtocol: version };
    for (const [host, to] of [
      ['127.0.0.1', plain],
      ['::1', plain],
    ] as const) {
      await using proxy = await ProxyUnderTest.forward(to, { route: { action: forwardTo(to, send) } });
      const client = await dialPeer(proxy.port, { host });
      const own = `${host} ${client.socket.localPort} ${host} ${proxy.port}`;
      const answer = await told(client);
      const [record] = await proxy.closed(1);
      expect(answer).toBe(version === 'v1' ? own : `${own}  ${record?.connectionId}`);
    }
    const tls = { ...reencrypted, certificate: { cert, key } };
    await using proxy = await ProxyUnderTest.forward(secured, {
      route: { match: { ports: 0, protocol: 'tcp' }, action: forwardTo(secured, send), tls },
    });
    const socket = connectTls({
      port: proxy.port,
      host: '127.0.0.1',
      servername: 'secure.localhost',
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    const own = `127.0.0.1 ${socket.localPort} 127.0.0.1 ${proxy.port}`;
    const answer = await told(new Peer(socket));
    const [record] = await proxy.closed(1);
    expect(answer).toBe(version === 'v1' ? own : `${own} secure.localhost ${record?.connectionId}`);
  }
});

peerTest(
  'haproxy',
  'P04: whatever each of two proxies in a chain sends, the last one knows what it was told',
  async () => {
    const { plain } = await tellingHaproxy();
    for (const outerSends of [false, 'v1', 'v2'] as const) {
      for (const innerSends of ['v1', 'v2'] as const) {
        await using inner = await ProxyUnderTest.start({
          routes: [{ name: 'inner', match: { ports: 0 }, action: forwardTo(plain, { sendProxyProtocol: innerSends }) }],
          listeners: { 0: { acceptProxyProtocol: { from: ['127.0.0.1'], required: outerSends !== false } } },
        });
        await using outer = await ProxyUnderTest.forward(inner.port, {
          route: { action: forwardTo(inner.port, { sendProxyProtocol: outerSends }) },
        });
        const client = await dialPeer(outer.port);
        const own = `127.0.0.1 ${client.socket.localPort} 127.0.0.1 ${outer.port}`;
        const words = await told(client);
        const [[innerRecord], [outerRecord]] = [await inner.closed(1), await outer.closed(1)];
        const id = outerSends === 'v2' ? outerRecord?.connectionId : innerRecord?.connectionId;
        const name = `${outerSends} ${innerSends}`;
        if (outerSends === false) expect(words).not.toContain(`${client.socket.localPort}`);
        else expect(words.startsWith(own), `${name}: ${words}`).toBe(true);
        expect(words.endsWith(` ${id}`), `${name}: ${words}`).toBe(innerSends === 'v2');
      }
    }
  },
);

peerTest(
  'nginx',
  'P01: clients of one route never share an upstream connection, HTTP/1.1 or h2, that was told of another',
  async () => {
    const [http1, h2] = await Promise.all([freePort(), freePort()]);
    const module = nginxStreamModule();
    const answer = 'return 200 "$proxy_protocol_port $connection"';
    const config = `${module === null ? '' : `load_module ${module};\n`}daemon off; master_process off; pid FOLDER/pid; error_log FOLDER/error.log;
worker_processes 1; events { worker_connections 512; }
http { access_log off; client_body_temp_path FOLDER/a; proxy_temp_path FOLDER/b; fastcgi_temp_path FOLDER/c; uwsgi_temp_path FOLDER/d; scgi_temp_path FOLDER/e;
  server { listen 127.0.0.1:${http1} proxy_protocol; location / { ${answer}; } }
  server { listen 127.0.0.1:${h2} http2 proxy_protocol; location / { ${answer}; } } }
`;
    await startPeer('nginx', {
      files: { 'nginx.conf': config },
      args: ['-p', 'FOLDER', '-c', 'FOLDER/nginx.conf'],
      ports: [http1, h2],
    });
    for (const [port, upstreamProtocol] of [
      [http1, 'http1'],
      [h2, 'h2'],
    ] as const) {
      await using proxy = await ProxyUnderTest.forward(port, {
        route: {
          match: { ports: 0, protocol: 'http' },
          action: forwardTo(port, { sendProxyProtocol: 'v2', upstreamProtocol }),
        },
      });
      const clients = await Promise.all(Array.from({ length: 20 }, () => dialPeer(proxy.port)));
      const owners = new Map<string, Peer>();
      const asking = clients.map(async (client) => {
        let from = 0;
        for (const path of ['/1', '/2', '/3', '/4', '/5']) {
          client.send(get(path));
          const reply = await readReply(client, from);
          from += reply.bytes;
          const [source, connection = ''] = reply.body.split(' ');
          expect(source).toBe(`${client.socket.localPort}`);
          expect(owners.get(connection) ?? client).toBe(client);
          owners.set(connection, client);
        }
      });
      await Promise.all(asking);
      // Each client's requests went over one connection of its own, and its connection ends with it.
      expect([owners.size, proxy.proxy.census().upstreams]).toEqual([20, 20]);
      for (const client of clients) client.end();
      await proxy.closed(20);
      expect(proxy.proxy.census().upstreams).toBe(0);
    }
  },
);

test('P07: whoever a trusted proxy speaks for gets a connection of its own, over one connection of that proxy', async () => {
  const headers: string[] = [];
  await using origin = await Origin.start((peer) => {
    peer.socket.on('data', (chunk: Buffer) => {
      const [first = ''] = chunk.toString('latin1').split('\r\n');
      if (first.startsWith('PROXY')) headers.push(first.split(' ')[2] ?? '');
      peer.send(ok(headers.at(-1) ?? ''));
    });
  });
  await using proxy = await ProxyUnderTest.start({
    trustedProxies: ['127.0.0.1'],
    routes: [
      {
        name: 'only',
        match: { ports: 0, protocol: 'http' },
        action: forwardTo(origin.port, { sendProxyProtocol: 'v1' }),
      },
    ],
  });
  const client = await dialPeer(proxy.port);
  let from = 0;
  for (const ip of ['192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.3']) {
    client.send(get('/', `X-Forwarded-For: ${ip}\r\n`));
    from += (await readReply(client, from)).bytes;
  }
  expect(headers).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
  client.end();
  await proxy.closed(1);
  expect(proxy.proxy.census().upstreams).toBe(0);
});
