/**
 * HALF_CLOSED: the states in which one direction is over, or both are and what was written is still being sent.
 *
 * Decides: what is still waited for, and for how long. `completed` is recorded here and nowhere else, when everything was
 * handed over: until then the end may still turn out to be a cut.
 * Read first: `machine.ts`, docs/statecharts/close-matrix.md.
 */
import { base, CLOSED, close, closeAsTold } from './setup.ts';

/** When the client sent FIN; the other side may still speak. */
const DOWNSTREAM_ENDED = base.createStateConfig({
  after: { halfClosed: close('timeout.halfClosed') },
  on: {
    'bytes.flowed': { target: 'DOWNSTREAM_ENDED', reenter: true, actions: 'rememberQuiet' },
    'upstream.ended': { target: 'FLUSHING', actions: ['forgetQuiet', 'endDownstream'] },
    'upstream.failed': closeAsTold,
    'downstream.failed': { target: 'FLUSHING', actions: ['recordGivenReason', 'forgetQuiet', 'discardUpstream'] },
  },
});

/** When the upstream or the handler has ended; the client may still speak. */
const UPSTREAM_ENDED = base.createStateConfig({
  after: { halfClosed: close('timeout.halfClosed') },
  on: {
    'bytes.flowed': { target: 'UPSTREAM_ENDED', reenter: true, actions: 'rememberQuiet' },
    'downstream.ended': { target: 'FLUSHING', actions: ['forgetQuiet', 'endUpstream'] },
    'downstream.failed': closeAsTold,
    'upstream.failed': { target: 'FLUSHING', actions: ['recordGivenReason', 'forgetQuiet', 'discardDownstream'] },
  },
});

/** When nothing more is to come that anybody wants, and what was taken is still being written. */
const FLUSHING = base.createStateConfig({
  after: { flush: close('timeout.flush') },
  on: {
    'bytes.flowed': { target: 'FLUSHING', reenter: true, actions: 'rememberQuiet' },
    'splice.flushed': { target: CLOSED, actions: 'recordCompletion' },
    'downstream.failed': { actions: ['recordGivenReason', 'discardUpstream'] },
    'upstream.failed': { actions: ['recordGivenReason', 'discardDownstream'] },
  },
});

/** When the HTTP service is over and what it wrote is still being sent. */
const FINISHING = base.createStateConfig({
  after: { flush: close('timeout.flush') },
  on: {
    'bytes.flowed': { target: 'FINISHING', reenter: true, actions: 'rememberQuiet' },
    'service.flushed': { target: 'LINGERING', actions: 'recordCompletion' },
    'service.failed': closeAsTold,
    'downstream.failed': closeAsTold,
  },
});

/** When the client has everything, and gets `linger` to end its side instead of a reset. */
const LINGERING = base.createStateConfig({
  after: { linger: CLOSED },
  on: { 'downstream.ended': CLOSED, 'downstream.failed': CLOSED },
});

/** When the client is told no, and gets `linger` to read it instead of a reset. */
const REFUSING = base.createStateConfig({
  entry: 'refuse',
  after: { linger: CLOSED },
  on: { 'splice.flushed': CLOSED, 'downstream.failed': CLOSED, 'refusal.skipped': CLOSED },
});

/** When one direction is finished, or both are and bytes are being flushed, or a refusal is being delivered. */
export const HALF_CLOSED = base.createStateConfig({
  entry: 'forgetQuiet',
  initial: 'FLUSHING',
  after: { lifetime: close('timeout.lifetime'), halfClosedMax: close('timeout.halfClosedMax') },
  states: { DOWNSTREAM_ENDED, UPSTREAM_ENDED, FLUSHING, FINISHING, LINGERING, REFUSING },
});
