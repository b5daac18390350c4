/**
 * `npm run test:soak -- --minutes 5`: what takes longer than `npm test` or needs public suites that are not on npm.
 *
 * Everything runs against real sockets, with the proxy in this process. `--only keep-alive,websocket` chooses,
 * `--interpreter xstate` changes the interpreter, `--seed` repeats the choices of a run, though not its timing.
 * Must never do: end with 0 when anything was wrong. A suite that is not installed is named, and is no failure.
 */
import { parseArgs } from 'node:util';
import { openFileCount } from '../src/io/fd-limit.ts';
import { isMain } from './generated.ts';
import { autobahn } from './soak/autobahn.ts';
import { h2spec } from './soak/h2spec.ts';
import { keepAlive } from './soak/keep-alive.ts';
import { becomes, Report, seededRandom, type Soak, type SoakContext } from './soak/report.ts';
import { slowClients } from './soak/slow-clients.ts';
import { webSocket } from './soak/websocket.ts';

const soaks: readonly Soak[] = [keepAlive, slowClients, webSocket, autobahn, h2spec];

/** @returns how many of them had problems */
async function soakAll(chosen: readonly Soak[], context: Omit<SoakContext, 'report'>): Promise<number> {
  let failed = 0;
  // What Node opens once in the life of a process is not to be taken for something left open.
  await keepAlive.run({ ...context, durationMs: 200, report: new Report(() => undefined) });
  for (const soak of chosen) {
    console.log(`== ${soak.name} (${context.interpreter})`);
    const report = new Report();
    const filesBefore = await openFileCount();
    try {
      await soak.run({ ...context, report });
    } catch (error) {
      report.problem('the soak itself failed', error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    await compareFiles(filesBefore, report);
    report.say(`resident memory: ${Math.round(process.memoryUsage.rss() / 1_048_576)} MiB`);
    report.sum();
    console.log(`   ${soak.name}: ${report.problems === 0 ? 'fine' : `${report.problems} problems`}\n`);
    if (report.problems > 0) failed += 1;
  }
  return failed;
}

async function compareFiles(before: number | null, report: Report): Promise<void> {
  if (before === null) return report.say('open files are not countable here');
  let now = before;
  const isBack = async () => {
    now = (await openFileCount()) ?? before;
    return now <= before;
  };
  if (await becomes(isBack, 10_000)) report.say(`open files: ${before} before, ${now} after`);
  else report.problem('files are still open', `${before} before, ${now} after`);
}

function chosenBy(names: string): readonly Soak[] {
  if (names === '') return soaks;
  return names.split(',').map((name) => {
    const found = soaks.find((soak) => soak.name === name);
    if (found === undefined)
      throw new Error(`no soak is called ${name}; there are ${soaks.map((one) => one.name).join(', ')}`);
    return found;
  });
}

if (isMain(import.meta.filename)) {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
      interpreter: { type: 'string', default: 'compiled' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  const { interpreter, seed } = values;
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes is not a positive number: ${values.minutes}`);
  if (interpreter !== 'compiled' && interpreter !== 'xstate') throw new Error(`no interpreter ${interpreter}`);
  if (!Number.isSafeInteger(Number(seed))) throw new Error(`--seed is not a whole number: ${seed}`);
  console.log(`seed ${seed}, ${minutes} min each\n`);
  const context = { durationMs: minutes * 60_000, random: seededRandom(Number(seed)) };
  const failed = await soakAll(chosenBy(values.only), { ...context, interpreter });
  process.exitCode = failed === 0 ? 0 : 1;
}
