/**
 * What all legs share, on a transport that breaks every promise: the laws hold whatever it calls, in whatever order.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Address, ChunkLifetime } from '../../src/io/leg.ts';
import { LegBase, type LegPorts } from '../../src/io/leg-base.ts';
import { PeekBuffer } from '../../src/io/sniffer.ts';
import { sniffBytesMax } from '../../src/protocols/detector.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bytesOf, Watch } from '../support/leg-watch.ts';
import { legPorts } from '../support/sockets.ts';

type Event = 'received' | 'ended' | 'failed' | 'drained' | 'flushed' | 'closed';

/** A transport by hand: it does nothing, and says what it is told to. */
class ScriptedLeg extends LegBase {
  readonly local: Address = { host: '', port: 0 };
  readonly remote: Address = { host: '', port: 0 };
  readonly chunks: ChunkLifetime = 'owned';
  readonly asked: string[] = [];
  takes = true;
  isTransportDead = false;

  constructor(ports: LegPorts) {
    super('downstream', ports);
  }

  happen(event: Event, text = 'x'): void {
    if (event === 'received') this.transportReceived(bytesOf(text));
    else if (event === 'ended') this.transportEnded();
    else if (event === 'failed') this.transportFailed('ECONNRESET', 'reset');
    else if (event === 'drained') this.transportDrained();
    else if (event === 'flushed') this.transportFlushed();
    else this.transportClosed();
  }

  protected setReading(isWanted: boolean): void {
    this.asked.push(isWanted ? 'read' : 'stop');
  }

  protected send(): boolean {
    return this.takes;
  }

  protected sendFin(): void {
    this.asked.push('fin');
  }

  protected abort(): void {
    this.asked.push('rst');
  }

  protected close(): void {
    this.asked.push('close');
  }

  protected countSent(): number {
    return this.acceptedBytes;
  }

  protected isTransportGone(): boolean {
    return this.isTransportDead;
  }
}

function scripted(): { readonly leg: ScriptedLeg; readonly ports: ReturnType<typeof legPorts> } {
  const ports = legPorts(new StepClock());
  return { leg: new ScriptedLeg(ports), ports };
}

