/**
 * The file driver: the laws of every store, and what only files can go wrong with.
 *
 * Read first: `store-laws.ts`, `src/store/commit-gate.ts`.
 */
import { execFile } from 'node:child_process';
import { access, chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/io/clock.ts';
import { leftoverMsMax } from '../../src/store/commit-gate.ts';
import { FileFolder, type StoreClock } from '../../src/store/file-folder.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { pollMs, watchFolder } from '../../src/store/folder-watch.ts';
import { fileOfKey, keyOfFile } from '../../src/store/keys.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { runScript } from '../support/command.ts';
import { runs, seed } from '../support/fuzz.ts';
import { fileRig, shiftedClock, temporaryFolder } from '../support/store-rig.ts';
import { bytesOf, describeStoreLaws, textAt } from './store-laws.ts';

describeStoreLaws('files', fileRig);

const run = promisify(execFile);
const workerScript = fileURLToPath(new URL('../support/store-worker.ts', import.meta.url));
const mayMount = await canMount();
const isDiskTried = mayMount ? '' : ' [not tried: this user may not mount a file system]';
const refusal = (code: string): unknown => expect.objectContaining({ name: 'StoreError', code });

describe('the files of a store', () => {
  test('a secret is readable by its owner alone, and so are the folders', async () => {
    await using rig = await fileRig();
    const store = await openFileStore(rig.folder, systemClock());
    await store.put('secret', bytesOf('x'), { isSecret: true });
    await store.put('open', bytesOf('x'));
    const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    expect(await modeOf(store.pathOf('secret'))).toBe(0o600);
    expect((await modeOf(store.pathOf('open'))) & 0o200).toBe(0o200);
    for (const folder of ['', 'values', 'locks', 'work']) expect(await modeOf(join(rig.folder, folder))).toBe(0o700);
    await store.close();
  });

  test('a value lies first in its file, so that other programs can read a certificate where it is', async () => {
    await using rig = await fileRig();
    const store = await openFileStore(rig.folder, systemClock());
    await store.put('root.pem', bytesOf('-----BEGIN CERTIFICATE-----\n'));
    expect(await readFile(store.pathOf('root.pem'), 'utf8')).toMatch(/^-----BEGIN CERTIFICATE-----\n\n# sallyport 1 /);
    await store.close();
  });

  test('every key has a file of its own inside of the folder, also where capitals are not told from small letters', () => {
    const segment = fc.stringMatching(/^[A-Za-z0-9._*@-]{1,12}$/).filter((part) => part !== '.' && part !== '..');
    const keys = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(keys, keys, (one, other) => {
        const file = fileOfKey(one);
        expect(keyOfFile(file)).toBe(one);
        expect(file).toMatch(/^[^./A-Z][^/A-Z]*$/);
        expect(file.toLowerCase() === fileOfKey(other).toLowerCase()).toBe(one === other);
      }),
      { seed: seed(), numRuns: runs(300) },
    );
  });

  test('after anything that was changed or refused, nothing lies about', async () => {
    await using rig = await fileRig();
    const store = await rig.open();
    const version = await store.put('key', bytesOf('x'));
    await Promise.all([1, 2, 3].map((at) => store.put('key', bytesOf(`${at}`), { version })));
    await store.delete('key');
    expect(await readdir(join(rig.folder, 'work'))).toEqual([]);
    expect((await readdir(rig.folder)).toSorted()).toEqual(['locks', 'values', 'work']);
  });

  test('what a killed process prepared is never read, and removed when it is old', async () => {
    await using rig = await fileRig();
    await rig.open();
    const left = join(rig.folder, 'work', 'dead');
    await mkdir(left);
    await writeFile(join(left, 'value'), 'half a va');
    const store = await rig.open(leftoverMsMax - 60_000);
    expect(await store.list('')).toEqual([]);
    await access(left);
    await rig.open(leftoverMsMax + 60_000);
    await expect(access(left)).rejects.toThrow('ENOENT');
  });

  test('a value that is not whole is refused, and can be written over', async () => {
    await using rig = await fileRig();
    const store = await openFileStore(rig.folder, systemClock());
    await store.put('key', bytesOf('a value'));
    const whole = await readFile(store.pathOf('key'));
    for (const torn of [whole.subarray(0, -1), whole.subarray(1), Buffer.from('foreign'), Buffer.alloc(0)]) {
      await writeFile(store.pathOf('key'), torn);
      await expect(store.get('key')).rejects.toEqual(refusal('SALLYPORT_STORE_CORRUPT'));
      await expect(store.put('key', bytesOf('x'), { version: null })).rejects.toThrow('not a whole value');
    }
    await store.put('key', bytesOf('mended'));
    expect(await textAt(store, 'key')).toBe('mended');
    await writeFile(store.pathOf('key'), 'foreign');
    expect(await store.delete('key')).toBe(true);
    await store.close();
  });
});

describe('turns at the gate', () => {
  test.each(['written', 'removed'] as const)(
    'a turn that lasts too long is taken away, also while its owner lives: what it would have %s stays as others left it',
    async (what) => {
      await using rig = await fileRig();
      const store = await rig.open();
      const version = what === 'written' ? null : ((await store.put('key', bytesOf('old'))) ?? '');
      const [inTurn, goOn] = [Promise.withResolvers<null>(), Promise.withResolvers<null>()];
      const slow = new FileFolder(rig.folder, systemClock());
      const looks: (string | null)[] = [];
      const read = slow.read.bind(slow);
      slow.read = async (at) => {
        const found = await read(at);
        looks.push(found === null ? null : Buffer.from(found.bytes).toString());
        inTurn.resolve(null);
        if (looks.length === 1) await goOn.promise;
        return found;
      };
      const place = { kind: 'values', file: 'key' } as const;
      const bytes = what === 'written' ? bytesOf('late') : null;
      const late = slow.change(place, { bytes, isSecret: false, version, check: null });
      await inTurn.promise;
      const quick = new FileFolder(rig.folder, hastyClock());
      await quick.change(place, { bytes: bytesOf('new'), isSecret: false, version: undefined, check: null });
      goOn.resolve(null);
      expect(await late).toBe(null);
      expect(looks).toEqual([what === 'written' ? null : 'old', 'new']);
      expect(await textAt(store, 'key')).toBe('new');
    },
  );

  test('a process that died in its turn holds the others up for about a second', async () => {
    await using rig = await fileRig();
    const store = await openFileStore(rig.folder, hastyClock());
    await mkdir(join(rig.folder, 'gate', 'dead'), { recursive: true });
    await writeFile(join(rig.folder, 'gate', 'dead', 'value'), 'half a va');
    expect(await store.put('key', bytesOf('x'))).not.toBe(null);
    expect(await store.list('')).toEqual(['key']);
    await store.close();
  });
});

describe('law 5: what goes wrong with files', () => {
  test('a file where the folder should be', async () => {
    await using rig = await fileRig();
    await writeFile(rig.folder, 'in the way');
    await expect(rig.open()).rejects.toEqual(refusal('SALLYPORT_STORE_IN_THE_WAY'));
    await expect(openFileStore(join(rig.folder, 'below'), systemClock())).rejects.toThrow(`cannot keep anything in`);
  });

  test('a folder where a value should be', async () => {
    await using rig = await fileRig();
    const store = await openFileStore(rig.folder, systemClock());
    await mkdir(store.pathOf('key'));
    await expect(store.put('key', bytesOf('x'))).rejects.toEqual(refusal('SALLYPORT_STORE_IN_THE_WAY'));
    await expect(store.get('key')).rejects.toEqual(refusal('SALLYPORT_STORE_IN_THE_WAY'));
    expect(await readdir(join(rig.folder, 'work'))).toEqual([]);
    await store.close();
  });

  test('a folder that is not there any more', async () => {
    await using rig = await fileRig();
    const store = await rig.open();
    await rm(rig.folder, { recursive: true });
    await expect(store.put('key', bytesOf('x'))).rejects.toEqual(refusal('SALLYPORT_STORE_FAILED'));
    await mkdir(join(rig.folder, 'work'), { recursive: true });
    await expect(store.put('key', bytesOf('x'))).rejects.toThrow('something removes what is written');
  });

  test('a folder that this user may not use', async () => {
    await using rig = await fileRig();
    await rig.open();
    await chmod(rig.folder, 0o500);
    // Root may do anything: the worker becomes somebody else.
    const worker = runScript(workerScript, [rig.where, 'id', 'put', 'key', '1'], {
      environment: { WORKER_UID: '65534' },
    });
    expect(await worker.line(/./)).toBe('SALLYPORT_STORE_DENIED');
  });

  test('a limit to the size of files: the old value stays', async () => {
    await using rig = await fileRig();
    const store = await rig.open();
    await store.put('key', bytesOf('old'));
    const limited = [process.execPath, workerScript, rig.where, 'id', 'put', 'key', '2000000'];
    const { stdout } = await run('sh', ['-c', 'ulimit -f 64 && echo go | exec "$@"', 'sh', ...limited]);
    expect(stdout).toBe('ready\nSALLYPORT_STORE_FULL\n');
    expect(await textAt(store, 'key')).toBe('old');
    expect(await readdir(join(rig.folder, 'work'))).toEqual([]);
  });

  test(`no space left: the old value stays, and it works again when there is space${isDiskTried}`, async () => {
    if (!mayMount) return;
    const folder = await smallDisk();
    const store = await openFileStore(join(folder, 'store'), systemClock());
    await store.put('key', bytesOf('old'));
    await expect(store.put('key', new Uint8Array(2_000_000))).rejects.toEqual(refusal('SALLYPORT_STORE_FULL'));
    expect(await textAt(store, 'key')).toBe('old');
    expect(await readdir(join(folder, 'store', 'work'))).toEqual([]);
    await store.put('key', bytesOf('new'));
    expect(await textAt(store, 'key')).toBe('new');
    await store.close();
  });
});

describe('watching a folder', () => {
  test('a folder that is not there is asked for again on the clock, and everything is told when it is', async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const clock = new StepClock();
    const told: (string | null)[] = [];
    const end = watchFolder(join(folder, 'later'), clock, (name) => told.push(name));
    clock.advance(pollMs);
    expect([told, clock.armedCount]).toEqual([[null], 1]);
    await mkdir(join(folder, 'later'));
    clock.advance(pollMs);
    expect([told, clock.armedCount]).toEqual([[null, null], 0]);
    end();
    end();
    watchFolder(join(folder, 'never'), clock, (name) => told.push(name))();
    expect(clock.armedCount).toBe(0);
  });

  test('a folder that is removed and made again is watched again', async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const clock = new StepClock();
    const watched = join(folder, 'watched');
    await mkdir(watched);
    let wake = (): void => {};
    const told: (string | null)[] = [];
    const end = watchFolder(watched, clock, (name) => {
      told.push(name);
      wake();
    });
    onTestFinished(end);
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise<void>((resolve) => void (wake = resolve));
    };
    await rm(watched, { recursive: true });
    await until(() => clock.armedCount === 1);
    await mkdir(watched);
    clock.advance(pollMs);
    told.length = 0;
    await writeFile(join(watched, 'new'), 'x');
    await until(() => told.includes('new'));
  });
});

/** A second passes in twenty milliseconds. */
function hastyClock(): StoreClock {
  const clock = shiftedClock(0);
  return { ...clock, nowMs: () => clock.nowMs() * 50 };
}

/** A file system of 1 MiB, for this test. */
async function smallDisk(): Promise<string> {
  const folder = await temporaryFolder();
  await mountSmall(folder);
  onTestFinished(async () => {
    await run('umount', [folder]);
    await rm(folder, { recursive: true });
  });
  return folder;
}

async function mountSmall(folder: string): Promise<void> {
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
}

async function canMount(): Promise<boolean> {
  const folder = await temporaryFolder();
  try {
    await mountSmall(folder);
    await run('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
