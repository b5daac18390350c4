/**
 * What the command says of TLS: where certificates will come from, what is wrong with those that are given, which route
 * takes a URL.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { testAuthority } from '../support/certificates.ts';
import { sallyportEnds, type Ended } from '../support/command.ts';
import { peerPath } from '../support/peers.ts';

const configuration = `
acme: { email: ops@example.com, useProduction: true, eab: { keyId: kid-1, hmacKey: aG1hY3NlY3JldA } }
routes:
  - name: api
    match: { ports: 443, domains: [api.example.com], path: /v1/* }
    action: { type: forward, target: { host: 10.0.0.5, port: 443 } }
    tls: { mode: terminate-and-reencrypt, certificate: auto, upstream: { ca: ca.pem } }
  - name: admin
    match: { ports: 443, domains: [admin.example.com] }
    action: { type: forward, target: { host: 10.0.0.6, port: 80 } }
    tls: { mode: terminate, certificate: { cert: a.pem, key: a.key }, minVersion: TLSv1.3, clientAuth: { ca: staff.pem } }
  - name: both
    match: { ports: 443, domains: [both.example.com] }
    action: { type: respond }
    tls: { mode: terminate, certificate: { pfx: both.pfx, passphrase: hunter2 } }
  - { name: through, match: { ports: 443, domains: "*.example.org" }, action: { type: forward, target: { host: 10.0.0.7, port: 443 } }, tls: { mode: passthrough } }
`;

async function inFolder(...args: readonly string[]): Promise<Ended & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'sallyport.yaml'), configuration);
  await writeCertificates(folder);
  return { ...(await sallyportEnds(args, { folder })), folder };
}

/** Everything that the configuration names. */
async function writeCertificates(folder: string): Promise<void> {
  const authority = await testAuthority();
  const admin = await authority.issue(['admin.example.com']);
  const both = await authority.issue(['both.example.com']);
  const texts = { 'ca.pem': authority.cert, 'staff.pem': authority.cert, 'a.pem': admin.cert, 'a.key': admin.key };
  for (const [name, text] of Object.entries({ ...texts, 'both.pem': `${both.cert}\n${both.key}` }))
    await writeFile(join(folder, name), text);
  const into = ['-export', '-in', 'both.pem', '-out', 'both.pfx', '-passout', 'pass:hunter2'];
  await promisify(execFile)(peerPath('openssl'), ['pkcs12', ...into], { cwd: folder });
}

test('S03: check says where each certificate will come from, and no secret', async () => {
  const { out, exitCode, folder } = await inFolder('check');
  expect(exitCode).toBe(0);
  for (const phrase of [
    'ordered at https://acme-v02.api.letsencrypt.org/directory by ops@example.com for api.example.com',
    '(http-01, tls-alpn-01, account bound to kid-1)',
    `TLS to the upstream, verified by ${folder}/ca.pem`,
    `${folder}/a.pem with the key ${folder}/a.key`,
    'only TLSv1.3',
    `clients must show a certificate that ${folder}/staff.pem vouches for`,
    `${folder}/both.pfx`,
  ])
    expect(out).toContain(phrase);
  expect(out).not.toMatch(/hunter2|aG1hY3NlY3JldA/);
});

test('S08: check opens what a configuration names, and says all that is wrong with it at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const authority = await testAuthority();
  const [one, two] = [await authority.issue(['one.example']), await authority.issue(['two.example'])];
  await writeFile(join(folder, 'one.pem'), one.cert);
  await writeFile(join(folder, 'two.key'), two.key);
  const route = (name: string, cert: string, key: string) =>
    `  - { name: ${name}, match: { ports: 443, domains: ${name}.example }, action: { type: respond }, tls: { mode: terminate, certificate: { cert: ${cert}, key: ${key} } } }\n`;
  const routes = route('one', 'one.pem', 'two.key') + route('two', 'missing.pem', 'two.key');
  await writeFile(join(folder, 'sallyport.yaml'), `routes:\n${routes}`);
  const { err, exitCode } = await sallyportEnds(['check'], { folder });
  expect(exitCode).toBe(2);
  expect(err).toContain('2 certificates cannot be used');
  expect(err).toContain('missing.pem');
  const { out } = await sallyportEnds(['check', '--json'], { folder });
  expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{}, {}] });
});

