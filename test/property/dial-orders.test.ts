/**
 * What an upstream is told of a client: the PROXY header of every attempt, by the route, the client and what came before us.
 */
import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import type { DialSubject } from '../../src/io/candidates.ts';
import { dialOrder, ownProxyHeader, tellsIdentity } from '../../src/io/dial-order.ts';
import type { SecuredClient } from '../../src/io/tls/secured-client.ts';
import { noTlvs, type ProxyHeader, type ProxyTls } from '../../src/protocols/proxy-protocol/header.ts';
import { readProxyHeader } from '../../src/protocols/proxy-protocol/reader.ts';
import type { RoutePlan } from '../../src/routing/plan.ts';
import { forwardRoute } from '../support/dial-plans.ts';

const subjectOf = (more: Partial<DialSubject> = {}): DialSubject => ({
  connectionId: 'k3f9-12',
  listenerName: '[::]:8080',
  client: { host: '192.0.2.7', port: 51_000 },
  local: { host: '192.0.2.1', port: 443 },
  serverName: null,
  tls: null,
  proxied: null,
  head: null,
  endpointLost: () => undefined,
  ...more,
});

const target = { host: 'db.test', port: 5432 };

function headerOf(route: RoutePlan, subject: DialSubject, speech: 'raw' | 'http1' | 'h2' = 'raw'): ProxyHeader {
  const { proxyHeader } = dialOrder(route, target, subject, speech);
  const read = readProxyHeader(proxyHeader ?? new Uint8Array(0), true);
  if (read.verdict !== 'header') throw new Error(`no header: ${read.verdict}`);
  expect(read.consumed).toBe(proxyHeader?.length);
  return read.header;
}

const v1 = forwardRoute({ proxyHeader: 'v1' });
const v2 = forwardRoute({ proxyHeader: 'v2' });
const bytes = (text: string) => new TextEncoder().encode(text);
const certificate = new X509Certificate(
  readFileSync(new URL('../../examples/demo/demo-only-certificate.pem', import.meta.url)),
);
const peer = {
  subject: 'CN=wrong',
  issuer: '',
  serialNumber: '',
  fingerprint: '',
  names: [],
  notAfterMs: 0,
  der: certificate.raw,
};
const secured: SecuredClient = {
  version: 'TLSv1.3',
  policy: '',
  alpn: 'http/1.1',
  serverName: 'a.example',
  cipher: 'TLS_AES_128_GCM_SHA256',
  isResumed: false,
  peer: null,
  covered: [],
};
const outerTls: ProxyTls = {
  isSecured: true,
  hasCertificate: true,
  hadCertificate: true,
  verifyResult: 0,
  version: 'TLSv1.2',
  commonName: 'outer',
  cipher: 'x',
  signatureAlgorithm: null,
  keyAlgorithm: null,
  others: [],
};
const proxied: ProxyHeader = {
  version: 2,
  command: 'proxy',
  family: 'inet',
  transport: 'stream',
  source: { host: '192.0.2.7', port: 51_000 },
  destination: { host: '192.0.2.1', port: 443 },
  paths: null,
  tlvs: {
    ...noTlvs,
    alpn: 'h2',
    authority: 'outer.example',
    uniqueId: bytes('outer-7'),
    tls: outerTls,
    others: [{ type: 0xea, value: bytes('x') }],
  },
};

