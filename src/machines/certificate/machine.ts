/**
 * The life of the certificate for one set of names: looked for, ordered, renewed, for as long as the names are wanted.
 *
 * Decides: when to order, how long each step may take, how long to wait after a failure, and that a certificate which
 * serves goes on serving: VALID is entered with the first one and left only to retire. An order exists in ISSUING and
 * RENEWING alone, and exactly there the lock of the name set is held or being claimed.
 * Must never do: hold a key or a certificate, read a clock, contain a function. Read first: docs/statecharts/certificate.md.
 */
import { assign, emit, setup } from 'xstate';
import type { ChartArgs, Registries } from '../chart/registries.ts';
import { typed } from '../chart/typed.ts';
import {
  guards,
  initialCertificateContext,
  updates,
  type CertificateContext,
  type CertificateInput,
} from './context.ts';
import { delays } from './delays.ts';
import type { CertificateCommand, CertificateFact } from './events.ts';

type Args = ChartArgs<CertificateContext, CertificateFact>;

const commands = {
  lookInStore: (): CertificateCommand => ({ type: 'lookInStore' }),
  claimLock: (): CertificateCommand => ({ type: 'claimLock' }),
  releaseLock: (): CertificateCommand => ({ type: 'releaseLock' }),
  openOrder: (): CertificateCommand => ({ type: 'openOrder' }),
  publishChallenges: (): CertificateCommand => ({ type: 'publishChallenges' }),
  withdrawChallenges: (): CertificateCommand => ({ type: 'withdrawChallenges' }),
  askOrder: (): CertificateCommand => ({ type: 'askOrder' }),
  finaliseOrder: (): CertificateCommand => ({ type: 'finaliseOrder' }),
  fetchCertificate: (): CertificateCommand => ({ type: 'fetchCertificate' }),
  saveCertificate: (): CertificateCommand => ({ type: 'saveCertificate' }),
  serveCertificate: (): CertificateCommand => ({ type: 'serveCertificate' }),
  deferOthers: ({ context }: Args): CertificateCommand => ({
    type: 'deferOthers',
    failures: context.failures + context.unreached,
    waitMs: context.waitMs,
  }),
  checkRenewal: (): CertificateCommand => ({ type: 'checkRenewal' }),
  askAdvice: (): CertificateCommand => ({ type: 'askAdvice' }),
  cancelStep: (): CertificateCommand => ({ type: 'cancelStep' }),
} as const;

export const certificateRegistries: Registries<CertificateContext, CertificateFact, CertificateCommand> = {
  updates,
  commands,
  guards,
  delays,
};

const base = setup({
  types: {
    context: typed<CertificateContext>(),
    events: typed<CertificateFact>(),
    input: typed<CertificateInput>(),
    emitted: typed<CertificateCommand>(),
  },
  actions: {
    countFailure: assign(updates.countFailure),
    countUnreached: assign(updates.countUnreached),
    rememberDeferral: assign(updates.rememberDeferral),
    countWait: assign(updates.countWait),
    forgetFailures: assign(updates.forgetFailures),
    forgetPolls: assign(updates.forgetPolls),
    countPoll: assign(updates.countPoll),
    drawLockRetry: assign(updates.drawLockRetry),
    rememberRenewal: assign(updates.rememberRenewal),
    restFirst: assign(updates.restFirst),
    lookInStore: emit(commands.lookInStore),
    claimLock: emit(commands.claimLock),
    releaseLock: emit(commands.releaseLock),
    openOrder: emit(commands.openOrder),
    publishChallenges: emit(commands.publishChallenges),
    withdrawChallenges: emit(commands.withdrawChallenges),
    askOrder: emit(commands.askOrder),
    finaliseOrder: emit(commands.finaliseOrder),
    fetchCertificate: emit(commands.fetchCertificate),
    saveCertificate: emit(commands.saveCertificate),
    serveCertificate: emit(commands.serveCertificate),
    deferOthers: emit(commands.deferOthers),
    checkRenewal: emit(commands.checkRenewal),
    askAdvice: emit(commands.askAdvice),
    cancelStep: emit(commands.cancelStep),
  },
  guards,
  delays: {
    storeAnswer: () => delays.storeAnswer(),
    ordering: () => delays.ordering(),
    challenging: () => delays.challenging(),
    finalising: () => delays.finalising(),
    request: () => delays.request(),
    advice: () => delays.advice(),
    check: () => delays.check(),
    poll: ({ context }) => delays.poll(context),
    lockRetry: ({ context }) => delays.lockRetry(context),
    recheck: ({ context }) => delays.recheck(context),
    backOff: ({ context }) => delays.backOff(context),
  },
});

