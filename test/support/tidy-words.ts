/**
 * Words that must not be in the source, each with what to write instead.
 *
 * Patterns see code only: comments and the insides of strings are blanks. A word has a home where it has to be used; a home
 * that no longer needs its exemption is reported too. Read first: `tidy-source.ts`.
 */
import { lineOf, type SourceFile } from './tidy-source.ts';

export interface WordRule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly instead: string;
  /** Which files it holds for. */
  readonly where: (path: string) => boolean;
  /** File to the reason why it may. */
  readonly homes: Readonly<Record<string, string>>;
  /** Proof that the rule can fail, and that it does not fail for nothing. */
  readonly bad: string;
  readonly good: string;
}

const inSource = (path: string) => path.startsWith('src/');
const inTests = (path: string) => path.startsWith('test/');
const everywhere = () => true;
const inPureCharts = (path: string) => /^src\/machines\/(?:connection|exchange|pooled)\//.test(path);
const none = {};

export const wordRules: readonly WordRule[] = [
  {
    name: 'timers',
    pattern: /(?<![.\w])set(?:Timeout|Interval)\s*\(/g,
    instead: 'a deadline in a chart, or `clock.arm`',
    where: inSource,
    homes: {
      'src/io/clock.ts': 'the one timer of the process',
      'src/machines/chart/actor-clock.ts': 'the shape XState asks of a clock; it arms ours',
      'src/io/socket-like.ts': 'a method of that name, which Node says to every socket; it does nothing',
    },
    bad: 'setTimeout(() => {}, 5);',
    good: 'clock.arm(5, this, 0); // not setTimeout(',
  },
  {
    name: 'socket timers',
    pattern: /\.setTimeout\s*\(|\bAbortSignal\s*\.\s*timeout\b/g,
    instead: 'a deadline in a chart',
    where: inSource,
    homes: none,
    bad: 'socket.setTimeout(5);',
    good: 'socket.setNoDelay(true);',
  },
  {
    name: 'the time',
    pattern: /\b(?:Date|performance)\s*\.\s*now\b|\bnew Date\(\)|\bprocess\s*\.\s*hrtime\b/g,
    instead: '`clock.nowMs()` or `clock.wallMs()` of the clock that is handed in',
    where: inSource,
    homes: { 'src/io/clock.ts': 'the one place that knows what time it is' },
    bad: 'const startedMs = Date.now();',
    good: 'const startedMs = clock.nowMs();',
  },
  {
    name: 'chance',
    pattern: /\bMath\s*\.\s*random\b|\brandomBytes\b|\brandomInt\b/g,
    instead: 'the `random` that is handed in',
    where: inSource,
    homes: {
      'src/proxy-runtime.ts': 'the default of the dependency `random`',
      'src/io/authentication/password.ts': 'the salt of a new password hash, which nobody may guess',
      'src/io/tls/ticket-keys.ts': 'the key of session tickets, which nobody may guess',
    },
    bad: 'if (Math.random() < 0.5) return;',
    good: 'if (random() < 0.5) return;',
  },
  {
    name: 'any',
    pattern: /[:<,|&=(]\s*any\b(?!\s*[(:.=])|\bany\[\]/g,
    instead: '`unknown`, and narrow it',
    where: everywhere,
    homes: none,
    bad: 'function read(value: any): void {}',
    good: 'const any = list.some(isOpen); await Promise.any(all);',
  },
  {
    name: 'casts',
    pattern: /(?<=[\w)\]}>'"`]\s+)as\s+(?!const\b)[\w({[<]/g,
    instead: 'a type guard, or `satisfies`',
    where: everywhere,
    homes: none,
    bad: 'const port = value as number;',
    good: "import * as net from 'node:net';\nimport { a as b } from './a.ts';\nconst names = ['a'] as const;",
  },
  {
    name: 'non-null assertions',
    pattern: /[\w)\]]!(?=[.,;:)\]\s([])(?!\s*=)/g,
    instead: 'a check, or a type that cannot be null',
    where: everywhere,
    homes: none,
    bad: 'const first = list[0]!;',
    good: 'if (a !== b && !isOpen) return !c;',
  },
  {
    name: 'enums, namespaces',
    pattern: /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?(?:enum|namespace)\s+\w+\s*\{/gm,
    instead: 'a union of names; a module',
    where: everywhere,
    homes: none,
    bad: 'export enum State { OPEN }',
    good: "type State = 'OPEN'; const enumerated = 1;",
  },
  {
    name: 'subscriptions',
    pattern: /\.subscribe\s*\(/g,
    instead: 'a subscription in the shell, made beside the ledger entry and ended with it',
    where: inSource,
    homes: {
      'src/io/connection.ts': 'the facts of both legs, ended in CLOSED',
      'src/io/dialling.ts': 'the dial of a connection, ended with its attempt',
      'src/io/http/claiming.ts': 'the dial of an exchange, ended with its attempt',
      'src/io/http/http1-service.ts': 'the bytes of an HTTP client, ended in CLOSED',
      'src/io/http/http1-upstream.ts': 'the bytes of an upstream connection, ended with its leg',
      'src/io/http/pooled-connection.ts': 'the facts of an upstream leg, ended in CLOSED',
      'src/io/splice.ts': 'the bytes of one direction',
      'src/io/dialing/tunnel-dialing.ts': 'a dial and the facts of its leg, until the tunnel is open',
      'src/io/dialing/custom-dialing.ts': 'what a dialer of the embedder’s emits, ended with the dial',
      'src/io/tls/secure-dialing.ts': 'a dial and the facts of its leg, until that is secured',
      'src/io/http/http2-transport.ts': 'the bytes of a leg, into an HTTP/2 session',
      'src/io/endpoints/checking.ts': 'one check of an endpoint, ended with it',
      'src/io/refusing.ts': 'the bytes of a refused client, dropped',
      'src/proxy-life.ts': 'the proxy’s own actor and its listeners',
      'src/proxy-connections.ts': 'what the embedder subscribes to, passed on',
      'src/observe/contained-observable.ts': 'passes a subscription on with its callbacks contained',
      'src/machines/chart/actor-chart.ts': 'the actor it wraps',
      'src/cli/reachability.ts': 'one dial to see whether an upstream answers',
    },
    bad: 'leg.facts$.subscribe(next);',
    good: 'subscribe(next: () => void): void;',
  },
  {
    name: 'the console',
    pattern: /\bconsole\s*\.\s*\w+/g,
    instead: 'the logger that is handed in',
    where: (path) => inSource(path) && !path.startsWith('src/cli/'),
    homes: none,
    bad: "console.log('here');",
    good: "logger.log('info', {}, 'here');",
  },
  {
    name: 'the end of the process',
    pattern: /\bprocess\s*\.\s*(?:exit|abort|kill)\b/g,
    instead: 'an exit code that the command returns',
    where: inSource,
    homes: { 'src/cli/main.ts': 'the one end of the process' },
    bad: 'process.exit(1);',
    good: 'process.exitCode = 1;',
  },
  {
    name: 'blocking calls',
    pattern:
      /\b(?:execSync|spawnSync|execFileSync|readFileSync|writeFileSync|readdirSync)\s*\(|\bAtomics\s*\.\s*wait\b/g,
    instead: 'the asynchronous form: the event loop carries every connection',
    where: (path) => inSource(path) && !path.startsWith('src/cli/'),
    homes: { 'src/observe/log-destination.ts': 'the last lines of a process that ends, within half a second' },
    bad: "readFileSync('a');",
    good: "await readFile('a');",
  },
  {
    name: 'children of charts',
    pattern:
      /\b(?:invoke\s*:|spawn(?:Child)?\s*\(|stopChild\s*\(|sendTo\s*\(|enqueueActions\s*\(|fromCallback\s*\(|fromPromise\s*\()/g,
    instead: 'a command: entry asks for a thing, exit cancels it',
    where: inPureCharts,
    homes: none,
    bad: "invoke: { src: 'dialer' },",
    good: "entry: 'dial', exit: 'cancelDial',",
  },
  {
    name: 'inline functions in charts',
    pattern: /\b(?:entry|exit|actions|guard|target)\s*:\s*(?:\[\s*)?(?:async\s*)?(?:\([^)]*\)|\w+)\s*=>/g,
    instead: 'a name, and the function in `updates.ts` or `commands.ts`',
    where: (path) => path.startsWith('src/machines/'),
    homes: none,
    bad: 'entry: ({ context }) => context.id,',
    good: "entry: 'recordId', actions: [{ type: 'because' }],",
  },
  {
    name: 'fake time in tests',
    pattern: /\bvi\s*\.\s*(?:useFakeTimers|mock|doMock|stubGlobal|setSystemTime)\b/g,
    instead: 'a step clock or a double that is handed in',
    where: inTests,
    homes: none,
    bad: 'vi.useFakeTimers();',
    good: 'const clock = new StepClock();',
  },
  {
    name: 'sleeps and chance in tests',
    pattern: /(?<![.\w])set(?:Timeout|Interval)\s*\(|\bMath\s*\.\s*random\b|\bDate\s*\.\s*now\b/g,
    instead: 'a step clock, a seed from `test/support/fuzz.ts`, or wait for the fact itself',
    where: (path) => inTests(path) && !path.startsWith('test/support/'),
    homes: none,
    bad: 'await new Promise((resolve) => setTimeout(resolve, 10));',
    good: 'await clock.advance(10);',
  },
  {
    name: 'snapshots of prose',
    pattern: /\.toMatch(?:Inline|File)?Snapshot\s*\(/g,
    instead: 'the sentence, written out',
    where: inTests,
    homes: none,
    bad: 'expect(text).toMatchSnapshot();',
    good: 'expect(text).toBe(sentence);',
  },
  {
    name: 'tests that are left out',
    pattern: /\b(?:test|it|describe)\s*\.\s*(?:only|skip|todo|skipIf|runIf|fails)\b/g,
    instead: '`peerTest`, which says what is missing; or finish it',
    where: inTests,
    homes: { 'test/support/peers.ts': 'skips by name what needs a program that is not installed' },
    bad: "test.only('x', run);",
    good: "test('x', run);",
  },
];

/** What is in a file that must not be. */
export function wordProblems(file: SourceFile, rules: readonly WordRule[] = wordRules): readonly string[] {
  return rules
    .filter((rule) => rule.where(file.path) && !Object.hasOwn(rule.homes, file.path))
    .flatMap((rule) =>
      uses(file, rule).map((at) => `${file.path}:${lineOf(file.text, at)}: ${rule.name}: write ${rule.instead}`),
    );
}

/** Exemptions that nothing needs any more. */
export function staleHomes(files: readonly SourceFile[], rules: readonly WordRule[] = wordRules): readonly string[] {
  return rules.flatMap((rule) =>
    Object.keys(rule.homes)
      .filter((home) => !files.some((file) => file.path === home && uses(file, rule).length > 0))
      .map((home) => `${home} does not need its exemption from "${rule.name}" any more`),
  );
}

function uses(file: SourceFile, rule: WordRule): readonly number[] {
  return [...withoutRenames(file.code).matchAll(rule.pattern)].map((match) => match.index);
}

/** `as` renames in imports and exports; it is a cast everywhere else. */
function withoutRenames(code: string): string {
  const blanked = (text: string) => text.replaceAll(/\bas\b/g, '  ');
  return code.replaceAll(/\b(?:import|export)\s+(?:type\s+)?(?:\{[^}]*\}|\*\s*as\s+\w+)/g, blanked);
}

/** Comments that silence a checker; these are looked for in the text. */
const silencers =
  /@ts-(?:ignore|nocheck|expect-error)|(?:oxlint|eslint)-disable|v8 ignore|oxfmt-ignore|prettier-ignore/g;

export function silencerProblems({ path, text, code }: SourceFile): readonly string[] {
  return [...text.matchAll(silencers)]
    .filter(({ index }) => code.charAt(index) === ' ')
    .filter(({ index }) => isInComment(text, index))
    .map(({ index }) => `${path}:${lineOf(text, index)}: silenced a checker: mend what it says`);
}

function isInComment(text: string, at: number): boolean {
  const line = text.slice(text.lastIndexOf('\n', at) + 1, at);
  return /^\s*(?:\/\/|\/\*|\*)/.test(line) || /\s\/\/\s*$|\s\/\*\s*$/.test(line);
}
