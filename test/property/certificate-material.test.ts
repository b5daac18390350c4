/**
 * From PEM and PFX to material: what is taken, in which order, and one clear sentence for everything else.
 *
 * Read first: `src/certificates/material.ts`.
 */
import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { materialFromPem, materialFromPfx } from '../../src/certificates/material.ts';
import { leafDays, makeLeaf, makeRoot } from '../../src/certificates/x509.ts';
import { testAuthority, type TestCertificate } from '../support/certificates.ts';
import { runs, seed } from '../support/fuzz.ts';
import { peerPath, peerTest } from '../support/peers.ts';

const run = promisify(execFile);
const nowMs = Date.UTC(2026, 5, 1);
const dayMs = 86_400_000;

const load = ({ cert, key }: TestCertificate, passphrase: string | null = null, wallMs = nowMs) =>
  materialFromPem(
    { cert: { text: cert, where: 'cert.pem' }, key: { text: key, where: 'key.pem' }, passphrase },
    wallMs,
  );

describe('PEM', () => {
  test('the leaf is the certificate that the key belongs to; its chain follows it, in whatever order they were written', async () => {
    const root = await makeRoot(nowMs);
    const leaf = await makeLeaf(root, ['A.example', '*.a.example', '10.0.0.1', '::1'], nowMs);
    const written = leaf.cert.split(/(?<=-----END CERTIFICATE-----\n)/).filter((part) => part.trim() !== '');
    const expected = load(leaf);
    expect(written).toHaveLength(2);
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...written, ...written], { minLength: 4 }),
        fc.constantFrom('', 'a comment\n'),
        (parts, comment) => {
          const { material, warnings } = load({ cert: parts.map((part) => comment + part).join('\n'), key: leaf.key });
          expect(material).toEqual(expected.material);
          expect(warnings).toEqual([]);
        },
      ),
      { seed: seed(), numRuns: runs(20) },
    );
    expect(expected.material).toMatchObject({
      names: ['a.example', '*.a.example', '10.0.0.1', '::1'],
      notAfterMs: nowMs - 3_600_000 + leafDays * dayMs,
    });
    expect(new X509Certificate(expected.material.cert).raw).toEqual(new X509Certificate(written[0] ?? '').raw);
    createSecureContext({ cert: expected.material.cert, key: expected.material.key });
  });

  test('an intermediate that comes last is put behind its leaf, and its root behind it', async () => {
    const { leaf, chain } = await threeDeep();
    const [last, middle, first] = chain;
    const { material } = load({ cert: `${last}\n${first}\n${middle}\n`, key: leaf });
    const found = material.cert.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    const fingerprints = [first, middle, last].map((pem) => new X509Certificate(pem ?? '').fingerprint256);
    expect(found.map((pem) => new X509Certificate(pem).fingerprint256)).toEqual(fingerprints);
  });

  test('the same leaf with the same chain has the same id, and another chain another one', async () => {
    const root = await makeRoot(nowMs);
    const leaf = await makeLeaf(root, ['a.example'], nowMs);
    const alone = leaf.cert.slice(0, leaf.cert.length - root.cert.length);
    expect(load(leaf).material.id).toBe(load({ ...leaf, cert: `${root.cert}${alone}` }).material.id);
    expect(load({ ...leaf, cert: alone }).material.id).not.toBe(load(leaf).material.id);
  });

  test('a certificate that is no part of the chain is left out, and said', async () => {
    const [one, other] = await Promise.all(['One', 'Other'].map((name) => testAuthority(name)));
    const leaf = await one?.issue(['a.example']);
    const { material, warnings } = load({ cert: `${leaf?.cert}\n${other?.cert}`, key: leaf?.key ?? '' });
    expect(material.cert.match(/BEGIN/g)).toHaveLength(1);
    expect(warnings.filter((warning) => warning.includes('no part of the chain'))).toHaveLength(1);
  });

  test('a certificate that has expired, or is not valid yet, is taken and said', async () => {
    const leaf = await makeLeaf(await makeRoot(nowMs), ['a.example'], nowMs);
    expect(load(leaf).warnings).toEqual([]);
    expect(load(leaf, null, nowMs + leafDays * dayMs).warnings).toEqual([
      'the certificate in cert.pem has expired on 2026-08-29T23:00:00.000Z',
    ]);
    expect(load(leaf, null, nowMs - dayMs).warnings).toEqual([
      'the certificate in cert.pem is not valid before 2026-05-31T23:00:00.000Z',
    ]);
  });

  test('a locked key is opened by its passphrase, and kept unlocked', async () => {
    const leaf = await makeLeaf(await makeRoot(nowMs), ['a.example'], nowMs);
    const locked = createPrivateKey(leaf.key)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' })
      .toString();
    expect(load({ ...leaf, key: locked }, 'open').material).toEqual(load(leaf).material);
    expect(() => load({ ...leaf, key: locked })).toThrow('the key in key.pem is locked by a passphrase');
    expect(() => load({ ...leaf, key: locked }, 'wrong')).toThrow(
      'the key in key.pem does not open with this passphrase',
    );
  });

  test('what is wrong is one sentence that says where, with a stable code, and nothing of a key', async () => {
    const authority = await testAuthority();
    const [good, other, nameless] = [
      await authority.issue(['a.example']),
      await authority.issue(['b.example']),
      await authority.issue([]),
    ];
    const broken = good.cert.replace(/\n[A-Za-z0-9+/]{40}/, '\nAAAA');
    const cases: readonly (readonly [TestCertificate, string, string])[] = [
      [
        { ...good, key: other.key },
        'KEY',
        'the key in key.pem does not belong to the certificate in cert.pem (a.example)',
      ],
      [{ ...good, cert: good.key }, 'INVALID', 'cert.pem has no certificate in it, only PRIVATE KEY'],
      [{ ...good, key: good.cert }, 'KEY', 'key.pem has no private key in it, only CERTIFICATE'],
      [{ ...good, cert: '' }, 'INVALID', 'cert.pem has no certificate in it: it is empty'],
      [{ ...good, cert: '0\u0082binary' }, 'INVALID', 'cert.pem has no certificate in it: it is no PEM text'],
      [{ ...good, cert: good.cert.slice(0, 100) }, 'INVALID', 'cert.pem has no certificate in it: a block is cut off'],
      [{ ...good, cert: `# first line\n\n${broken}` }, 'INVALID', 'cert.pem:3: the certificate cannot be read'],
      [{ ...good, key: `${good.key}\n${other.key}` }, 'KEY', 'there is a second private key'],
      [
        { ...good, key: good.key.replace(/\n[A-Za-z0-9+/]{8}/, '\nAAAAAAAA') },
        'KEY',
        'the key in key.pem cannot be read',
      ],
      [nameless, 'INVALID', 'the certificate in cert.pem has no name in its subjectAltName'],
    ];
    for (const [parts, code, sentence] of cases) {
      const error = failureOf(() => load(parts));
      expect(error).toMatchObject({ name: 'CertificateError', code: `SALLYPORT_CERTIFICATE_${code}` });
      expect(error?.message).toContain(sentence);
      expect(error?.message).not.toContain(good.key.slice(40, 60));
    }
  });

  peerTest(
    'openssl',
    'a certificate that TLS would refuse at every handshake is refused when it is loaded',
    async () => {
      const folder = await temporary();
      const weak = [
        '-newkey',
        'rsa:512',
        '-sha256',
        '-days',
        '1',
        '-subj',
        '/CN=x',
        '-addext',
        'subjectAltName=DNS:a.example',
      ];
      await openssl('req', '-x509', '-nodes', ...weak, '-keyout', join(folder, 'k'), '-out', join(folder, 'c'));
      const parts = { cert: await readFile(join(folder, 'c'), 'utf8'), key: await readFile(join(folder, 'k'), 'utf8') };
      expect(() => load(parts)).toThrow('cert.pem cannot be used for TLS: ee key too small');
    },
  );
});

