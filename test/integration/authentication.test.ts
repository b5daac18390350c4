/**
 * Ring 6 of authentication: real hashes, the real worker, and a real issuer of keys on a socket.
 *
 * The worker is started from the sources, and from the same files as a build leaves them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hashSync } from 'bcryptjs';
import type { JWK } from 'jose';
import { afterAll, expect, test } from 'vitest';
import { createAuthentication, type Authentication } from '../../src/io/authentication/authentication.ts';
import type { AuthenticationOutcome } from '../../src/io/authentication/authenticator.ts';
import { createHashing } from '../../src/io/authentication/hashing.ts';
import { hashPassword, verifyPassword } from '../../src/io/authentication/password.ts';
import { wheelClock } from '../../src/io/clock.ts';
import type { AuthenticationPlan, BasicCredential } from '../../src/routing/http-plan.ts';
import { audience, issuer, makeKey, signed } from '../property/authentication-issuer.ts';
import { ask, basicField } from '../property/authentication-samples.ts';

const clock = wheelClock();
const open: Authentication[] = [];
const servers: Server[] = [];
const root = join(import.meta.dirname, '../..');
const folders: string[] = [];
const children: ChildProcess[] = [];
afterAll(() => {
  for (const one of open) one.close();
  for (const child of children) child.kill('SIGKILL');
  for (const server of servers) server.closeAllConnections();
  for (const server of servers) server.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function authentication(): Authentication {
  const made = createAuthentication({ clock });
  open.push(made);
  return made;
}

function fail(): never {
  throw new Error('there is no server');
}

function basic(...credentials: readonly BasicCredential[]): AuthenticationPlan {
  return { type: 'basic', realm: 'test', credentials, htpasswd: null, forwardCredentials: false };
}

test('X05: scrypt, bcrypt and plain passwords let in who knows them, and nobody else', async () => {
  const plan = basic(
    { username: 'scrypt', password: await hashPassword('öne:two') },
    { username: 'bcrypt', password: hashSync('öne:two', 4) },
    { username: 'htpasswd', password: hashSync('öne:two', 4).replace('$2b$', '$2y$') },
    { username: 'plain', password: 'öne:two' },
  );
  const all = authentication();
  const authenticator = all.of(plan);
  expect(all.of(plan)).toBe(authenticator);
  for (const name of ['scrypt', 'bcrypt', 'htpasswd', 'plain']) {
    const right = await ask(authenticator, basicField(name, 'öne:two'));
    const wrong = await ask(authenticator, basicField(name, 'öne:twö'));
    expect([name, right.kind, wrong.kind]).toEqual([name, 'granted', 'denied']);
  }
  expect(await ask(authenticator, basicField('nobody', 'öne:two'))).toMatchObject({ kind: 'denied', status: 401 });
});

test('what the worker was asked when it is ended is 503, and the next question starts another', async () => {
  const hashing = createHashing();
  const asked = hashing.bcrypt('right', hashSync('right', 4));
  hashing.close();
  hashing.close();
  await expect(asked).rejects.toThrow('ended');
  expect(await hashing.bcrypt('right', hashSync('right', 4))).toBe(true);
  expect(await hashing.bcrypt('wrong', hashSync('right', 4))).toBe(false);
  hashing.close();
});

test('a bcrypt hash is computed beside the event loop, and a process with a worker ends by itself', async () => {
  const said = await output(`
    import { createHashing } from ${JSON.stringify(pathToFileURL(join(root, 'src/io/authentication/hashing.ts')).href)};
    const hashing = createHashing();
    let turns = 0;
    let isOver = false;
    const turn = () => { turns += 1; if (!isOver) setImmediate(turn); };
    const hash = ${JSON.stringify(hashSync('right', 10))};
    const alone = await hashing.bcrypt('right', hash);
    turn();
    const beside = await hashing.bcrypt('wrong', hash);
    isOver = true;
    const aloneAgain = await hashing.bcrypt('right', hash);
    console.log(alone, beside, aloneAgain, turns > 100);`);
  expect(said).toBe('true false true true\n');
});

/** What a process of its own prints; it must end by itself, and well. */
async function output(script: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  expect(await once(child, 'close')).toEqual([0, null]);
  return said;
}

