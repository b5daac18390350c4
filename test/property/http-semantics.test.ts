/**
 * HTTP semantics that no version owns: whom to believe about the way, fields, own answers, checks of models.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { closeReasons } from '../../src/machines/connection/close-reason.ts';
import { fieldValue, fieldValues, hasSeveral, rewriteFields } from '../../src/protocols/http/fields.ts';
import { Forwarder, forwardResponse, type ForwardingFacts } from '../../src/protocols/http/forwarding.ts';
import { isIdempotent } from '../../src/protocols/http/idempotent.ts';
import { noBody, noFields, type Fields, type RequestHead } from '../../src/protocols/http/message.ts';
import { dated, dateText, ownAnswer } from '../../src/protocols/http/own-answer.ts';
import {
  authorityProblem,
  fieldProblem,
  fieldsProblem,
  methodProblem,
  nameProblem,
  reasonProblem,
  targetProblem,
  valueProblem,
} from '../../src/protocols/http/validate.ts';
import { requestHeadBytes, responseBytes } from '../../src/protocols/http1/writer.ts';
import { runs, seed } from '../support/fuzz.ts';
import { readRequests, readResponses } from './http1-recorder.ts';

const head: RequestHead = {
  method: 'GET',
  target: '/',
  version: '1.1',
  authority: 'a.example',
  fields: noFields,
  body: noBody,
  expectsContinue: false,
  upgrade: null,
  acceptsTrailers: false,
  isPersistent: true,
};
const facts: ForwardingFacts = {
  clientHost: '192.0.2.7',
  isTrustedPeer: false,
  scheme: 'http',
  listenerPort: 8080,
  certificate: null,
};
const trusted: ForwardingFacts = { ...facts, isTrustedPeer: true };
const way = (fields: Fields, given: ForwardingFacts, parts: Partial<RequestHead> = {}) =>
  new Forwarder(given).request({ ...head, ...parts, fields }).fields;

const ours = [
  'X-Forwarded-For',
  '192.0.2.7',
  'X-Forwarded-Proto',
  'http',
  'X-Forwarded-Port',
  '8080',
  'X-Forwarded-Host',
  'a.example',
  'Forwarded',
  'for=192.0.2.7;host=a.example;proto=http',
  'Via',
  '1.1 sallyport',
];

describe('what a forwarded message says about its way', () => {
  test('what an untrusted peer says about the way is dropped, in any case, and ours is said', () => {
    const spoofed = [
      ['X-Forwarded-For', '127.0.0.1'],
      ['x-forwarded-proto', 'https'],
      ['X-FORWARDED-HOST', 'b.example'],
      ['X-Forwarded-Port', '443'],
      ['X-Forwarded-Prefix', '/x'],
      ['x-forwarded-', ''],
      ['Forwarded', 'for=127.0.0.1'],
      ['X-Real-IP', '127.0.0.1'],
      ['x-real-ip', '127.0.0.1'],
    ].flat();
    expect(way([...spoofed, 'X-Other', '1', ...spoofed], facts)).toEqual(['X-Other', '1', ...ours]);
  });

  test('what a trusted peer says stands, and the peer is appended', () => {
    const said = [
      'X-Forwarded-For',
      '198.51.100.1',
      'x-forwarded-for',
      '198.51.100.2',
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Host',
      'b.example',
    ];
    const more = [
      'X-Forwarded-Port',
      '443',
      'Forwarded',
      'for=198.51.100.1',
      'X-Real-IP',
      '198.51.100.1',
      'X-Forwarded-Prefix',
      '/x',
    ];
    expect(way([...said, ...more], trusted)).toEqual([
      'X-Real-IP',
      '198.51.100.1',
      'X-Forwarded-Prefix',
      '/x',
      'X-Forwarded-For',
      '198.51.100.1, 198.51.100.2, 192.0.2.7',
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Port',
      '443',
      'X-Forwarded-Host',
      'b.example',
      'Forwarded',
      'for=198.51.100.1, for=192.0.2.7;host=a.example;proto=http',
      'Via',
      '1.1 sallyport',
    ]);
    expect(way(noFields, trusted)).toEqual(ours);
  });

  test.each([
    ['2001:db8::1', 'a.example:80', 'for="[2001:db8::1]";host="a.example:80";proto=http', '2001:db8::1'],
    ['192.0.2.7', '[::1]', 'for=192.0.2.7;host="[::1]";proto=http', '192.0.2.7'],
    ['/run/a.sock', 'a', 'for=unknown;host=a;proto=http', 'unknown'],
    ['', '', 'for=unknown;proto=http', 'unknown'],
  ])('a client at %j asking for %j is written as RFC 7239 says', (clientHost, authority, forwarded, address) => {
    const fields = way(noFields, { ...facts, clientHost }, { authority });
    expect(fieldValue(fields, 'forwarded')).toBe(forwarded);
    expect(fieldValue(fields, 'x-forwarded-for')).toBe(address);
    expect(fieldValue(fields, 'x-forwarded-host')).toBe(authority === '' ? null : authority);
  });

  test('Via names the version of the message that came, and is added to what was there', () => {
    expect(fieldValues(way(['Via', '1.0 other'], facts, { version: '2' }), 'via')).toEqual([
      '1.0 other',
      '2.0 sallyport',
    ]);
    const response = {
      status: 200,
      version: '1.0',
      reason: '',
      fields: ['Date', 'x'],
      body: noBody,
      upgrade: null,
      announcedBytes: null,
      isPersistent: true,
    } as const;
    expect(forwardResponse(response)).toEqual({ ...response, fields: ['Date', 'x', 'Via', '1.0 sallyport'] });
  });

  test('what a trusted peer says of a certificate stands, and its own is not told for the client’s', () => {
    const said = ['Client-Cert', ':AAAA:', 'Client-Cert-Chain', ':BBBB:'];
    const certificate = Uint8Array.of(1, 2, 3, 255);
    const theirs = { ...trusted, certificate };
    expect(fieldValues(way(said, theirs), 'client-cert')).toEqual([':AAAA:']);
    expect(fieldValues(way(said, theirs), 'client-cert-chain')).toEqual([':BBBB:']);
    expect(fieldValues(way(noFields, theirs), 'client-cert')).toEqual([]);
    expect(fieldValues(way([...said, 'CLIENT_CERT', 'x'], { ...facts, certificate }), 'client-cert')).toEqual([
      ':AQID/w==:',
    ]);
    expect(way([...said, 'CLIENT_CERT', 'x', 'Client_Cert_Chain', 'x'], facts)).toEqual(ours);
  });

  test('only an offer of WebSocket is forwarded', () => {
    expect(new Forwarder(facts).request({ ...head, upgrade: 'websocket' }).upgrade).toBe('websocket');
    expect(new Forwarder(facts).request({ ...head, upgrade: 'h2c' }).upgrade).toBe(null);
  });

  test('a forwarded request is written and read back with each of our fields once', () => {
    const names = fc.constantFrom(
      'X-Forwarded-For',
      'x-forwarded-host',
      'Forwarded',
      'X-Real-IP',
      'Via',
      'X',
      'Accept',
    );
    const property = fc.property(
      fc.array(fc.tuple(names, fc.constantFrom('1', 'a, b', ''))),
      fc.boolean(),
      (pairs, isTrustedPeer) => {
        const sent = new Forwarder({ ...facts, isTrustedPeer }).request({ ...head, fields: pairs.flat() });
        const [first] = readRequests(requestHeadBytes(sent, { keepAlive: true }), [], true).told;
        expect(first).toEqual({ type: 'request', head: sent });
        for (const name of ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'])
          expect(fieldValues(sent.fields, name)).toHaveLength(1);
        // Where a trusted peer spoke in X-Forwarded-For alone, so do we.
        const said = (name: string) => isTrustedPeer && fieldValues(pairs.flat(), name).some((value) => value !== '');
        const isLeftOut = said('x-forwarded-for') && !said('forwarded');
        expect(fieldValues(sent.fields, 'forwarded')).toHaveLength(isLeftOut ? 0 : 1);
        expect(fieldValue(sent.fields, 'x-forwarded-for')).toMatch(/(?:^|, )192\.0\.2\.7$/);
      },
    );
    fc.assert(property, { seed: seed(), numRuns: runs(200) });
  });
});

describe('fields', () => {
  const fields: Fields = ['A', '1', 'b-c', '2', 'a', '3'];

  test('are found by name in any case', () => {
    expect([fieldValue(fields, 'a'), fieldValue(fields, 'b-c'), fieldValue(fields, 'b')]).toEqual(['1', '2', null]);
    expect([fieldValues(fields, 'a'), fieldValues(fields, 'x')]).toEqual([['1', '3'], []]);
    expect([hasSeveral(fields, 'a'), hasSeveral(fields, 'b-c'), hasSeveral(fields, 'x')]).toEqual([true, false, false]);
    // Only letters have a case: `@` and a backtick are not the same.
    expect(fieldValue(['`', '1'], '@')).toBe(null);
  });

  test('are rewritten: what is set replaces all of its name, what is removed goes, the rest stays in order', () => {
    expect(rewriteFields(fields, { set: ['B-C', 'x', 'D', 'y'], remove: ['a'] })).toEqual(['B-C', 'x', 'D', 'y']);
    expect(rewriteFields(fields, { set: ['D', 'y'], remove: [] })).toEqual([...fields, 'D', 'y']);
    expect(rewriteFields(fields, { set: [], remove: [] })).toBe(fields);
  });
});

test('the methods that RFC 9110 defines as idempotent are, and no others', () => {
  const all = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'POST', 'PATCH', 'CONNECT', 'get', 'PROPFIND', ''];
  expect(all.filter(isIdempotent)).toEqual(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
});

describe('own answers', () => {
  const written = (reason: Parameters<typeof ownAnswer>[0], method = 'GET') => {
    const { head: answer, body } = ownAnswer(reason, 'k3f9-12.3');
    const bytes = responseBytes(answer, { clientVersion: '1.1', keepAlive: false, method }, body, []);
    return { answer, text: bytes.toString('latin1'), told: readResponses(bytes, [], true, [method]).told };
  };

  test.each(closeReasons.map((reason) => [reason]))('%s has a complete answer that names the exchange', (reason) => {
    const { answer, told } = written(reason);
    expect(told.map(({ type }) => type)).toEqual(['response', 'body', 'ended']);
    expect(told[1]?.type === 'body' ? told[1].text : '').toMatch(/^[ -~]+ \(exchange k3f9-12\.3\)\n$/);
    expect(fieldValue(answer.fields, 'proxy-status')).toMatch(/^sallyport; error=[a-z_]+$/);
    expect(fieldValue(answer.fields, 'cache-control')).toBe('no-store');
    expect(answer.reason).not.toBe('');
  });

  test.each([400, 405, 408, 413, 414, 417, 421, 431, 501, 502, 505] as const)(
    'a problem of status %d is said in its own words',
    (status) => {
      const { answer, text } = written({ status, detail: 'one clause' });
      expect(text.startsWith(`HTTP/1.1 ${status} ${answer.reason}\r\n`)).toBe(true);
      expect(answer.reason).not.toBe('');
      expect(text.endsWith('\r\n\r\none clause (exchange k3f9-12.3)\n')).toBe(true);
      expect(fieldValue(answer.fields, 'proxy-status')).toBe(
        `sallyport; error=${status === 502 ? 'http_protocol_error' : 'http_request_error'}`,
      );
      expect(fieldValue(answer.fields, 'allow') !== null).toBe(status === 405);
    },
  );

  test('an id brings nothing but visible ASCII into an answer', () => {
    expect(Buffer.from(ownAnswer('refused.route', 'a\r\n \0é1').body).toString('latin1')).toMatch(/\(exchange a1\)\n$/);
  });
});

describe('the date of an answer', () => {
  const { head: answer } = ownAnswer('refused.route', 'k3f9-12.3');

  test('RFC 9110 §5.6.7: is the second that the clock says, in the one form', () => {
    expect(dateText(784_111_777_000)).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
    expect(dateText(784_111_777_999)).toBe(dateText(784_111_777_000));
    expect(dateText(784_111_778_000)).toBe('Sun, 06 Nov 1994 08:49:38 GMT');
    expect(dateText(784_111_777_000)).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
  });

  test('RFC 9110 §6.6.1: stands once, and one that is there already is left alone', () => {
    expect(fieldValues(dated(answer, 0).fields, 'date')).toEqual(['Thu, 01 Jan 1970 00:00:00 GMT']);
    const own = { ...answer, fields: ['dAtE', 'mine'] };
    expect(dated(own, 0)).toBe(own);
  });
});

test('who failed is named: a handler is no upstream', () => {
  const said = (...given: Parameters<typeof ownAnswer>) => Buffer.from(ownAnswer(...given).body).toString('latin1');
  expect(said('handler.failed', 'a', 'handler')).toBe('the handler failed (exchange a)\n');
  expect(said('timeout.response', 'a', 'handler')).toBe('the handler did not answer in time (exchange a)\n');
  expect(said('timeout.response', 'a')).toBe('the upstream did not answer in time (exchange a)\n');
});

describe('models that no reader made', () => {
  const passes = (problem: unknown) => problem === null;

  test('names are tokens, values hold no control character and nothing beyond a byte', () => {
    expect(['a', "!#$%&'*+-.^_`|~9Z"].every((name) => passes(nameProblem(name)))).toBe(true);
    expect(
      ['', ' a', 'a b', 'a:', ':path', 'a\r', 'é', '\u0100', 'a\0'].some((name) => passes(nameProblem(name))),
    ).toBe(false);
    expect(['', 'a', 'a b\tc', '\xe4'].every((value) => passes(valueProblem(value)))).toBe(true);
    expect(
      [' a', 'a ', '\ta', 'a\t', 'a\rb', 'a\nb', 'a\0b', '\x7f', '\u010a', '\u20ac'].some((value) =>
        passes(valueProblem(value)),
      ),
    ).toBe(false);
    expect(['', 'OK then', '\xe4 '].every((reason) => passes(reasonProblem(reason)))).toBe(true);
    expect(['a\r', '\n', '\u010a'].some((reason) => passes(reasonProblem(reason)))).toBe(false);
  });

  test('fields that frame, route or hold the connection are none, and a name without a value is not either', () => {
    expect(fieldsProblem(['a', '1', 'b', ''])).toBe(null);
    expect(fieldsProblem(['a', '1', 'b'])).toMatchObject({ status: 400 });
    for (const name of [
      'host',
      'Connection',
      'content-length',
      'transfer-encoding',
      'te',
      'upgrade',
      'keep-alive',
      'proxy-connection',
      'expect',
    ])
      expect(fieldProblem(name, '1')).toMatchObject({ status: 400 });
  });

  test('methods, targets and authorities are checked as a reader would', () => {
    expect(['GET', 'x-y', 'M'.repeat(32)].every((method) => passes(methodProblem(method)))).toBe(true);
    expect(['', 'G T', 'M'.repeat(33), 'é'].map((method) => methodProblem(method)?.status)).toEqual([
      400, 400, 400, 400,
    ]);
    expect(['CONNECT', 'trace'].map((method) => methodProblem(method)?.status)).toEqual([405, 405]);
    expect([targetProblem('GET', '/a?b'), targetProblem('OPTIONS', '*')]).toEqual([null, null]);
    for (const target of ['', '*', 'a', '/a b', '/#', '/\r', '/\x80', '/\u0141', 'http://a/'])
      expect(targetProblem('GET', target)).toMatchObject({ status: 400 });
    expect([authorityProblem('a:1'), authorityProblem('[::1]')]).toEqual([null, null]);
    for (const authority of ['', 'a b', 'a@b', 'a:x', '\u0141'])
      expect(authorityProblem(authority)).toMatchObject({ status: 400 });
  });
});
