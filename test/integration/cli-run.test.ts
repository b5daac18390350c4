/**
 * The command that runs the proxy: start, ready, signals, exit codes; with real sockets, real signals and no sleeps.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventLine, parseLine, sallyport, type RunningCommand } from '../support/command.ts';
import { closedPort, dialPeer, knock, Origin } from '../support/world.ts';

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-run-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** The port of the first listener, once the command says that it is ready. */
async function readyPort(command: RunningCommand): Promise<number> {
  const line = await command.line(/"event":"proxy\.ready"/);
  return Number(/"port":(\d+)/.exec(line)?.[1]);
}

/** Makes the child believe that a person sits at it, without colours. */
const terminal = `
  for (const stream of [process.stdin, process.stdout]) stream.isTTY = true;
  process.stdout.hasColors = () => false;
  process.stdin.setRawMode = () => process.stdin;`;

function eventsOf(out: string): readonly unknown[] {
  return out
    .trim()
    .split('\n')
    .map((line) => parseLine(line)['event']);
}

const toOrigin = (port: number) => [`127.0.0.1:0=127.0.0.1:${port}`];

describe('without a configuration file', () => {
  test.each(['compiled', 'xstate'])(
    'A02: a mapping forwards bytes both ways, with charts run by %s',
    async (interpreter) => {
      await using origin = await Origin.echo();
      const command = sallyport([...toOrigin(origin.port), '--interpreter', interpreter]);
      const client = await dialPeer(await readyPort(command));
      client.send('through and back').end();
      await client.ended;
      expect(client.text).toBe('through and back');
      expect(await eventLine(command, 'connection.closed')).toMatchObject({
        reason: 'completed',
        interpreter,
        bytesIn: 16,
      });
      command.signal('SIGTERM');
      expect(await command.ended).toMatchObject({ exitCode: 0, signal: null });
    },
  );

  test('A02: standard output is JSON lines only, and proxy.ready is said exactly once', async () => {
    await using origin = await Origin.echo();
    const command = sallyport([...toOrigin(origin.port), '--log-level', 'debug']);
    const port = await readyPort(command);
    for (const text of ['one', 'two']) {
      const client = await dialPeer(port);
      client.send(text).end();
      await client.closed;
    }
    command.signal('SIGINT');
    const { exitCode, out } = await command.ended;
    expect(exitCode).toBe(0);
    const events = eventsOf(out);
    expect(events.filter((event) => event === 'proxy.ready')).toHaveLength(1);
    expect(events.filter((event) => event === 'connection.closed')).toHaveLength(2);
    expect(events.at(-1)).toBe('proxy.stopped');
  });
});

describe('starting', () => {
  test('A02: a port that is taken is named with its cause, exit code 1, and nothing is left half-started', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const freePort = await closedPort();
    const command = sallyport([`127.0.0.1:${freePort}=127.0.0.1:9`, `127.0.0.1:${port}=127.0.0.1:9`]);
    const { exitCode, out, err } = await command.ended;
    expect(exitCode).toBe(1);
    expect(err).toMatch(
      new RegExp(String.raw`^sallyport: cannot listen on 127\.0\.0\.1:${port}: .*(in use|EADDRINUSE)`, 'm'),
    );
    expect(out).not.toContain('proxy.ready');
    expect(await knock(freePort).closed).toBe('reset');
  });

  test('A02: every error of a configuration is told at once, each with its place and a line of the file, exit code 2', async () => {
    const folder = await folderWith({
      'sallyport.yaml': [
        'routes:',
        '  - name: web',
        '    match: { ports: 808000 }',
        '    action: { type: forwrad, target: { host: 127.0.0.1, port: 3000 } }',
        'timeouts: { idel: 5m }',
        '',
      ].join('\n'),
    });
    const { exitCode, out, err } = await sallyport(['run'], { folder }).ended;
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toMatch(/^sallyport\.yaml:3:\d+: routes\[0\]\.match\.ports/m);
    expect(err).toMatch(/^sallyport\.yaml:4:\d+: routes\[0\]\.action\.type/m);
    expect(err).toMatch(/^sallyport\.yaml:5:\d+: timeouts\.idel/m);
    expect(err).toMatch(/^ +> 3 \| {5}match: \{ ports: 808000 \}$/m);
    expect(err).toMatch(/did you mean: .*idle/);
    expect(err).toMatch(/sallyport: the configuration has 3 problems\n$/);
  });

  test('A02: --admin and warnings of the configuration are logged, and the proxy runs', async () => {
    const command = sallyport(['127.0.0.1:0=127.0.0.1:9', '--admin']);
    expect(parseLine(await command.line(/config\.warning/))).toMatchObject({ level: 'warn' });
    await readyPort(command);
    command.signal('SIGTERM');
    expect(await command.ended).toMatchObject({ exitCode: 0 });
  });

  test("A01: a configuration outside the package imports defineConfig from 'sallyport'", async () => {
    await using origin = await Origin.echo();
    const folder = await folderWith({
      'sallyport.config.ts': `
        import { defineConfig } from 'sallyport';
        const target: { host: string; port: number } = { host: '127.0.0.1', port: ${origin.port} };
        export default defineConfig({
          routes: [{ name: 'typed', match: { ports: 0 }, action: { type: 'forward', target } }],
          listeners: { 0: { host: '127.0.0.1' } },
        });`,
    });
    const command = sallyport(['run'], { folder });
    const client = await dialPeer(await readyPort(command));
    client.send('typed').end();
    await client.ended;
    expect(client.text).toBe('typed');
    expect(await eventLine(command, 'connection.closed')).toMatchObject({ route: 'typed' });
  });
});