test('the worker is found beside its owner in a build, too', async () => {
  const folder = built();
  for (const stored of [hashSync('right', 4), await hashPassword('right')]) {
    const said = await output(`
      import { verifyPassword } from ${JSON.stringify(pathToFileURL(join(folder, 'io/authentication/password.js')).href)};
      const stored = ${JSON.stringify(stored)};
      console.log(await verifyPassword('right', stored), await verifyPassword('wrong', stored));`);
    expect(said).toBe('true false\n');
    expect(await verifyPassword('right', stored)).toBe(true);
  }
});

/** The folder's files as the compiler leaves them: without types, and with imports that end in `.js`. */
function built(): string {
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'sallyport-authentication-'));
  folders.push(folder);
  mkdirSync(join(folder, 'io/authentication'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const sources = readdirSync(join(root, 'src/io/authentication')).map((name) => join('io/authentication', name));
  for (const path of ['errors.ts', ...sources]) {
    const text = stripTypeScriptTypes(readFileSync(join(root, 'src', path), 'utf8'));
    writeFileSync(join(folder, path.replace(/\.ts$/, '.js')), text.replace(/(from '\.[^']*)\.ts'/g, "$1.js'"));
  }
  return folder;
}

/** Serves a key set; what it answers can be changed. */
async function issuing(): Promise<{ readonly url: string; keys: readonly JWK[]; isSilent: boolean; requests: number }> {
  const state = { url: '', keys: Array.of<JWK>(), isSilent: false, requests: 0 };
  const server = createServer((request, response) => {
    state.requests += 1;
    if (state.isSilent) return;
    if (request.url === '/moved') {
      response.writeHead(302, { location: '/keys' }).end();
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: state.keys }));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  state.url = `http://127.0.0.1:${address.port}`;
  return state;
}

function jwt(jwksUrl: string): AuthenticationPlan {
  return { type: 'jwt', jwksUrl, issuer, audience: [audience], algorithms: [], forwardCredentials: false };
}

test('X09: a token passes by the keys that its issuer serves, before and after they are rotated', async () => {
  const [key, next] = [await makeKey('one', 'RS256'), await makeKey('two', 'EdDSA')];
  const server = await issuing();
  server.keys = [key.jwk];
  const all = authentication();
  const authenticator = all.of(jwt(`${server.url}/keys`));
  const token = await signed(key, { clock });
  expect(await ask(authenticator, `Bearer ${token}`)).toEqual({ kind: 'granted' });
  expect(await ask(authenticator, `Bearer ${await signed(next, { clock })}`)).toMatchObject({
    kind: 'denied',
    status: 401,
  });
  server.keys = [next.jwk];
  // Another authenticator has no pause to keep: it stands for the same one half a minute later.
  const later = all.of(jwt(`${server.url}/keys`));
  expect(await ask(later, `Bearer ${await signed(next, { clock })}`)).toEqual({ kind: 'granted' });
  expect(await ask(later, `Bearer ${token}`)).toMatchObject({ kind: 'denied' });
  expect(server.requests).toBe(2);
});

test('an issuer that redirects, that nobody is at, or that is silent until the proxy closes, is 503', async () => {
  const key = await makeKey('one');
  const server = await issuing();
  server.keys = [key.jwk];
  const all = authentication();
  const token = `Bearer ${await signed(key, { clock })}`;
  expect(await ask(all.of(jwt(`${server.url}/moved`)), token)).toMatchObject({ kind: 'unavailable' });
  expect(server.requests).toBe(1);
  expect(await ask(all.of(jwt('http://127.0.0.1:1/keys')), token)).toMatchObject({ kind: 'unavailable' });
  server.isSilent = true;
  const waits: Promise<AuthenticationOutcome> = ask(all.of(jwt(`${server.url}/keys`)), token);
  await once(servers.at(-1) ?? fail(), 'request');
  all.close();
  expect(await waits).toMatchObject({ kind: 'unavailable', status: 503 });
  expect(clock.armedCount).toBe(0);
});
