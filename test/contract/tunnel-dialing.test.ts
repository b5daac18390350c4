/**
 * Dialling through a proxy, on legs in memory: what is handed over, how it fails, and that an abort leaves nothing.
 */
import fc from 'fast-check';
import type { Subscription } from 'rxjs';
import { createSecureContext } from 'node:tls';
import { expect, test } from 'vitest';
import type { DialFailure, DialWatch, Endpoint } from '../../src/io/dialer.ts';
import { introducing } from '../../src/io/dialing/introducing.ts';
import { tunnelDialer, type TunnelPlan } from '../../src/io/dialing/tunnel-dialing.ts';
import type { Leg } from '../../src/io/leg.ts';
import { securedDialer } from '../../src/io/tls/secure-dialing.ts';
import { memoryPair, type MemoryLeg } from '../../src/testing/memory-leg.ts';
import { MemoryNetwork, type DialPlan } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { of } from 'rxjs';
import { runs, seed } from '../support/fuzz.ts';
import { bytesOf, Watch } from '../support/leg-watch.ts';
import { expectNothingLeft, legPorts } from '../support/sockets.ts';

const proxy = { host: '192.0.2.80', port: 1080 };
const plans: Readonly<Record<'socks5' | 'http-connect', TunnelPlan>> = {
  socks5: { type: 'socks5', proxy, credentials: null },
  'http-connect': { type: 'http-connect', proxy, credentials: null },
};
/** What a proxy answers when all is well. */
const answers = {
  socks5: new Uint8Array([5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 0, 80]),
  'http-connect': bytesOf('HTTP/1.1 200 OK\r\n\r\n'),
};
const endpoint: Endpoint = { host: 'db.test', port: 5432 };
const header = bytesOf('PROXY TCP4 192.0.2.10 192.0.2.1 5 6\r\n');

class Rig {
  readonly clock = new StepClock();
  readonly ports = legPorts(this.clock);
  readonly told: string[] = [];
  readonly failures: DialFailure[] = [];
  readonly dialled: Endpoint[] = [];
  /** The proxy's end. */
  outer: MemoryLeg | null = null;
  heard: Watch | null = null;
  leg: Leg | null = null;
  readonly network: MemoryNetwork;
  readonly plan: TunnelPlan;
  readonly watch: DialWatch = {
    resolved: () => void this.told.push('resolved'),
    securing: () => void this.told.push('securing'),
  };

  constructor(type: 'socks5' | 'http-connect', dialPlan: DialPlan = { type: 'succeeds', afterMs: 10 }) {
    this.plan = plans[type];
    this.network = new MemoryNetwork({
      clock: this.clock,
      ports: this.ports,
      plan: (asked) => {
        this.dialled.push(asked);
        return dialPlan;
      },
    });
    this.network.serve(proxy, (leg) => {
      this.outer = leg;
      this.heard = new Watch(leg).take();
    });
  }

  dial(order: Endpoint = endpoint): Subscription {
    return introducing(tunnelDialer(this.network.dial, this.plan))(order, this.watch).subscribe({
      next: (leg) => {
        this.told.push('leg');
        this.leg = leg;
      },
      error: (failure: DialFailure) => this.failures.push(failure),
      complete: () => this.told.push('complete'),
    });
  }

  /** The proxy says this, in these pieces, each of which arrives by itself. */
  say(bytes: Uint8Array, pieces: readonly number[] = [bytes.length]): void {
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      const piece = bytes.slice(at, at + (pieces[turn % pieces.length] ?? 1));
      this.outer?.write(piece, 'owned');
      at += piece.length;
      this.clock.settle();
    }
  }

  get isSettled(): boolean {
    return this.leg !== null || this.failures.length > 0;
  }

  finish(): void {
    this.leg?.reset();
    this.outer?.reset();
    this.clock.settle();
    expectNothingLeft(this.ports);
    expect([this.network.outside.size, this.clock.network.armedCount]).toEqual([0, 0]);
  }
}

const types = ['socks5', 'http-connect'] as const;