/** Where one attempt at a certificate lives: inside MISSING, or inside VALID while an older certificate serves. */
interface Home {
  readonly side: 'MISSING' | 'VALID';
  readonly attempt: 'MISSING.ISSUING' | 'VALID.RENEWING';
}

const missing: Home = { side: 'MISSING', attempt: 'MISSING.ISSUING' };
const valid: Home = { side: 'VALID', attempt: 'VALID.RENEWING' };

function at<Path extends string>(path: Path) {
  return `#certificate.${path}` as const;
}

/** The attempt is over; whatever serves, serves on. */
function backOff({ side }: Home) {
  return { target: at(`${side}.BACKING_OFF`), actions: ['countFailure', 'deferOthers'] } as const;
}

/** Nothing was ordered, so the next attempt may come soon. */
function tryAgainSoon({ side }: Home) {
  return { target: at(`${side}.BACKING_OFF`), actions: ['countUnreached', 'deferOthers'] } as const;
}

function defer({ side }: Home) {
  return { target: at(`${side}.BACKING_OFF`), actions: 'rememberDeferral' } as const;
}

/** A certificate serves, and the next question is when to renew it; not at once, lest a clock that is wrong orders for ever. */
const serve = {
  target: at('VALID.SETTLED'),
  actions: ['forgetFailures', 'restFirst', 'serveCertificate'],
} as const;

/** What was issued serves although it is written nowhere. The order is over: the next attempt writes, and does not order. */
const serveUnsaved = {
  target: at('VALID.BACKING_OFF'),
  actions: ['countFailure', 'deferOthers', 'serveCertificate'],
} as const;

/** When one attempt at a certificate runs. Resource: the lock of the name set, from CLAIMING on. */
function attempt(home: Home) {
  const failed = backOff(home);
  const inside = <Name extends string>(name: Name) => at(`${home.attempt}.${name}`);
  return base.createStateConfig({
    initial: 'CLAIMING',
    entry: 'forgetPolls',
    exit: 'releaseLock',
    on: { 'attempt.failed': failed, 'lock.lost': failed },
    states: {
      /** When the lock has been asked for. */
      CLAIMING: {
        entry: 'claimLock',
        after: { storeAnswer: failed },
        on: { 'lock.granted': 'CONFIRMING', 'lock.refused': at(`${home.side}.WAITING_FOR_LOCK`) },
      },
      /** When it is ours, and whoever had it before may have left a certificate, or a failure to learn from. */
      CONFIRMING: {
        entry: 'lookInStore',
        exit: 'cancelStep',
        after: { storeAnswer: failed },
        on: { 'certificate.found': serve, 'certificate.absent': 'ORDERING', 'attempt.deferred': defer(home) },
      },
      /** When an order is being made, or an earlier one looked at. Resource: + the order. */
      ORDERING: {
        entry: 'openOrder',
        exit: 'cancelStep',
        after: { ordering: failed },
        on: {
          'order.opened': 'CHALLENGING',
          'order.ready': 'FINALISING',
          'order.pending': { target: inside('FINALISING.WAITING'), actions: 'countPoll' },
          'order.issued': inside('FINALISING.FETCHING'),
          'certificate.issued': 'SAVING',
          'authority.unreached': tryAgainSoon(home),
        },
      },
      /** When names are being proved. Resource: + the challenges' answers. */
      CHALLENGING: {
        initial: 'PUBLISHING',
        exit: ['withdrawChallenges', 'forgetPolls'],
        after: { challenging: failed },
        on: { 'order.ready': 'FINALISING' },
        states: {
          PUBLISHING: {
            entry: 'publishChallenges',
            exit: 'cancelStep',
            on: { 'challenges.published': 'ASKING' },
          },
          ASKING: {
            entry: 'askOrder',
            exit: 'cancelStep',
            after: { request: failed },
            on: { 'order.pending': { target: 'WAITING', actions: 'countPoll' } },
          },
          WAITING: { after: { poll: 'ASKING' } },
        },
      },
      /** When every name is proved, and the CA signs. */
      FINALISING: {
        initial: 'REQUESTING',
        after: { finalising: failed },
        states: {
          REQUESTING: {
            entry: 'finaliseOrder',
            exit: 'cancelStep',
            after: { request: failed },
            on: { 'order.pending': { target: 'WAITING', actions: 'countPoll' }, 'order.issued': 'FETCHING' },
          },
          WAITING: { after: { poll: 'ASKING' } },
          ASKING: {
            entry: 'askOrder',
            exit: 'cancelStep',
            after: { request: failed },
            on: {
              'order.pending': { target: 'WAITING', actions: 'countPoll' },
              'order.issued': 'FETCHING',
              'order.ready': 'REQUESTING',
            },
          },
          FETCHING: {
            entry: 'fetchCertificate',
            exit: 'cancelStep',
            after: { request: failed },
            on: { 'certificate.issued': inside('SAVING') },
          },
        },
      },
      /** When certificate and key are being written, together. */
      SAVING: {
        entry: 'saveCertificate',
        exit: 'cancelStep',
        after: { storeAnswer: serveUnsaved },
        on: { 'certificate.saved': serve, 'attempt.failed': serveUnsaved, 'lock.lost': serveUnsaved },
      },
    },
  });
}

