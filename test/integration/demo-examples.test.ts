/**
 * The short examples run as they stand, each within thirty lines.
 */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { repository, runScript, sallyport, type RunningCommand } from '../support/command.ts';
import { readReply } from '../support/http-world.ts';
import { dialPeer, Origin } from '../support/world.ts';

async function listeningPort(running: RunningCommand): Promise<number> {
  return Number(/port: (\d+)/.exec(await running.line(/^listening/))?.[1]);
}

async function echoed(port: number, text: string): Promise<string> {
  const client = await dialPeer(port);
  client.send(text).end();
  await client.ended;
  return client.text;
}

test.each(['embed', 'custom-detector', 'events', 'sallyport.config'])('A01: examples/%s.ts is short', async (name) => {
  const text = await readFile(`${repository}examples/${name}.ts`, 'utf8');
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(30);
});

test('A01: the embedded proxy forwards, explains the end of each connection, and drains', async () => {
  await using origin = await Origin.echo();
  const running = runScript(`${repository}examples/embed.ts`, ['0', String(origin.port)]);
  expect(await echoed(await listeningPort(running), 'embedded')).toBe('embedded');
  await running.line(/^closed after .* on route web because both sides finished/);
  running.signal('SIGTERM');
  expect(await running.ended).toMatchObject({ exitCode: 0 });
});

test('M02, A01: a protocol of your own shares a port with HTTP', async () => {
  await using own = await Origin.start((peer) => peer.send('own'));
  await using web = await Origin.start((peer) => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nweb'));
  const running = runScript(`${repository}examples/custom-detector.ts`, [String(own.port), String(web.port)]);
  const port = await listeningPort(running);
  const split = (await dialPeer(port)).send('@O');
  const plain = (await dialPeer(port)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await readReply(plain)).body).toBe('web');
  split.send('WN hello');
  expect(String(await split.atLeast(3))).toBe('own');
  const received = await own.accepted();
  expect(String(await received.atLeast(10))).toBe('@OWN hello');
});

test('O01, A01: the events of a connection come in order, to its end and to the end of the proxy', async () => {
  await using origin = await Origin.echo();
  const running = runScript(`${repository}examples/events.ts`, [String(origin.port)]);
  expect(await echoed(await listeningPort(running), 'told')).toBe('told');
  await running.line(/: completed$/);
  running.signal('SIGTERM');
  const { exitCode, out } = await running.ended;
  expect(exitCode).toBe(0);
  const moves = [...out.matchAll(/: ([A-Z_]+)\S* → ([A-Z_]+)/g)].flatMap(([, from, to]) => (from === to ? [] : [to]));
  expect(moves).toEqual(['SNIFFING', 'DIALING', 'ESTABLISHED', 'HALF_CLOSED', 'CLOSED']);
  expect(out).toMatch(/open now: 127\.0\.0\.1 ESTABLISHED/);
  expect(out).toMatch(/counters \{[^]*accepted: 1/);
});

test('A01: the configuration that is a program checks as fine', async () => {
  const { exitCode, out } = await sallyport(['check', 'examples/sallyport.config.ts']).ended;
  expect(exitCode).toBe(0);
  expect(out).toMatch(/^fine: examples\/sallyport\.config\.ts, 2 listeners, 2 routes/);
});
