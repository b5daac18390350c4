/**
 * A store between processes: real ones, some of which are killed.
 *
 * Part of the laws of a store: see `store-laws.ts`; what a worker does is in `../support/store-worker.ts`.
 */
import { expect, test } from 'vitest';
import type { RunningCommand } from '../support/command.ts';
import type { StoreRig } from '../support/store-rig.ts';

const races = 200;
const additions = 100;

export function describeStoreProcesses(make: () => Promise<StoreRig>): void {
  test(`law 2: of two processes that are first ${races} times, exactly one is each time`, async () => {
    await using rig = await make();
    const both = [rig.worker('claim', 'race', `${races}`), rig.worker('claim', 'race', `${races}`)];
    const lines = (await ranTogether(both)).flat();
    const store = await rig.open();
    const winners = new Map(lines.map((line) => [line.split(' ')[1], line.split(' ')[2]]));
    expect(lines).toHaveLength(races);
    expect(winners.size).toBe(races);
    for (const [at, id] of winners)
      expect(Buffer.from((await store.get(`race/${at}`))?.bytes ?? []).toString('utf8')).toBe(id);
  });

  test(`law 2: ${additions} additions by two processes lose none`, async () => {
    await using rig = await make();
    const both = [1, 2].map(() => rig.worker('count', 'number', `${additions / 2}`));
    const lines = (await ranTogether(both)).flat();
    expect(new Set(lines).size).toBe(additions);
    const found = await (await rig.open()).get('number');
    expect(Buffer.from(found?.bytes ?? []).toString('utf8')).toBe(`${additions}`);
  });

  test('law 3: the lock of a process that was killed is free when its time is over, with a greater fence', async () => {
    await using rig = await make();
    const holder = rig.worker('hold', 'lock', '60000');
    await started(holder);
    const fence = Number((await holder.line(/^fence/)).split(' ')[1]);
    holder.signal('SIGKILL');
    await holder.ended;
    expect(await (await rig.open()).lock('lock', 1_000)).toBe(null);
    const next = await (await rig.open(60_001)).lock('lock', 1_000);
    expect(next?.fence).toBeGreaterThan(fence);
  });

  test('laws 1 and 5: a process that is killed in the middle of its writes leaves a whole value, and others write on', async () => {
    await using rig = await make();
    const store = await rig.open();
    for (let round = 0; round < 4; round += 1) {
      const worker = rig.worker('scribble', 'key');
      await started(worker);
      await worker.line(new RegExp(`^wrote ${3 + round * 5}$`));
      worker.signal('SIGKILL');
      await worker.ended;
      const bytes = (await store.get('key'))?.bytes ?? new Uint8Array(1);
      expect((bytes.length - 1_000) % 40_000).toBe(0);
      expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
      expect(await store.put('key', Buffer.alloc(1_000, 97))).not.toBe(null);
    }
  });
}

async function started(worker: RunningCommand): Promise<void> {
  await worker.line(/^ready$/);
  worker.type('go\n');
}

/** Everything but `ready` that they said, once all of them have ended well. */
async function ranTogether(workers: readonly RunningCommand[]): Promise<readonly (readonly string[])[]> {
  await Promise.all(workers.map((worker) => worker.line(/^ready$/)));
  for (const worker of workers) worker.type('go\n');
  const ended = await Promise.all(workers.map((worker) => worker.ended));
  expect(ended.map(({ exitCode, err }) => [exitCode, err])).toEqual(workers.map(() => [0, '']));
  return ended.map(({ out }) => out.split('\n').filter((line) => line !== '' && line !== 'ready'));
}
