/**
 * The commands that look at a configuration and run nothing: check and explain.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectionHoldTime } from '../../src/machines/connection/hold-time.ts';
import { defaultTimeouts } from '../../src/machines/connection/delays.ts';
import { sallyportEnds, type Ended } from '../support/command.ts';

const configuration = `
routes:
  - name: api
    match: { ports: 8443, protocol: tls, domains: [api.example.com] }
    action: { type: forward, targets: [{ host: 10.0.0.5, port: 443 }, { host: 10.0.0.6, port: 443 }] }
    timeouts: { lifetime: 1h }
  - name: endless
    match: { ports: 8080 }
    action: { type: forward, target: { host: 127.0.0.1, port: 3000 } }
    timeouts: { idle: infinite }
  - name: nobody-else
    match: { ports: 8443 }
    action: { type: block, how: reset }
    priority: -1
timeouts: { dial: 2s }
admin: { listen: "unix:./x.sock" }
`;

async function inFolder(
  text: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-check-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'sallyport.yaml'), text);
  return sallyportEnds(args, { folder, environment });
}

describe('check', () => {
  test('A02: the longest time a silent peer can hold a slot is the one that the chart allows, with its way', async () => {
    const { exitCode, out } = await inFolder(configuration, ['check', '--json']);
    expect(exitCode).toBe(0);
    const route = { ...defaultTimeouts, dial: 2_000, lifetime: 3_600_000 };
    const listener = { ...defaultTimeouts, dial: 2_000 };
    const expected = connectionHoldTime({ listener, route, attemptsMax: 2, keepHalfOpen: false });
    const report: unknown = JSON.parse(out);
    expect(report).toMatchObject({
      routes: [
        { name: 'api', holdTime: expected },
        { name: 'endless', holdTime: { silent: { totalMs: null } } },
        { name: 'nobody-else', holdTime: null },
      ],
    });
  });

  test('A02: people read the same: hold times, what is unbounded and why, and the warnings', async () => {
    const { out } = await inFolder(configuration, ['check']);
    expect(out).toMatch(/^fine: sallyport\.yaml, 2 listeners, 3 routes$/m);
    expect(out).toMatch(/^ {2}api: \d+ min.*\n {4}ACCEPTED 1 s \(admission\) → SNIFFING 10 s \(sniff\) → DIALING /m);
    expect(out).toMatch(/^ {4}a peer that trickles bytes: 1 h$/m);
    expect(out).toMatch(/^ {2}endless: unbounded in ESTABLISHED: timeouts\.idle and timeouts\.lifetime are infinite$/m);
    expect(out).toMatch(/^Warnings\n {2}sallyport\.yaml:16:1 admin: /m);
  });

  test('A02: routes stand in the order they are tried', async () => {
    const { out } = await inFolder(configuration.replace('priority: -1', 'priority: 1'), ['check', '--json']);
    const report: unknown = JSON.parse(out);
    expect(report).toMatchObject({ listeners: [{ port: 8080 }, { port: 8443, routes: ['nobody-else', 'api'] }] });
  });

  test('A02: a deadline that is not the default is told with its source: file, environment or flag', async () => {
    const { out } = await inFolder(configuration, ['check', '--set', 'timeouts.sniff=3s'], {
      SALLYPORT_TIMEOUTS_FLUSH: '4s',
    });
    expect(out).toMatch(/all +sniff +3 s +\(default 10 s\) +--set timeouts\.sniff=3s$/m);
    expect(out).toMatch(/all +flush +4 s +\(default 10 s\) +SALLYPORT_TIMEOUTS_FLUSH$/m);
    expect(out).toMatch(/all +dial +2 s +\(default 5 s\) +sallyport\.yaml:15:\d+/m);
    expect(out).toMatch(/api +lifetime +1 h +\(default infinite\) +sallyport\.yaml:6:\d+/m);
  });

  test('A02: a route that holds longer than the budget is an error of the configuration', async () => {
    const { exitCode, err } = await inFolder(`${configuration}limits: { maxHoldTime: 10m }\n`, ['check']);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/routes\[1\].*a silent peer can hold this route without end/);
  });

  test('A02: with --json the problems are data, on standard output', async () => {
    const { exitCode, out, err } = await inFolder(configuration.replaceAll('type: forward', 'type: froward'), [
      'check',
      '--json',
    ]);
    expect({ exitCode, err }).toEqual({ exitCode: 2, err: '' });
    expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ line: 5 }, { line: 9 }] });
  });
});

describe('explain', () => {
  test.each([
    { args: ['https://api.example.com:8443/'], taken: 'api', says: /taken by api/ },
    {
      args: ['tls://b.example.com:8443'],
      taken: 'nobody-else',
      says: /api +asks for api\.example\.com; the client names b\.example\.com/,
    },
    {
      args: ['http://api.example.com:8443/x'],
      taken: 'nobody-else',
      says: /api +asks for tls; the client speaks http/,
    },
    { args: ['api.example.com:8443'], taken: 'api', says: /10\.0\.0\.5:443, 10\.0\.0\.6:443 in turn/ },
    { args: ['localhost:8080'], taken: 'endless', says: /before any byte is read/ },
    { args: ['8080', '--protocol', 'redis'], taken: 'endless', says: /sallyport\.yaml:7:\d+ routes\[1\]/ },
  ])('A02: $args is taken by $taken, with the reason', async ({ args, taken, says }) => {
    const { exitCode, out } = await inFolder(configuration, ['explain', ...args]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`^ {2}\\* +${taken} +matches and is the one that is taken$`, 'm'));
    expect(out).toMatch(says);
  });

  test('A02: a port where nothing listens is an answer, too', async () => {
    const { exitCode, out } = await inFolder(configuration, ['explain', 'localhost:9999']);
    expect(exitCode).toBe(0);
    expect(out).toContain('nothing listens on port 9999');
  });

  test("A02: a connection's id needs a running proxy, which is not built yet", async () => {
    const { exitCode, err } = await inFolder(configuration, ['explain', 'k3f9-12']);
    expect(exitCode).toBe(2);
    expect(err).toContain('not built yet');
  });
});
