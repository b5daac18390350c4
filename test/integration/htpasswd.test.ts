/**
 * Password files on a real disk: found beside the configuration, read at the start, refused with file and line.
 */
import { hashSync } from 'bcryptjs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { createProxy } from '../../src/index.ts';
import { createProxyFromPlan } from '../../src/proxy.ts';
import { basicField } from '../property/authentication-samples.ts';
import { ask, get } from '../support/http-world.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-htpasswd-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const yaml = `routes:
  - name: inside
    match: { ports: 0, path: /* }
    action: { type: respond, body: inside }
    security:
      authentication: { type: basic, htpasswd: ./users, credentials: [{ username: zoe, password: "${hashSync('z', 4)}" }] }
`;

async function statusFor(port: number, field: string): Promise<number> {
  return (await ask(port, get('/', `Authorization: ${field}\r\n`))).status;
}

test('X05: the users of a file that lies beside the configuration may pass, and so may those of the configuration', async () => {
  await writeFile(join(directory, 'sallyport.yaml'), yaml);
  await writeFile(join(directory, 'users'), `ana:${hashSync('one', 4).replace('$2b$', '$2y$')}\nben:plain words\n`);
  const { plan } = await loadConfig('sallyport.yaml', { cwd: directory });
  expect(plan.warnings.filter((one) => one.includes('plain password'))).toEqual([
    'users:2: a plain password; sallyport hash-password makes a hash of it',
  ]);
  await using proxy = createProxyFromPlan(plan);
  await proxy.start();
  const port = proxy.addresses()[0]?.port ?? 0;
  expect(await statusFor(port, basicField('ana', 'one'))).toBe(200);
  expect(await statusFor(port, basicField('ben', 'plain words'))).toBe(200);
  expect(await statusFor(port, basicField('zoe', 'z'))).toBe(200);
  expect(await statusFor(port, basicField('ana', 'plain words'))).toBe(401);
  expect(await statusFor(port, basicField('eve', 'one'))).toBe(401);
  expect(JSON.stringify(proxy.routes.list())).not.toContain('ana');
});

test('X03, X05: what is wrong with the file is told when the configuration is loaded, by file and line, all at once', async () => {
  await writeFile(join(directory, 'sallyport.yaml'), yaml);
  await writeFile(join(directory, 'users'), 'ana:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\nben\nzoe:x\n');
  const error = await loadConfig('sallyport.yaml', { cwd: directory }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigError);
  const { problems, report } = error instanceof ConfigError ? error : { problems: [], report: '' };
  expect(problems).toMatchObject([
    { file: 'users', line: 1, message: 'the only hashes that are read are scrypt and bcrypt ($2a$, $2b$, $2y$)' },
    { file: 'users', line: 2, message: 'this is not user:hash, as htpasswd -B writes it' },
    { file: 'users', line: 3, message: 'this user is there already; a user has one password' },
  ]);
  expect(report).not.toMatch(/W6ph5|ben/);
});

test('X03: a file that is not there is told at the place that names it', async () => {
  await writeFile(join(directory, 'sallyport.yaml'), yaml);
  const error = await loadConfig('sallyport.yaml', { cwd: directory }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    report: 'sallyport.yaml:6:48 routes[0].security.authentication.htpasswd: users: the file cannot be read: ENOENT',
  });
});

test('X05: a configuration in code has its file read by the start, which fails with every line', async () => {
  const path = join(directory, 'users');
  await writeFile(path, 'ana:x\nben\n');
  const config = {
    routes: [
      {
        name: 'inside',
        match: { ports: 0, protocol: 'http' },
        action: { type: 'respond', body: 'inside' },
        security: { authentication: { type: 'basic', htpasswd: path } },
      },
    ],
  } as const;
  await using broken = createProxy(config);
  await expect(broken.start()).rejects.toMatchObject({
    code: 'SALLYPORT_CONFIG_INVALID',
    message: `${path}:2: this is not user:hash, as htpasswd -B writes it`,
  });
  expect(broken.census()).toMatchObject({ listeners: 0, transports: 0 });
  await writeFile(path, `ana:${hashSync('one', 4)}\n`);
  await using proxy = createProxy(config);
  await proxy.start();
  expect(await statusFor(proxy.addresses()[0]?.port ?? 0, basicField('ana', 'one'))).toBe(200);
});