test('the proxy is dialled, the name of the endpoint is left to it, and every split opens the tunnel alike', () => {
  for (const type of types) {
    const behind = bytesOf('+OK ready\r\n');
    const whole = new Uint8Array([...answers[type], ...behind]);
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const rig = new Rig(type);
      rig.dial({ ...endpoint, proxyHeader: header });
      rig.clock.advance(10);
      expect(rig.told).toEqual(['resolved']);
      rig.say(whole, cut === 0 ? [1] : [cut, whole.length]);
      expect([rig.told, rig.failures]).toEqual([['resolved', 'leg', 'complete'], []]);
      expect(rig.dialled).toEqual([proxy]);
      if (rig.leg === null) throw new Error('no leg');
      const watch = new Watch(rig.leg).take();
      rig.leg.write(bytesOf('hello'), 'owned');
      rig.clock.settle();
      expect(watch.text).toBe('+OK ready\r\n');
      // The PROXY header is the endpoint's: it comes behind all that was the proxy's.
      expect(
        rig.heard?.text.endsWith(
          `db.test${type === 'socks5' ? '\x15\x38' : ':5432\r\n\r\n'}PROXY TCP4 192.0.2.10 192.0.2.1 5 6\r\nhello`,
        ),
      ).toBe(true);
      rig.finish();
    }
  }
});

test('what had come before anybody listened is read, and what came behind it is for whoever gets the leg', () => {
  for (const type of types) {
    const clock = new StepClock();
    const ports = legPorts(clock);
    const { near, far } = memoryPair({ ports, network: clock.network, side: 'upstream' });
    far.write(new Uint8Array([...answers[type], ...bytesOf('last words')]), 'owned');
    far.end();
    clock.settle();
    const legs: Leg[] = [];
    const watches: Watch[] = [];
    tunnelDialer(() => of(near), plans[type])(endpoint, { resolved() {}, securing() {} }).subscribe((leg) => {
      legs.push(leg);
      watches.push(new Watch(leg).take());
    });
    clock.settle();
    const [watch] = watches;
    expect([watch?.text, watch?.isComplete, watch?.facts.at(-1)]).toEqual([
      'last words',
      true,
      { type: 'ended', heldBytes: 0 },
    ]);
    near.reset();
    far.reset();
    clock.settle();
    expectNothingLeft(ports);
  }
});

test('FIN, RST and silence at every byte of the answer: a reason for the first two, and an abort for the last', () => {
  for (const type of types) {
    const answer = answers[type];
    for (let length = 0; length < answer.length; length += 1) {
      for (const end of ['fin', 'rst', 'abort'] as const) {
        const rig = new Rig(type);
        const dialing = rig.dial();
        rig.clock.advance(10);
        rig.say(answer.subarray(0, length));
        expect(rig.isSettled).toBe(false);
        if (end === 'fin') rig.outer?.end();
        else if (end === 'rst') rig.outer?.reset();
        else dialing.unsubscribe();
        rig.clock.settle();
        const expected = { fin: ['upstream.truncated'], rst: ['upstream.reset'], abort: [] }[end];
        expect([rig.failures.map(({ reason }) => reason), rig.leg]).toEqual([expected, null]);
        if (end !== 'rst') expect(rig.heard?.log).toContain('failed ECONNRESET');
        rig.finish();
      }
    }
  }
});

test('a refusal names the proxy, lets it go, and says whether another endpoint may fare better', () => {
  const rig = new Rig('socks5');
  rig.dial();
  rig.clock.advance(10);
  rig.say(new Uint8Array([5, 0, 5, 5, 0, 1]));
  expect(rig.failures).toEqual([
    {
      reason: 'upstream.refused',
      code: 'SALLYPORT_SOCKS_5',
      cause: 'the SOCKS proxy 192.0.2.80:1080 was refused the connection',
      retryable: true,
      blame: 'endpoint',
    },
  ]);
  rig.finish();
  const http = new Rig('http-connect');
  http.dial();
  http.clock.advance(10);
  http.say(bytesOf('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'));
  expect(http.failures).toMatchObject([
    { reason: 'upstream.refused', code: 'SALLYPORT_CONNECT_407', retryable: false, blame: 'way' },
  ]);
  http.finish();
});

test('what a proxy says of the endpoint is the endpoint’s fault, and everything else the proxy’s', () => {
  const said: readonly (readonly ['socks5' | 'http-connect', Uint8Array | 'ends' | 'resets', string])[] = [
    ['socks5', new Uint8Array([5, 0, 5, 4, 0, 1]), 'endpoint'],
    ['socks5', new Uint8Array([5, 0, 5, 7, 0, 1]), 'way'],
    ['socks5', new Uint8Array([5, 255]), 'way'],
    ['socks5', new Uint8Array([4, 90]), 'way'],
    ['socks5', 'ends', 'way'],
    ['socks5', 'resets', 'way'],
    ['http-connect', bytesOf('HTTP/1.1 502 Bad Gateway\r\n\r\n'), 'endpoint'],
    ['http-connect', bytesOf('HTTP/1.1 400 Bad Request\r\n\r\n'), 'way'],
    ['http-connect', bytesOf('220 mail.test ESMTP\r\n'), 'way'],
  ];
  for (const [type, what, blame] of said) {
    const rig = new Rig(type);
    rig.dial();
    rig.clock.advance(10);
    if (what === 'ends') rig.outer?.end();
    else if (what === 'resets') rig.outer?.reset();
    else rig.say(what);
    rig.clock.settle();
    expect([what, rig.failures.map((failure) => failure.blame)]).toEqual([what, [blame]]);
    rig.finish();
  }
});

