/**
 * One process that wants a certificate, for tests that kill it: `acme-worker.ts <folder> <directory> <root file> <name>`.
 *
 * Prints a line for every event and runs until it is killed. Read first: `acme-world.ts`.
 */
import { readFile } from 'node:fs/promises';
import { OrderedCertificates } from '../../src/certificates/auto-certificates.ts';
import { systemClock } from '../../src/io/clock.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { acmePlan, autoPlan } from './acme-world.ts';

const [folder = '', directoryUrl = '', rootFile = '', name = ''] = process.argv.slice(2);
const directoryCa = await readFile(rootFile, 'utf8');
const clock = systemClock();
const certificates = new OrderedCertificates([autoPlan(acmePlan({ directoryUrl, directoryCa }), [name])], {
  store: await openFileStore(folder, clock),
  clock,
  random: () => 0.5,
  tell: (event) => console.log(JSON.stringify(event)),
});
await certificates.prepare();
certificates.start();
