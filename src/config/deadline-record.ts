/**
 * A record with one entry for every deadline, checked by the compiler to be complete.
 */
import type { DeadlineName } from '../machines/connection/delays.ts';

/** Calls `entry` once for each deadline, in the order of the documentation. */
export function deadlineRecord<Entry>(entry: (name: DeadlineName) => Entry): Record<DeadlineName, Entry> {
  return {
    startup: entry('startup'),
    admission: entry('admission'),
    sniff: entry('sniff'),
    serverFirst: entry('serverFirst'),
    dial: entry('dial'),
    dialBudget: entry('dialBudget'),
    queue: entry('queue'),
    backoff: entry('backoff'),
    idle: entry('idle'),
    halfClosed: entry('halfClosed'),
    halfClosedMax: entry('halfClosedMax'),
    flush: entry('flush'),
    linger: entry('linger'),
    lifetime: entry('lifetime'),
    drain: entry('drain'),
    readinessDelay: entry('readinessDelay'),
    requestHead: entry('requestHead'),
    requestBody: entry('requestBody'),
    response: entry('response'),
    keepAlive: entry('keepAlive'),
    poolIdle: entry('poolIdle'),
  };
}
