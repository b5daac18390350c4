/**
 * The requirements that are built, by id: each must be named at the head of the title of a test that proves it.
 *
 * A title begins with its ids: `test('L13, L17: …')`. Names of tests from other projects that were taken over count alike.
 */

function range(letter: string, from: number, to: number): readonly string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => `${letter}${String(from + at).padStart(2, '0')}`);
}

const lifecycle = range('L', 1, 42);
const deadlines = range('T', 1, 15);
const limits = range('C', 1, 7);
const sniffing = range('M', 1, 10);
/** Routes that change at run time (R05) are not built yet. */
const routing = ['R01', 'R02', 'R03', 'R04', ...range('R', 6, 11)];
const http = range('H', 1, 7);
const handlers = range('K', 1, 4);
const security = range('X', 1, 9);
const upstreams = range('B', 1, 5);
const proxyProtocol = range('P', 1, 8);
const certificates = range('S', 1, 9);
const library = [...range('A', 1, 6), 'A08'];

/** The tests that the older implementations of the same ideas had, under the names they had there. */
const olderTests = [
  'TestAcceptMuxNotBlockedByIdleConnection',
  'TestTryClaimConnection_HonorsLimit',
  'TestTryClaimConnection_AtomicUnderRace',
  'TestTryClaimConnection_ZeroCapAlwaysFails',
  'TestHalfCloseWrite_UnwrapsIdleConn',
  'TestHalfCloseWrite_ReturnsFalseForNonHalfCloser',
  'TestProxyConnections_HalfClosesOnEOF',
  'TestLoadConfig/dial_timeout_',
  'TestConnectionLimit',
  'test.router',
  'test.smartproxy',
  'socket-error-handling.node',
  'rapid-retry-cleanup.node',
  'connect-disconnect-cleanup.node',
  'proxy-chain-cleanup.node',
  'proxy-chaining-accumulation.node',
  'forwarding-error-fix.node',
  'http-fix-unit',
  'socket-handler-race',
  'route-security-unit',
  'acme-timing-simple',
];

export const requirementIds: readonly string[] = [
  ...lifecycle,
  ...deadlines,
  ...limits,
  ...sniffing,
  ...routing,
  ...http,
  ...handlers,
  ...security,
  ...upstreams,
  ...proxyProtocol,
  ...certificates,
  ...library,
  ...olderTests,
];

/** How many tests a name stands for; 1 where it is not here. */
export const testsWanted: Readonly<Record<string, number>> = { 'TestLoadConfig/dial_timeout_': 4 };

/** The ids a title begins with: `L13` and `L17` of `L13, L17: dial is aborted`; a colon may stand between them too. */
export function idsOf(title: string): readonly string[] {
  const head = titleHead.exec(title)?.groups?.['head'];
  return head === undefined ? [] : head.split(/[,:] /);
}

const titleHead =
  /^(?<head>(?:(?:^|, |: )(?:[A-Z]\d\d|[Tt]est[\w./-]+|[\w-]+\.node|http-fix-unit|socket-handler-race|route-security-unit|acme-timing-simple))+): /;