test('S03: check warns of a certificate that covers nothing of its route, and tells what stands where nothing is routed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { cert, key } = await (await testAuthority()).issue(['one.example']);
  await writeFile(join(folder, 'one.pem'), cert);
  await writeFile(join(folder, 'one.key'), key);
  await writeFile(
    join(folder, 'sallyport.yaml'),
    `
acme: { email: ops@example.com, useProduction: true, challengePort: 8080 }
routes:
  - { name: two, match: { ports: 443, domains: two.example }, action: { type: respond }, tls: { mode: terminate, certificate: { cert: one.pem, key: one.key } } }
  - { name: three, match: { ports: 443, domains: three.example.com }, action: { type: respond }, tls: { mode: terminate, certificate: auto } }
`,
  );
  const { out } = await sallyportEnds(['check'], { folder });
  expect(out).toMatch(
    /sallyport\.yaml:4:\d+ routes\[0\]\.tls\.certificate: it covers none .*\(two\.example\), only one\.example/,
  );
  expect(out).toContain('[::]:8080\n  answers the HTTP-01 validations of certificate authorities, and nothing else');
  expect(out).toContain('(http-01 on port 8080, tls-alpn-01)');
});

test('S03: a name that OpenSSL does not know in a list of ciphers is refused by check, whatever else is in it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const route = (ciphers: string) =>
    `routes:\n  - { name: a, match: { ports: 443 }, action: { type: respond }, tls: { mode: terminate, certificate: development, ciphers: "${ciphers}" } }\n`;
  const check = async (ciphers: string) => {
    await writeFile(join(folder, 'sallyport.yaml'), route(ciphers));
    return sallyportEnds(['check'], { folder });
  };
  const refused = await check('FOO:AESGCM:TLS_BAR');
  expect([refused.exitCode, refused.err]).toEqual([
    2,
    expect.stringContaining('routes[0].tls.ciphers: OpenSSL does not know FOO, TLS_BAR'),
  ]);
  expect((await check('ECDHE+AESGCM:!RC4:-FOO:@STRENGTH:TLS_AES_128_GCM_SHA256')).exitCode).toBe(0);
});

test('A02: what a port was wanted for is said where it cannot be had', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await using taken = createServer().listen(0, '::');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await writeFile(
    join(folder, 'sallyport.yaml'),
    `
log: { level: silent }
acme: { email: ops@example.com, directory: "https://127.0.0.1:1/directory", challengePort: ${port} }
routes: [{ name: a, match: { ports: 0, domains: a.example.com }, action: { type: respond }, tls: { mode: terminate, certificate: auto } }]
`,
  );
  const { err, exitCode } = await sallyportEnds(['run'], { folder });
  expect(exitCode).toBe(1);
  expect(err).toContain(`port ${port} is wanted because authorities validate names there (HTTP-01)`);
});

test('S03: check --json says the same to programs', async () => {
  const { out, folder } = await inFolder('check', '--json');
  const report: unknown = JSON.parse(out);
  const routes = [
    {
      tls: {
        mode: 'terminate-and-reencrypt',
        certificate: { type: 'auto', names: ['api.example.com'], acme: { email: 'ops@example.com', onDemand: false } },
      },
    },
    { tls: { certificate: { type: 'pem', files: [`${folder}/a.pem`, `${folder}/a.key`], acme: null } } },
    { tls: { certificate: { type: 'pfx', files: [`${folder}/both.pfx`] } } },
    { tls: null },
  ];
  expect(report).toMatchObject({ routes });
  expect(out).not.toMatch(/hunter2|aG1hY3NlY3JldA/);
});

test.each([
  ['https://api.example.com/v1/users', 'speaks http inside of TLS is taken by api after its handshake'],
  ['https://api.example.com/other', 'refused inside of the TLS that api terminates: no route matches'],
  ['wss://admin.example.com', 'speaks websocket inside of TLS is taken by admin after its handshake'],
  ['https://a.example.org/', 'speaks tls is taken by through'],
  ['http://api.example.com:443/v1/users', 'speaks http is refused: no route takes http'],
  ['api.example.com:443', 'inside of the TLS that api terminates'],
])('R04: explain goes through the handshake of %s', async (target, answer) => {
  const { out, exitCode } = await inFolder('explain', target);
  expect(exitCode).toBe(0);
  expect(out).toContain(answer);
});

test.each([
  [['example.com=127.0.0.1:3000'], '--email'],
  [['localhost=3000', '--email', 'me@example.com'], '--dev-tls'],
  [['example.com=3000', '--email', 'nobody'], 'this is not an e-mail address'],
])('A02: %j ends with exit code 2 and says what would do', async (args, answer) => {
  const { exitCode, err } = await sallyportEnds(args);
  expect(err).toContain(answer);
  expect(exitCode).toBe(2);
});

test('S03: --email and --set acme.directory give what a file leaves open', async () => {
  const { out } = await inFolder('check', '--email', 'me@example.com', '--set', 'acme.useProduction=false');
  expect(out).toContain('ordered at https://acme-staging-v02.api.letsencrypt.org/directory by me@example.com');
  const development = await inFolder('check', '--dev-tls');
  expect(development.out).toContain('of the development authority, for api.example.com');
});
