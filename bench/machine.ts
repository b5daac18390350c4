/**
 * The facts of the machine that a reader needs to place the figures. Names and numbers, no paths and no host name.
 */
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

export function machineFacts(generator: 'c' | 'node', isPinned: boolean): Record<string, string | number> {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGB: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.versions.node,
    v8: process.versions.v8,
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
    generator,
    pinning: isPinned ? 'subject on core 0, load and backend on core 1' : 'none',
  };
}