test('a proxy that cannot be reached fails the dial with its own reason, and says that it was the proxy', () => {
  const rig = new Rig('socks5', { type: 'fails', afterMs: 5, code: 'ECONNREFUSED' });
  rig.dial();
  rig.clock.advance(5);
  expect(rig.failures).toMatchObject([
    {
      reason: 'upstream.refused',
      code: 'ECONNREFUSED',
      cause: 'the SOCKS proxy 192.0.2.80:1080: nothing accepts connections there',
      blame: 'way',
    },
  ]);
  rig.finish();
});

test('what a proxy cannot be asked for is refused before it is dialled', () => {
  for (const order of [
    { host: 'unix:/run/db.sock', port: 0 },
    { host: 'a\r\nb', port: 80 },
    { ...endpoint, sourceAddress: '192.0.2.10' },
  ]) {
    const rig = new Rig('http-connect');
    rig.dial(order);
    expect([rig.failures.length, rig.dialled]).toEqual([1, []]);
    expect(rig.failures[0]).toMatchObject({ reason: 'upstream.unreachable', blame: 'way' });
    rig.finish();
  }
});

test('an abort before the proxy is reached leaves nothing', () => {
  for (const atMs of [0, 5, 10]) {
    const rig = new Rig('socks5');
    const dialing = rig.dial();
    rig.clock.advance(atMs);
    dialing.unsubscribe();
    rig.clock.advance(100);
    expect([rig.leg, rig.failures]).toEqual([null, []]);
    rig.finish();
  }
});

test('TLS begins with the endpoint, behind the tunnel and the PROXY header', () => {
  const context = createSecureContext();
  const tls = { ca: null, serverName: null, verify: true, pins: [], minVersion: 'TLSv1.2', identity: null } as const;
  const rig = new Rig('socks5');
  const beneath = introducing(tunnelDialer(rig.network.dial, rig.plan));
  const asked: unknown[] = [];
  securedDialer(beneath, tls, 'raw', { clientContext: () => context })(
    { ...endpoint, proxyHeader: header },
    rig.watch,
  ).subscribe((leg) => {
    rig.leg = leg;
    asked.push(Reflect.get(leg, 'handshake'));
  });
  rig.network.serve(proxy, (leg) => {
    rig.outer = leg;
  });
  rig.clock.advance(10);
  expect(rig.told).toEqual(['resolved']);
  rig.say(answers.socks5);
  const { outer } = rig;
  if (outer === null) throw new Error('the proxy was not reached');
  expect(rig.told).toEqual(['resolved', 'securing']);
  const request = new Uint8Array([5, 1, 0, 5, 1, 0, 3, 7, ...bytesOf('db.test'), 0x15, 0x38]);
  const held = Buffer.concat(outer.held);
  expect(held.subarray(0, request.length + header.length).toString('latin1')).toBe(
    Buffer.concat([request, header]).toString('latin1'),
  );
  outer.skip(request.length + header.length);
  outer.secure({ role: 'server', context, alpn: [], clientAuth: 'none' });
  rig.clock.settle();
  expect(asked).toMatchObject([{ role: 'client', serverName: 'db.test' }]);
  rig.finish();
});

test('whatever a proxy says, at whatever speed, the dial ends with it: a leg or a reason, and nothing left', () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 });
  const cut = fc.nat({ max: 12 });
  fc.assert(
    fc.property(
      fc.constantFrom(...types),
      cut,
      fc.uint8Array({ maxLength: 300 }),
      pieces,
      (type, kept, garbage, cuts) => {
        const rig = new Rig(type);
        rig.dial();
        rig.clock.advance(10);
        rig.say(new Uint8Array([...answers[type].subarray(0, kept), ...garbage]), cuts);
        rig.outer?.end();
        rig.clock.settle();
        expect(rig.isSettled).toBe(true);
        expect(rig.leg === null ? rig.failures.length : rig.told.filter((what) => what === 'leg').length).toBe(1);
        rig.finish();
      },
    ),
    { seed: seed(), numRuns: runs(150) },
  );
});