describe('on a terminal', () => {
  test('A02: the mapping is shown with what is up and down, logs are for people, and q drains and quits', async () => {
    await using origin = await Origin.echo();
    const down = await closedPort();
    const folder = await folderWith({ 'terminal.mjs': terminal });
    const nodeFlags = ['--import', join(folder, 'terminal.mjs')];
    const command = sallyport([`127.0.0.1:0=127.0.0.1:${origin.port}`, `[::1]:${down}=127.0.0.1:${down}`], {
      nodeFlags,
    });
    expect(await command.line(/ up$/)).toMatch(
      new RegExp(String.raw`^  127\.0\.0\.1:\d+ +port-0 +anything +→ +127\.0\.0\.1:${origin.port} +up$`),
    );
    expect(await command.line(/ down /)).toMatch(
      new RegExp(String.raw`^  \[::1\]:${down} +port-${down} .*→ +127\.0\.0\.1:${down} +down \(ECONNREFUSED\)$`),
    );
    await command.line(/q or Ctrl\+C/);
    command.type('q');
    const { exitCode, out } = await command.ended;
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^\[[\d:.]+\] INFO.*draining/m);
    expect(out).not.toContain('{"level"');
  });
});

describe('signals', () => {
  test('A02: SIGTERM drains: no new client is let in, the live one finishes, exit code 0', async () => {
    await using origin = await Origin.echo();
    const command = sallyport(toOrigin(origin.port));
    const port = await readyPort(command);
    const client = await dialPeer(port);
    client.send('before');
    await client.atLeast(6);
    command.signal('SIGTERM');
    expect(await eventLine(command, 'proxy.draining')).toMatchObject({ connections: 1, timeoutMs: 30_000 });
    expect(await knock(port).closed).toBe('reset');
    client.send(' and after').end();
    await client.ended;
    expect(client.text).toBe('before and after');
    const { exitCode, out } = await command.ended;
    expect(exitCode).toBe(0);
    expect(out).toMatch(/"event":"connection\.closed".*"reason":"completed"/);
  });

  test('A02: what has not finished by the drain deadline is cut and named, and the exit code is still 0', async () => {
    await using origin = await Origin.echo();
    const command = sallyport([...toOrigin(origin.port), '--set', 'timeouts.drain=50ms']);
    const client = await dialPeer(await readyPort(command));
    client.send('x');
    await client.atLeast(1);
    command.signal('SIGTERM');
    expect(await client.closed).toBe('reset');
    const { exitCode, out } = await command.ended;
    expect(exitCode).toBe(0);
    expect(out).toMatch(/"event":"connection\.closed".*"reason":"operator\.drained"/);
  });

  test.each([
    { name: 'SIGTERM', code: 143 },
    { name: 'SIGINT', code: 130 },
  ] as const)('A02: a second $name ends at once with exit code $code', async ({ name, code }) => {
    await using origin = await Origin.echo();
    const command = sallyport(toOrigin(origin.port));
    const client = await dialPeer(await readyPort(command));
    client.send('x');
    await client.atLeast(1);
    command.signal(name);
    await eventLine(command, 'proxy.draining');
    command.signal(name);
    expect(await command.ended).toMatchObject({ exitCode: code, signal: null });
    await Promise.race([client.ended, client.closed]);
  });

  test('A02: SIGHUP is answered with a line, and the proxy goes on', async () => {
    await using origin = await Origin.echo();
    const command = sallyport(toOrigin(origin.port));
    const port = await readyPort(command);
    command.signal('SIGHUP');
    expect(parseLine(await command.line(/reload/))).toMatchObject({ level: 'warn', event: 'reload.refused' });
    const client = await dialPeer(port);
    client.send('still here').end();
    await client.ended;
    expect(client.text).toBe('still here');
  });
});
