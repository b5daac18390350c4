/**
 * The proxy's own deadlines on a step clock: whatever listeners and systems do, starting, draining and stopping end.
 */
import { createActor } from 'xstate';
import { describe, expect, test } from 'vitest';
import { actorClock } from '../../src/machines/chart/actor-clock.ts';
import { proxyMachine, type ProxyCommand, type ProxyFact } from '../../src/machines/proxy/machine.ts';
import { StepClock } from '../../src/testing/index.ts';

/** The proxy machine with nobody to answer its commands. */
function unanswered(...facts: readonly ProxyFact[]) {
  const clock = new StepClock();
  const commands: ProxyCommand['type'][] = [];
  const actor = createActor(proxyMachine, {
    clock: actorClock(clock),
    input: { startupMs: 30_000, drainMs: 20_000, releaseMs: 5_000 },
  });
  actor.on('*', ({ type }) => commands.push(type));
  actor.start();
  for (const fact of facts) actor.send(fact);
  return { clock, commands, actor };
}

describe('the proxy machine', () => {
  test('T04, T15: a start that is never answered ends at the startup deadline, and closes what was bound', () => {
    const { clock, commands, actor } = unanswered({ type: 'start.requested' });
    clock.advance(29_999);
    expect(actor.getSnapshot().value).toBe('STARTING');
    clock.advance(1);
    expect(actor.getSnapshot().value).toBe('KILLING');
    clock.advance(10_000);
    expect(actor.getSnapshot().status).toBe('done');
    expect(commands).toEqual(['bindListeners', 'closeListeners', 'killConnections', 'closeListeners', 'awaitRelease']);
    expect(clock.armedCount).toBe(0);
  });

  test('T15: a drain that nobody finishes kills at its deadline, and is over after the release deadline', () => {
    const { clock, commands, actor } = unanswered(
      { type: 'start.requested' },
      { type: 'listeners.bound' },
      { type: 'drain.requested', timeoutMs: 700 },
    );
    clock.advance(699);
    expect(actor.getSnapshot().matches('DRAINING')).toBe(true);
    clock.advance(1);
    expect(commands).toEqual([
      'bindListeners',
      'closeListeners',
      'drainConnections',
      'closeListeners',
      'killConnections',
    ]);
    clock.advance(10_000);
    expect(actor.getSnapshot().status).toBe('done');
    expect(clock.armedCount).toBe(0);
  });

  test('a second request ends a drain sooner, and repeats no command', () => {
    const { clock, commands, actor } = unanswered(
      { type: 'start.requested' },
      { type: 'listeners.bound' },
      { type: 'drain.requested', timeoutMs: 700 },
    );
    clock.advance(100);
    actor.send({ type: 'drain.requested', timeoutMs: 50 });
    clock.advance(49);
    expect(actor.getSnapshot().matches('DRAINING')).toBe(true);
    clock.advance(1);
    expect(actor.getSnapshot().value).toBe('KILLING');
    expect(commands.filter((command) => command === 'drainConnections')).toHaveLength(1);
  });

  test('from every state but the idle and the running one, deadlines alone lead to STOPPED', () => {
    for (const facts of [
      [{ type: 'start.requested' }],
      [{ type: 'start.requested' }, { type: 'listeners.failed' }],
      [{ type: 'start.requested' }, { type: 'listeners.bound' }, { type: 'drain.requested', timeoutMs: 5 }],
      [
        { type: 'start.requested' },
        { type: 'listeners.bound' },
        { type: 'drain.requested', timeoutMs: 5 },
        { type: 'connections.closed' },
      ],
    ] as const) {
      const { clock, actor } = unanswered(...facts);
      clock.advance(100_000);
      expect(actor.getSnapshot().status).toBe('done');
      expect(clock.armedCount).toBe(0);
    }
  });
});