describe('a leg on a transport that breaks its promises', () => {
  test('law 10: what arrives although reading was stopped is held, without a fact, and delivered in order', () => {
    const { leg } = scripted();
    const watch = new Watch(leg).take();
    leg.pause();
    leg.happen('received', 'a');
    leg.happen('received', 'b');
    expect([watch.text, leg.heldBytes, watch.log]).toEqual(['', 2, []]);
    leg.resume();
    expect(watch.text).toBe('ab');
    expect(leg.asked).toEqual(['stop', 'read']);
  });

  test('a prefix is what is held, also when the last piece has grown or was replaced by a longer one', () => {
    const peek = new PeekBuffer();
    for (const held of [['a'], ['a', 'b'], ['a', 'bc'], ['a', 'bcd', 'e']])
      expect(Buffer.from(peek.view(held.map(bytesOf))).toString()).toBe(held.join(''));
  });

  test('what a trickle costs: after many looks at one client only growth by an eighth, FIN or a full prefix is worth one', () => {
    const peek = new PeekBuffer();
    const looks: number[] = [];
    for (let bytes = 1; bytes <= sniffBytesMax; bytes += 1) if (peek.isDue(bytes, false)) looks.push(bytes);
    expect(looks.slice(0, 512)).toEqual(Array.from({ length: 512 }, (_, index) => index + 1));
    for (const [index, bytes] of looks.entries()) {
      const before = looks[index - 1] ?? 0;
      if (index >= 512 && bytes !== sniffBytesMax) expect(bytes).toBe(before + Math.ceil(before / 8));
    }
    expect(looks.at(-1)).toBe(sniffBytesMax);
    const ended = new PeekBuffer();
    for (let bytes = 1; bytes <= 520; bytes += 1) ended.isDue(bytes, false);
    expect([ended.isDue(521, false), ended.isDue(521, true)]).toEqual([false, true]);
  });

  test('what arrives when nobody takes any more is counted, and is no progress', () => {
    const clock = new StepClock();
    const leg = new ScriptedLeg(legPorts(clock));
    const watch = new Watch(leg).take();
    leg.happen('received', 'a');
    watch.leave();
    const takenAtMs = leg.lastByteAtMs;
    clock.advance(1_000);
    leg.happen('received', 'bc');
    expect([leg.receivedBytes, leg.heldBytes, leg.lastByteAtMs]).toEqual([3, 0, takenAtMs]);
  });

  test('law 4: what arrives after FIN is dropped', () => {
    const { leg } = scripted();
    const watch = new Watch(leg);
    leg.happen('received', 'a');
    leg.happen('ended');
    leg.happen('received', 'b');
    leg.happen('ended');
    watch.take();
    expect([watch.text, leg.receivedBytes, watch.log]).toEqual(['a', 1, ['held', 'ended 1', 'complete', 'ended 0']]);
  });

  test('laws 4, 8: a taker that resets the leg when its bytes complete hears no more of it', () => {
    const { leg } = scripted();
    const watch = new Watch(leg);
    leg.happen('received', 'a');
    leg.happen('ended');
    leg.bytes$.subscribe({ complete: () => leg.reset() });
    expect(watch.log).toEqual(['held', 'ended 1']);
    leg.happen('closed');
    expect(watch.log).toEqual(['held', 'ended 1', 'released']);
  });

  test('laws 1, 8: a listener that lets the leg go while kept facts are told hears no more of them', () => {
    const { leg } = scripted();
    leg.happen('received', 'a');
    leg.happen('received', 'b');
    const log: string[] = [];
    leg.facts$.subscribe((fact) => {
      log.push(fact.type);
      leg.release();
    });
    leg.happen('closed');
    expect(log).toEqual(['held', 'released']);
  });

  test('law 1: a fact that happens while kept ones are told is told after them', () => {
    const { leg } = scripted();
    leg.happen('received', 'a');
    leg.happen('received', 'b');
    const log: string[] = [];
    leg.facts$.subscribe((fact) => {
      log.push(fact.type);
      if (log.length === 1) leg.happen('ended');
    });
    expect(log).toEqual(['held', 'held', 'ended']);
  });

  test('law 3: a taker that lets the leg go in the middle of a replay gets nothing more', () => {
    const { leg } = scripted();
    leg.happen('received', 'a');
    leg.happen('received', 'b');
    let text = '';
    leg.bytes$.subscribe((chunk) => {
      text += Buffer.from(chunk).toString();
      leg.reset();
    });
    expect([text, leg.heldBytes, leg.held.length]).toEqual(['a', 0, 0]);
  });

  test('law 3: what arrives in the middle of a replay comes after what was held', () => {
    const { leg } = scripted();
    leg.happen('received', 'a');
    leg.happen('received', 'b');
    let text = '';
    leg.bytes$.subscribe((chunk) => {
      text += Buffer.from(chunk).toString();
      if (text === 'a') leg.happen('received', 'c');
    });
    expect(text).toBe('abc');
  });

  test('laws 2, 3: both FINs passed and the transport closed: what is held can still be taken', () => {
    const { leg } = scripted();
    const watch = new Watch(leg);
    leg.happen('received', 'kept');
    leg.happen('ended');
    leg.end();
    leg.happen('flushed');
    leg.happen('closed');
    expect(watch.log).toEqual(['held', 'ended 4', 'flushed', 'released']);
    watch.take();
    expect([watch.text, watch.isComplete]).toEqual(['kept', true]);
    expect(watch.facts.at(-1)).toEqual({ type: 'released' });
  });

  test('law 5: a failure that the table does not know is reported, and a failure all the same', () => {
    const { leg, ports } = scripted();
    const watch = new Watch(leg);
    class Odd extends ScriptedLeg {
      breakOddly(): void {
        this.transportFailed('EODD', 'odd');
      }
    }
    const odd = new Odd(ports);
    const oddWatch = new Watch(odd);
    odd.breakOddly();
    leg.happen('failed');
    expect(oddWatch.log).toEqual(['failed EODD']);
    expect(watch.log).toEqual(['failed ECONNRESET']);
    expect(ports.troubles).toEqual([expect.objectContaining({ event: 'code.unmapped' })]);
  });

  test('whatever happens in whatever order, the facts obey laws 2, 4, 5, 6 and 7', () => {
    const event = fc.constantFrom<Event>('received', 'ended', 'failed', 'drained', 'flushed', 'closed');
    const deed = fc.constantFrom(
      'write',
      'writeFull',
      'end',
      'pause',
      'resume',
      'take',
      'leave',
      'reset',
      'release',
      'listen',
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 3, arbitrary: event }, { weight: 4, arbitrary: deed }), { maxLength: 30 }),
        (steps) => {
          const { leg, ports } = scripted();
          let watch: Watch | null = null;
          let refusals = 0;
          let owes = false;
          for (const step of [...steps, 'listen', 'release', 'closed']) {
            switch (step) {
              case 'write':
              case 'writeFull':
                leg.takes = step === 'write';
                if (!leg.write(bytesOf('w'), 'owned')) {
                  if (!owes) refusals += 1;
                  owes = true;
                }
                break;
              case 'listen':
                watch ??= new Watch(leg);
                break;
              case 'take':
                watch?.take();
                break;
              case 'leave':
                watch?.leave();
                break;
              case 'end':
              case 'pause':
              case 'resume':
              case 'reset':
              case 'release':
                leg[step]();
                break;
              case 'received':
              case 'ended':
              case 'failed':
              case 'drained':
              case 'flushed':
              case 'closed':
                if (step === 'drained' || step === 'flushed') owes = false;
                leg.happen(step);
            }
          }
          if (watch === null) throw new Error('nobody listened');
          const kinds = watch.facts.map(({ type }) => type);
          expect(kinds.filter((type) => type === 'released')).toEqual(['released']);
          expect(kinds.at(-1)).toBe('released');
          expect(watch.isOver).toBe(true);
          const failedAt = kinds.indexOf('failed');
          if (failedAt !== -1) expect(kinds.slice(failedAt)).toEqual(['failed', 'released']);
          expect(watch.count('flushed')).toBeLessThanOrEqual(1);
          expect(watch.count('writable')).toBeLessThanOrEqual(refusals);
          const ends = watch.facts.filter((fact) => fact.type === 'ended');
          expect(ends.length).toBeLessThanOrEqual(2);
          if (ends.length === 2) expect(ends[1]?.heldBytes).toBe(0);
          expect([ports.ledger.size, ports.clock.armedCount]).toEqual([0, 0]);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