describe('PFX', () => {
  peerTest('openssl', 'a PFX file is taken as it is, and its leaf is known', async () => {
    const { leaf, pfx } = await exported('open');
    const { material, warnings } = materialFromPfx(pfx, 'open', 'it.pfx', nowMs);
    const { names, notBeforeMs, notAfterMs } = load(leaf).material;
    expect(material).toMatchObject({
      names,
      notBeforeMs,
      notAfterMs,
      key: '',
      pfx: { bytes: pfx, passphrase: 'open' },
    });
    expect(material.id).toBe(materialFromPfx(pfx, 'open', 'it.pfx', nowMs).material.id);
    expect(warnings).toEqual([]);
    expect(materialFromPfx(pfx, 'open', 'it.pfx', nowMs + leafDays * dayMs).warnings).toHaveLength(1);
  });

  peerTest('openssl', 'a PFX file that cannot be used is refused in one sentence', async () => {
    const { pfx } = await exported('open');
    const refused = (bytes: Buffer, passphrase: string | null) =>
      failureOf(() => materialFromPfx(bytes, passphrase, 'it.pfx', nowMs));
    expect(refused(pfx, 'wrong')?.message).toBe('it.pfx does not open with this passphrase');
    expect(refused(pfx, null)?.message).toBe('it.pfx is locked: give its passphrase');
    expect(refused(Buffer.from('text'), 'open')?.message).toContain(
      'it.pfx is no PFX file with a certificate and its key',
    );
    expect(refused(pfx.subarray(0, -20), 'open')).toMatchObject({ code: 'SALLYPORT_CERTIFICATE_INVALID' });
  });
});

