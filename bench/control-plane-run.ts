/**
 * Runs `control-plane.ts` once for each interpreter and reads what it prints.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import type { Results } from './results.ts';

const costSchema = z.object({ lifecycleMicroseconds: z.number(), heapBytes: z.number() });

/** @throws Error with the child's own words when it fails. */
export function measureControlPlane(core: number | null): Results['controlPlane'] {
  return ['compiled', 'xstate'].map((interpreter) => {
    const command = [process.execPath, '--expose-gc', join(import.meta.dirname, 'control-plane.ts'), interpreter];
    const [file = '', ...args] = core === null ? command : ['taskset', '-c', String(core), ...command];
    const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 30_000 });
    if (status !== 0) throw new Error(`control plane, ${interpreter}: ${stderr.slice(-600)}`);
    return { interpreter, ...costSchema.parse(JSON.parse(stdout)) };
  });
}