describe('a dial order', () => {
  test('P01: the header names the client and what it came to, in the version that the route asks for', () => {
    const addresses = { source: { host: '192.0.2.7', port: 51_000 }, destination: { host: '192.0.2.1', port: 443 } };
    expect(headerOf(v1, subjectOf())).toMatchObject({ version: 1, family: 'inet', ...addresses });
    expect(headerOf(v2, subjectOf())).toMatchObject({ version: 2, family: 'inet', command: 'proxy', ...addresses });
    const ipv6 = subjectOf({ client: { host: '2001:db8::7', port: 1 }, local: { host: '192.0.2.1', port: 2 } });
    expect(headerOf(v2, ipv6)).toMatchObject({
      family: 'inet6',
      source: { host: '2001:db8::7', port: 1 },
      destination: { host: '192.0.2.1', port: 2 },
    });
    expect(headerOf(v1, subjectOf({ client: { host: '/run/x', port: 0 } })).source).toBe(null);
    expect(headerOf(v2, subjectOf({ local: { host: '', port: 0 } }))).toMatchObject({ command: 'local', source: null });
  });

  test('a route that asks for nothing sends nothing, and only its own dials are told apart by client', () => {
    const plain = forwardRoute({});
    expect(dialOrder(plain, target, subjectOf())).toEqual(target);
    const preserving = forwardRoute({ preservesSource: true });
    expect(dialOrder(preserving, target, subjectOf())).toEqual({ ...target, sourceAddress: '192.0.2.7' });
    expect([plain, v1, v2, preserving].map(tellsIdentity)).toEqual([false, true, true, true]);
  });

  test('version 2 tells the name and the checksum of its connection; a unique id that came in is passed on', () => {
    const { tlvs } = headerOf(v2, subjectOf({ serverName: 'sni.example' }));
    expect(tlvs).toEqual({ ...noTlvs, authority: 'sni.example', uniqueId: bytes('k3f9-12'), hasChecksum: true });
    expect(headerOf(v2, subjectOf({ proxied })).tlvs.uniqueId).toEqual(bytes('outer-7'));
  });

  test('where TLS ended here it tells of that TLS, and of the certificate that was verified', () => {
    const { tlvs } = headerOf(v2, subjectOf({ tls: { ...secured, peer }, proxied, serverName: 'host.example' }));
    expect(tlvs).toMatchObject({
      alpn: 'http/1.1',
      authority: 'a.example',
      tls: {
        isSecured: true,
        hasCertificate: true,
        hadCertificate: true,
        verifyResult: 0,
        version: 'TLSv1.3',
        cipher: 'TLS_AES_128_GCM_SHA256',
        commonName: certificate.toLegacyObject().subject.CN,
      },
    });
    const resumed = headerOf(v2, subjectOf({ tls: { ...secured, peer, isResumed: true } })).tlvs.tls;
    expect(resumed).toMatchObject({ hasCertificate: false, hadCertificate: true });
    const anonymous = headerOf(v2, subjectOf({ tls: { ...secured, serverName: null }, proxied })).tlvs;
    expect(anonymous).toMatchObject({ authority: null, tls: { hadCertificate: false, commonName: null } });
  });

  test('where it ended before us, what came in is passed on, and what nobody here knows is not', () => {
    expect(headerOf(v2, subjectOf({ proxied })).tlvs).toEqual({
      ...proxied.tlvs,
      hasChecksum: true,
      others: [],
    });
    expect(headerOf(v1, subjectOf({ proxied })).tlvs).toEqual(noTlvs);
  });

  test('a protocol is told only where it is what is spoken, and the host of one request is nobody’s name', () => {
    const client = { ...secured, alpn: 'h2' };
    expect(headerOf(v2, subjectOf({ tls: client }), 'h2').tlvs.alpn).toBe('h2');
    expect(headerOf(v2, subjectOf({ tls: client }), 'http1').tlvs.alpn).toBe(null);
    expect(headerOf(v2, subjectOf({ tls: client }), 'raw').tlvs.alpn).toBe('h2');
    const head = {
      method: 'GET',
      target: '/',
      version: '1.1',
      authority: 'b.example',
      fields: [],
      body: { kind: 'none' },
      expectsContinue: false,
      upgrade: null,
      acceptsTrailers: false,
      isPersistent: true,
    } as const;
    expect(headerOf(v2, subjectOf({ head, serverName: 'b.example' }), 'http1').tlvs.authority).toBe(null);
  });

  test('a check says that it is the proxy’s own', () => {
    expect(Buffer.from(ownProxyHeader('v1')).toString()).toBe('PROXY UNKNOWN\r\n');
    expect(readProxyHeader(ownProxyHeader('v2'), true)).toMatchObject({ header: { command: 'local', source: null } });
  });
});
