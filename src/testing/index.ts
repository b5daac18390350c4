/**
 * `sallyport/testing`: time and networks in memory, for tests of a program that embeds the proxy, and for our own.
 *
 * Re-exports only. Hand a `StepClock` and the `dial` of a `MemoryNetwork` to `createProxy`, or build legs of your own on
 * `memoryPair`. Read first: `memory-network.ts`.
 */
export { StepClock, type ArmedStep, type StepClockOptions } from './step-clock.ts';
export {
  MemoryLeg,
  memoryPair,
  noFaults,
  type LegFaults,
  type MemoryLegOptions,
  type MemoryPairOptions,
  type WireOptions,
} from './memory-leg.ts';
export type { HandshakePlan } from './memory-handshake.ts';
export { MemoryNetwork, type DialPlan, type MemoryNetworkOptions, type Serve } from './memory-network.ts';
export type { Clock, Timer, TimerTarget } from '../io/clock.ts';
export type { Dialer, DialFailure, DialWatch, Endpoint } from '../io/dialer.ts';
export { createLedger, type Ledger, type LedgerCounts, type LedgerEntry, type LegSide } from '../io/ledger.ts';
export type { LegPorts } from '../io/leg-base.ts';
export type { Address, ChunkLifetime, Handshake, Leg, LegFact } from '../io/leg.ts';
