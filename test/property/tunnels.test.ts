/**
 * Talking a proxy into a tunnel, SOCKS 5 and HTTP CONNECT: every split of an answer means the same, every refusal has its
 * reason, and no bytes at all lead to a throw or to a talk that goes on for ever.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connectTalk } from '../../src/protocols/http-connect.ts';
import { socks5Talk } from '../../src/protocols/socks5-client.ts';
import type { TunnelRefusal, TunnelTalk } from '../../src/protocols/tunnel.ts';
import { runs, seed } from '../support/fuzz.ts';

const credentials = { username: 'ann', password: 'secret' };

function talkOf(made: TunnelTalk | TunnelRefusal): TunnelTalk {
  if ('kind' in made) throw new Error(made.says);
  return made;
}

interface Heard {
  readonly outcome: string;
  /** What was said, the opening first; hexadecimal. */
  readonly said: readonly string[];
  /** Bytes that were left unread. */
  readonly rest: string;
}

/** A whole talk, in pieces of these lengths, over and over. */
function talk(made: TunnelTalk | TunnelRefusal, bytes: Uint8Array, pieces: readonly number[]): Heard {
  const talking = talkOf(made);
  const said = [hex(talking.opening)];
  for (let from = 0, turn = 0; from < bytes.length; turn += 1) {
    const piece = bytes.subarray(from, from + (pieces[turn % pieces.length] ?? 1));
    let at = 0;
    while (at < piece.length) {
      const step = talking.read(piece, at);
      if (step.kind === 'refused') return { outcome: `${step.how} ${step.code}`, said, rest: '' };
      if (step.next <= at) throw new Error('the talk stands still');
      at = step.next;
      if (step.kind === 'open') return { outcome: 'open', said, rest: hex(bytes.subarray(from + at)) };
      if (step.send !== null) said.push(hex(step.send));
    }
    from += piece.length;
  }
  return { outcome: 'more', said, rest: '' };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const fromHex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Whole at once, byte by byte, and cut in two at every place. */
function everySplit(bytes: Uint8Array): (readonly number[])[] {
  const cuts = Array.from({ length: bytes.length }, (_, cut) => [cut + 1, bytes.length]);
  return [[bytes.length], [1], [2], [3, 1], ...cuts];
}

test('SOCKS 5: names are sent as names, addresses as bytes, and the port behind them', () => {
  const requestTo = (host: string, port: number) =>
    talk(socks5Talk({ host, port }, null), fromHex('0500'), [2]).said.at(-1);
  expect(requestTo('db.test', 5432)).toBe(`0501000307${hex(bytesOf('db.test'))}1538`);
  expect(requestTo('192.0.2.7', 80)).toBe('05010001c00002070050');
  expect(requestTo('2001:db8::7', 65_535)).toBe('0501000420010db8000000000000000000000007ffff');
  expect(requestTo('::ffff:192.0.2.7', 80)).toBe('05010001c00002070050');
  for (const host of ['a b', 'a\r\nb', '', 'ö.test', 'fe80::1%eth0', 'x'.repeat(256)])
    expect(socks5Talk({ host, port: 80 }, null)).toMatchObject({ kind: 'refused', how: 'unreachable' });
});

test('SOCKS 5: a username and a password are offered where there are some, and sent only when they are asked for', () => {
  const asked = talk(
    socks5Talk({ host: 'a', port: 1 }, credentials),
    fromHex('0502 0100 05000001 00000000 0000 aa'),
    [1],
  );
  expect(asked).toEqual({
    outcome: 'open',
    said: ['05020002', `0103${hex(bytesOf('ann'))}06${hex(bytesOf('secret'))}`, '0501000301610001'],
    rest: 'aa',
  });
  const notAsked = talk(socks5Talk({ host: 'a', port: 1 }, credentials), fromHex('0500'), [1]);
  expect(notAsked.said).toEqual(['05020002', '0501000301610001']);
  const long = { username: 'é'.repeat(128), password: 'x' };
  expect(socks5Talk({ host: 'a', port: 1 }, long)).toMatchObject({ kind: 'refused' });
  expect(socks5Talk({ host: 'a', port: 1 }, { username: 'x', password: '' })).toMatchObject({ kind: 'refused' });
});

const socksAnswers: readonly (readonly [name: string, bytes: Uint8Array, outcome: string])[] = [
  ['an IPv4 address', fromHex('0500 05000001 7f000001 0050'), 'open'],
  ['an IPv6 address', fromHex(`0500 05000004 ${'00'.repeat(16)} 0050`), 'open'],
  ['a name', fromHex('0500 05000003 02 6162 0050'), 'open'],
  ['a name of no letters', fromHex('0500 05000003 00 0050'), 'open'],
  ['the longest name', fromHex(`0500 05000003 ff ${'61'.repeat(255)} 0050`), 'open'],
  ['reserved bytes', fromHex('0500 0500ff01 7f000001 0050'), 'open'],
  ['another protocol', bytesOf('HTTP/1.1 400 Bad Request\r\n\r\n'), 'malformed SALLYPORT_SOCKS_MALFORMED'],
  ['no way to authenticate', fromHex('05ff'), 'refused SALLYPORT_SOCKS_AUTH'],
  ['a way that was not offered', fromHex('0502'), 'malformed SALLYPORT_SOCKS_MALFORMED'],
  ['another version in the reply', fromHex('0500 04000001'), 'malformed SALLYPORT_SOCKS_MALFORMED'],
  ['an unknown kind of address', fromHex('0500 05000002 00'), 'malformed SALLYPORT_SOCKS_MALFORMED'],
  ['failed', fromHex('0500 0501'), 'unreachable SALLYPORT_SOCKS_1'],
  ['not allowed', fromHex('0500 0502 0001 00000000 0000'), 'refused SALLYPORT_SOCKS_2'],
  ['no network', fromHex('0500 0503'), 'unreachable SALLYPORT_SOCKS_3'],
  ['no host', fromHex('0500 0504'), 'unreachable SALLYPORT_SOCKS_4'],
  ['refused', fromHex('0500 0505'), 'refused SALLYPORT_SOCKS_5'],
  ['ttl', fromHex('0500 0506'), 'unreachable SALLYPORT_SOCKS_6'],
  ['no such command', fromHex('0500 0507'), 'unreachable SALLYPORT_SOCKS_7'],
  ['no such address', fromHex('0500 0508'), 'unreachable SALLYPORT_SOCKS_8'],
  ['a number of its own', fromHex('0500 05f0'), 'unreachable SALLYPORT_SOCKS_240'],
];

test('SOCKS 5: every split of an answer means the same, and what is behind it is left unread', () => {
  for (const [name, bytes, outcome] of socksAnswers) {
    const whole = new Uint8Array([...bytes, ...bytesOf('+OK ready\r\n')]);
    for (const pieces of everySplit(whole)) {
      const heard = talk(socks5Talk({ host: 'a', port: 1 }, null), whole, pieces);
      expect([name, heard.outcome]).toEqual([name, outcome]);
      if (outcome === 'open') expect(heard.rest).toBe(hex(bytesOf('+OK ready\r\n')));
    }
  }
});

test('SOCKS 5: a wrong password is a refusal, whatever version the answer gives itself', () => {
  for (const answer of ['0502 0101', '0502 0501', '0502 01ff']) {
    const heard = talk(socks5Talk({ host: 'a', port: 1 }, credentials), fromHex(answer), [1]);
    expect(heard.outcome).toBe('refused SALLYPORT_SOCKS_AUTH');
  }
});

test('CONNECT names its endpoint as Host does, and its credentials by the basic scheme', () => {
  const opening = (host: string) =>
    Buffer.from(talkOf(connectTalk({ host, port: 443 }, null)).opening).toString('latin1');
  expect(opening('db.test')).toBe('CONNECT db.test:443 HTTP/1.1\r\nHost: db.test:443\r\n\r\n');
  expect(opening('2001:db8::7')).toBe('CONNECT [2001:db8::7]:443 HTTP/1.1\r\nHost: [2001:db8::7]:443\r\n\r\n');
  const secret = talkOf(connectTalk({ host: 'a', port: 1 }, { username: 'ann', password: 'é:x' })).opening;
  expect(Buffer.from(secret).toString('latin1')).toContain(
    `\r\nProxy-Authorization: Basic ${Buffer.from('ann:é:x').toString('base64')}\r\n\r\n`,
  );
  for (const host of ['a b', 'a\r\nX: y', 'a/b', '', 'a:1', '[::1]'])
    expect(connectTalk({ host, port: 80 }, null)).toMatchObject({ kind: 'refused' });
  expect(connectTalk({ host: 'a', port: 1 }, { username: 'a:b', password: '' })).toMatchObject({ kind: 'refused' });
});

const connectAnswers: readonly (readonly [answer: string, outcome: string])[] = [
  ['HTTP/1.1 200 OK\r\n\r\n', 'open'],
  ['HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n', 'open'],
  ['HTTP/1.1 299\r\nContent-Length: 5\r\n\r\n', 'open'],
  ['HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n', 'open'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\nTransfer-Encoding: x\r\n\r\n', 'open'],
  ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', 'open'],
  ['HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n', 'refused SALLYPORT_CONNECT_407'],
  ['HTTP/1.1 403 Forbidden\r\n\r\n', 'refused SALLYPORT_CONNECT_403'],
  ['HTTP/1.1 404 Not Found\r\n\r\n', 'refused SALLYPORT_CONNECT_404'],
  ['HTTP/1.1 302 Found\r\n\r\n', 'refused SALLYPORT_CONNECT_302'],
  ['HTTP/1.1 502 Bad Gateway\r\n\r\n', 'unreachable SALLYPORT_CONNECT_502'],
  ['HTTP/1.1 503 Busy\r\n\r\n', 'unreachable SALLYPORT_CONNECT_503'],
  ['HTTP/1.1 504 Timeout\r\n\r\n', 'unreachable SALLYPORT_CONNECT_504'],
  ['HTTP/1.1 500 Oops\r\n\r\n', 'unreachable SALLYPORT_CONNECT_500'],
  ['HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n', 'malformed SALLYPORT_CONNECT_MALFORMED'],
  ['HTTP/2 200 OK\r\n\r\n', 'malformed SALLYPORT_CONNECT_MALFORMED'],
  ['HTTP/1.1 200 OK\n\n', 'malformed SALLYPORT_CONNECT_MALFORMED'],
  ['HTTP/1.1 200 OK\r\nA : b\r\n\r\n', 'malformed SALLYPORT_CONNECT_MALFORMED'],
  ['HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', 'malformed SALLYPORT_CONNECT_MALFORMED'],
  ['SSH-2.0-x\r\n', 'malformed SALLYPORT_CONNECT_MALFORMED'],
];

test('CONNECT: any 2xx opens the tunnel behind its head, and every split of an answer means the same', () => {
  for (const [answer, outcome] of connectAnswers) {
    const whole = bytesOf(`${answer}behind`);
    for (const pieces of everySplit(whole)) {
      const heard = talk(connectTalk({ host: 'a', port: 1 }, null), whole, pieces);
      expect([answer, heard.outcome]).toEqual([answer, outcome]);
      if (outcome === 'open') expect(heard.rest).toBe(hex(bytesOf('behind')));
    }
  }
});

test('a head that does not end, and interim answers without end, are broken off', () => {
  const endless = bytesOf(`HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(90)}x: ${'y'.repeat(40_000)}`);
  const interims = bytesOf('HTTP/1.1 100 C\r\n\r\n'.repeat(20));
  for (const bytes of [endless, interims])
    expect(talk(connectTalk({ host: 'a', port: 1 }, null), bytes, [1_000]).outcome).toMatch(/^malformed/);
});

test('no bytes at all make a talk throw, stand still, or remember more than its protocol allows', () => {
  const start = fc.constantFrom('', '0500', '0502', '05020100', '0500050000', '050005000003');
  const socksBytes = fc.tuple(start, fc.uint8Array({ maxLength: 400 }));
  const pieces = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(socksBytes, pieces, fc.boolean(), ([first, rest], cuts, hasWords) => {
      const bytes = new Uint8Array([...fromHex(first), ...rest]);
      const make = () => socks5Talk({ host: 'a', port: 1 }, hasWords ? credentials : null);
      const heard = talk(make(), bytes, cuts);
      expect(heard).toEqual(talk(make(), bytes, [bytes.length + 1]));
      // Method, password, and the longest reply.
      if (bytes.length > 2 + 2 + 262) expect(heard.outcome).not.toBe('more');
    }),
    { seed: seed(), numRuns: runs(100) },
  );
  const heads = fc.constantFrom('', 'HTTP/1.1 200', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 C\r\n\r\nHTTP/1.1 4');
  fc.assert(
    fc.property(heads, fc.string({ unit: 'binary', maxLength: 80 }), pieces, (first, rest, cuts) => {
      const bytes = bytesOf(`${first}${rest}\r\n\r\n`);
      const make = () => connectTalk({ host: 'a', port: 1 }, null);
      expect(talk(make(), bytes, cuts)).toEqual(talk(make(), bytes, [bytes.length]));
    }),
    { seed: seed(), numRuns: runs(100) },
  );
});
