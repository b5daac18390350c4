/**
 * The smuggling corpus through the whole proxy, on real sockets: what an origin sees, and what each client is answered.
 *
 * Every case has a canary pipelined behind it: the canary's answer goes to the canary, or the connection is closed.
 * What is expected comes from the corpus, which is written by hand, and from a second reader that shares no code.
 */
import { METHODS } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { bytesOf, smugglingCorpus, type SmugglingCase } from '../property/http1-smuggling-corpus.ts';
import { NodeOrigin, ok, repliesIn } from '../support/http-world.ts';
import { StrictOrigin, strictRequestIn, type StrictRequest } from '../support/http-strict.ts';
import { inParallel } from '../support/http-clients.ts';
import { dialPeer, ProxyUnderTest, type Peer } from '../support/world.ts';

const route = { match: { protocol: 'http', ports: 0 } } as const;

function request(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;
}

/** What of one request is end to end; what a proxy says about the way is looked at elsewhere. */
interface Asked {
  readonly method: string;
  readonly target: string;
  readonly lines: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

const aboutTheWay = /^(?:x-forwarded-(?:for|proto|port|host)|forwarded|x-real-ip): |^via: 1\.[01] sallyport$/i;

function askedIn({ method, target, lines, body, trailers }: StrictRequest): Asked {
  return { method, target, lines: lines.filter((line) => !aboutTheWay.test(line)).toSorted(), body, trailers };
}

function asked(text: string): Asked {
  const whole = strictRequestIn(text);
  if (whole === null || whole.text !== text) throw new Error(`the corpus expects what is no request: ${text}`);
  return askedIn(whole);
}

interface Expected {
  readonly seen: readonly Asked[];
  readonly statuses: readonly number[];
}

/** Understood by the codec, and by the routing as a path that climbs or hides: refused, and the connection goes on. So is TRACE. */
const trickyPaths = new Set(['/../', '/%00', '/%2e%2e']);

/** What must become of a case and of the canary behind it; the request before both is the connection's first. */
function expectedOf({ text, outcome }: SmugglingCase, canary: string): Expected {
  if (outcome.kind === 'refused') return { seen: [], statuses: [outcome.status] };
  const one = asked(outcome.canonical);
  const isLast = /^[^\r]* HTTP\/1\.0\r\n/.test(text) || /\r\nconnection:[^\r]*\bclose\b/i.test(text);
  const status = one.method === 'TRACE' ? 405 : trickyPaths.has(one.target) ? 400 : 200;
  const first: Expected =
    status !== 200 ? { seen: [], statuses: [status] } : { seen: [withoutForeignUpgrade(one)], statuses: [200] };
  if (isLast) return first;
  const next = expectedBehind(outcome.rest, canary);
  return { seen: [...first.seen, ...next.seen], statuses: [...first.statuses, ...next.statuses] };
}

/** The codec tells any offer of an upgrade; the proxy passes on the one to WebSocket. */
function withoutForeignUpgrade(one: Asked): Asked {
  if (!one.lines.includes('Upgrade: h2c')) return one;
  return { ...one, lines: one.lines.filter((line) => line !== 'Upgrade: h2c' && line !== 'Connection: upgrade') };
}

function expectedBehind(rest: string, canary: string): Expected {
  const hidden = rest.startsWith('\r\n') ? rest.slice(2) : rest;
  if (hidden === '') return canary === '' ? { seen: [], statuses: [] } : { seen: [asked(canary)], statuses: [200] };
  if (!hidden.startsWith('GET ')) return { seen: [], statuses: [400] };
  const behind = expectedBehind('', canary);
  return { seen: [asked(hidden), ...behind.seen], statuses: [200, ...behind.statuses] };
}

/** Cases that say what FIN does have nothing behind them but FIN. */
function canaryFor({ name }: SmugglingCase, index: number): string {
  return name.includes('FIN') ? '' : request(`/canary-${index}`);
}

async function replay(port: number, texts: readonly string[]): Promise<Peer> {
  const client = await dialPeer(port);
  client.send(Buffer.concat(texts.map(bytesOf))).end();
  await client.closed;
  return client;
}

/** Every answer names the target it is for, so a canary's answer can not be taken for another's. */
function namesIn(client: Peer): readonly string[] {
  return repliesIn(client).flatMap(({ status, body }) => (status === 200 ? [body.replace(/^for /, '')] : []));
}

/** A clean request that is HTTP's from its first byte on, as whoever only peeks at it has to see. */
function startsLikeHttp({ text, outcome }: SmugglingCase): boolean {
  return outcome.kind === 'forwarded' && METHODS.some((method) => text.startsWith(`${method} `));
}

/** Connections on which a request was left in the middle and yet another one came. */
function spoiltAndReused({ connections }: StrictOrigin): readonly string[] {
  return connections.flatMap(({ rest }) => (/GET \/(?:first|canary)-/.test(rest) ? [rest] : []));
}

describe('the smuggling corpus on the wire', () => {
  test('H01: a strict origin sees exactly what each case asks for, and every canary its own answer', async () => {
    await using origin = await StrictOrigin.start(({ target }) => ok(`for ${target}`));
    await using world = await ProxyUnderTest.forward(origin.port, { route });
    const findings: unknown[] = [];
    for (const [index, one] of smugglingCorpus.entries()) {
      const canary = canaryFor(one, index);
      const first = request(`/first-${index}`);
      const expected = expectedOf(one, canary);
      const from = origin.requests.length;
      const client = await replay(world.port, [first, one.text, canary]);
      const wanted = {
        seen: [asked(first), ...expected.seen],
        statuses: [200, ...expected.statuses],
        names: [`/first-${index}`, ...expected.seen.map(({ target }) => target)],
      };
      const got = {
        seen: origin.requests.slice(from).map(askedIn),
        statuses: repliesIn(client).map(({ status }) => status),
        names: namesIn(client),
      };
      if (!isDeepStrictEqual(got, wanted)) findings.push({ case: `${one.family}: ${one.name}`, got, wanted });
    }
    expect(findings).toEqual([]);
    expect(origin.problems).toEqual([]);
    expect(spoiltAndReused(origin)).toEqual([]);
    expect(world.proxy.counters().invariantViolations).toBe(0);
  });

  test('H01: as the first bytes of a connection a case is refused, with or without an answer, or understood as ever', async () => {
    await using origin = await StrictOrigin.start(({ target }) => ok(`for ${target}`));
    await using world = await ProxyUnderTest.forward(origin.port, { route });
    const findings: unknown[] = [];
    for (const one of smugglingCorpus) {
      const expected = expectedOf(one, '');
      const from = origin.requests.length;
      const client = await replay(world.port, [one.text]);
      const seen = origin.requests.slice(from).map(askedIn);
      const statuses = repliesIn(client).map(({ status }) => status);
      const isAsExpected = isDeepStrictEqual({ seen, statuses }, expected);
      // What does not begin like HTTP is refused before anybody speaks HTTP with it.
      const isRefusedUnheard = seen.length === 0 && statuses.length === 0 && !startsLikeHttp(one);
      if (!isAsExpected && !isRefusedUnheard) findings.push({ case: `${one.family}: ${one.name}`, seen, statuses });
    }
    expect(findings).toEqual([]);
    expect(origin.problems).toEqual([]);
  });

  test.each(['compiled', 'xstate'] as const)(
    "H01, I10: many at once to a lenient origin: no request that was not asked for, no answer that is another client's (%s)",
    async (interpreter) => {
      const seen: string[] = [];
      await using origin = await NodeOrigin.start(
        (incoming, response) => {
          const parts: Buffer[] = [];
          incoming.on('data', (part: Buffer) => parts.push(part));
          incoming.on('end', () => {
            seen.push(`${incoming.method} ${incoming.url} ${Buffer.concat(parts).toString('latin1')}`);
            response.end(incoming.url);
          });
        },
        { insecureHTTPParser: true, maxHeaderSize: 65_536, requireHostHeader: false },
      );
      await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
      // The other reader knows no methods but these.
      const known = smugglingCorpus.filter((one) => one.outcome.kind === 'refused' || startsLikeHttp(one));
      const corpus = interpreter === 'compiled' ? known : known.filter((_, index) => index % 4 === 0);
      const wanted: string[] = [];
      const findings: unknown[] = [];
      await inParallel(corpus.length, 16, async (index) => {
        const one = corpus[index];
        if (one === undefined) return;
        const first = request(`/first-${index}`);
        const canary = canaryFor(one, index);
        const requests = [asked(first), ...expectedOf(one, canary).seen];
        wanted.push(...requests.map(({ method, target, body }) => `${method} ${target} ${body}`));
        const names = namesIn(await replay(world.port, [first, one.text, canary]));
        const own = requests.map(({ target }) => target);
        if (!isDeepStrictEqual(names, own)) findings.push({ case: `${one.family}: ${one.name}`, names, own });
      });
      expect(findings).toEqual([]);
      expect(seen.toSorted()).toEqual(wanted.toSorted());
      expect(world.proxy.counters().invariantViolations).toBe(0);
    },
  );
});