function failureOf(act: () => unknown): Error | null {
  try {
    act();
    return null;
  } catch (error) {
    return error instanceof Error ? error : null;
  }
}

async function exported(passphrase: string): Promise<{ readonly leaf: TestCertificate; readonly pfx: Buffer }> {
  const folder = await temporary();
  const leaf = await makeLeaf(await makeRoot(nowMs), ['a.example'], nowMs);
  await writeFile(join(folder, 'both'), leaf.cert + leaf.key);
  await openssl(
    'pkcs12',
    '-export',
    '-in',
    join(folder, 'both'),
    '-out',
    join(folder, 'pfx'),
    '-passout',
    `pass:${passphrase}`,
  );
  return { leaf, pfx: await readFile(join(folder, 'pfx')) };
}

/** The root first, the leaf last. */
async function threeDeep(): Promise<{ readonly leaf: string; readonly chain: readonly string[] }> {
  const x509 = await import('@peculiar/x509');
  const { webcrypto } = await import('node:crypto');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = [];
  for (let depth = 0; depth < 3; depth += 1)
    keys.push(await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']));
  const chain: string[] = [];
  for (const [depth, own] of keys.entries()) {
    const made = await x509.X509CertificateGenerator.create(
      {
        subject: `CN=depth ${depth}`,
        issuer: `CN=depth ${Math.max(0, depth - 1)}`,
        publicKey: own.publicKey,
        signingKey: (keys[depth - 1] ?? own).privateKey,
        signingAlgorithm: algorithm,
        notBefore: new Date(nowMs - dayMs),
        notAfter: new Date(nowMs + dayMs),
        extensions: [
          new x509.BasicConstraintsExtension(depth < 2),
          new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'a.example' }]),
        ],
      },
      webcrypto,
    );
    chain.push(made.toString('pem'));
  }
  const last = keys[2];
  if (last === undefined) throw new Error('three were made');
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', last.privateKey));
  const leaf = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' });
  return { leaf: leaf.toString(), chain };
}

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-material-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function openssl(...args: readonly string[]): Promise<void> {
  await run(peerPath('openssl'), args);
}