/** When somebody else orders. */
function waitingForLock({ attempt: next }: Home) {
  return base.createStateConfig({
    entry: 'drawLockRetry',
    after: { lockRetry: at(next) },
    on: { 'certificate.found': serve },
  });
}

/** When an attempt failed and the next one has to wait. */
function backingOff({ side, attempt: next }: Home) {
  return base.createStateConfig({
    after: {
      backOff: [
        { guard: 'hasMoreToWait', target: at(`${side}.BACKING_OFF`), reenter: true, actions: 'countWait' },
        { target: at(next) },
      ],
    },
    on: { 'certificate.found': serve },
  });
}

/** When no certificate has been there yet. */
const MISSING = base.createStateConfig({
  initial: 'LOOKING',
  states: {
    /** When the store has been asked for the certificate of an earlier run. */
    LOOKING: {
      entry: 'lookInStore',
      exit: 'cancelStep',
      after: { storeAnswer: backOff(missing) },
      on: {
        'certificate.found': serve,
        'certificate.absent': 'ISSUING',
        'attempt.deferred': defer(missing),
        'attempt.failed': backOff(missing),
      },
    },
    ISSUING: attempt(missing),
    WAITING_FOR_LOCK: waitingForLock(missing),
    BACKING_OFF: backingOff(missing),
  },
});

/** When a certificate serves. Nothing but retirement leads out of it. */
const VALID = base.createStateConfig({
  initial: 'CHECKING',
  states: {
    /** When the wall clock is being looked at. */
    CHECKING: {
      entry: 'checkRenewal',
      after: { check: 'SETTLED' },
      on: {
        'renewal.due': 'RENEWING',
        'renewal.later': { target: 'SETTLED', actions: 'rememberRenewal' },
        'advice.due': 'ADVISING',
      },
    },
    /** When the CA has been asked when to renew. */
    ADVISING: {
      entry: 'askAdvice',
      exit: 'cancelStep',
      after: { advice: 'CHECKING' },
      on: { 'advice.settled': 'CHECKING', 'certificate.found': serve },
    },
    /** When there is nothing to do until the renewal, or until the clock is looked at again. */
    SETTLED: { after: { recheck: 'CHECKING' }, on: { 'certificate.found': serve } },
    RENEWING: attempt(valid),
    WAITING_FOR_LOCK: waitingForLock(valid),
    BACKING_OFF: backingOff(valid),
  },
});

/** The chart of one name set's certificate. */
export const certificateMachine = base.createMachine({
  id: 'certificate',
  context: ({ input }) => initialCertificateContext(input),
  initial: 'MISSING',
  on: { 'retire.requested': at('RETIRED') },
  states: { MISSING, VALID, RETIRED: { type: 'final' } },
});
