/**
 * The small parts of the configuration: durations, paths, suggestions, host names, placeholders, what may be shown.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeFrame, visibleLines } from '../../src/config/code-frame.ts';
import { readDomain } from '../../src/config/domain.ts';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';
import { formatPath, parsePath } from '../../src/config/path.ts';
import { expandPlaceholders } from '../../src/config/placeholders.ts';
import { showValue } from '../../src/config/shown.ts';
import { nearest } from '../../src/config/suggest.ts';
import { deadlineMsMax } from '../../src/machines/connection/delays.ts';
import { runs, seed } from '../support/fuzz.ts';

const check = (property: fc.IRawProperty<unknown>, usual = 300): void => {
  void fc.assert(property, { seed: seed(), numRuns: runs(usual) });
};

describe('durations', () => {
  test('A03: what is written for a duration reads back as the same milliseconds', () => {
    check(
      fc.property(fc.integer({ min: 1, max: deadlineMsMax }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toEqual({ ok: true, ms });
        expect(parseDuration(ms)).toEqual({ ok: true, ms });
      }),
    );
  });

  test('A03: every unit means its number of milliseconds', () => {
    check(
      fc.property(fc.integer({ min: 1, max: 500 }), (amount) => {
        const units = [`${amount}ms`, `${amount}s`, `${amount}m`, `${amount}h`, String(amount)].map((text) =>
          parseDuration(text),
        );
        expect(units).toEqual([1, 1_000, 60_000, 3_600_000, 1].map((factor) => ({ ok: true, ms: amount * factor })));
      }),
    );
  });

  test('T03: a duration beyond the limit of the timers is refused, not cut', () => {
    expect(parseDuration(deadlineMsMax)).toEqual({ ok: true, ms: deadlineMsMax });
    for (const value of [
      deadlineMsMax + 1,
      '25d',
      '597h',
      '999999999999999h',
      Number.MAX_VALUE,
      Number.POSITIVE_INFINITY,
    ]) {
      expect([value, parseDuration(value).ok]).toEqual([value, false]);
    }
  });

  test('A04: any text is a duration or is refused with a sentence', () => {
    check(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+]?\d*\.?\d* ?[a-zA-Z]*$/), fc.double()), (value) => {
        const result = parseDuration(value);
        if (result.ok) expect(Number.isInteger(result.ms) && result.ms >= 0 && result.ms <= deadlineMsMax).toBe(true);
        else expect(result.message).not.toBe('');
      }),
    );
  });

  test.each([
    ['1.5s', '1500ms'],
    ['5 sec', '5s'],
    ['2 Minutes', '2m'],
    ['1d', '24h'],
  ])('A03: %s is refused and %s suggested', (text, suggestion) => {
    expect(parseDuration(text)).toMatchObject({ ok: false, suggestion });
  });
});

describe('paths and suggestions', () => {
  const key = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9]{0,8}$/);

  test('A04: a path that was written is read back', () => {
    check(
      fc.property(key, fc.array(fc.oneof(key, fc.nat(999))), (first, rest) => {
        expect(parsePath(formatPath([first, ...rest]))).toEqual([first, ...rest]);
      }),
    );
  });

  test('A04: one slip of the finger still finds the word', () => {
    const words = ['maxConnections', 'halfClosedMax', 'protocol', 'domains', 'listeners'];
    check(
      fc.property(
        fc.constantFrom(...words),
        fc.nat(),
        fc.constantFrom('delete', 'swap', 'double'),
        (word, at, slip) => {
          const index = at % (word.length - 1);
          const [left, a, b, right] = [
            word.slice(0, index),
            word[index] ?? '',
            word[index + 1] ?? '',
            word.slice(index + 2),
          ];
          const wrong = { delete: left + b + right, swap: left + b + a + right, double: left + a + a + b + right }[
            slip
          ];
          expect(nearest(wrong, words)).toBe(word);
        },
      ),
    );
  });

  test('A04: a word that is nobody’s slip gets no suggestion', () => {
    expect(nearest('zzzzzz', ['protocol', 'domains'])).toBeNull();
    expect(nearest('', ['a'])).toBeNull();
    expect(nearest('shs', ['tcp', 'ssh'])).toBe('ssh');
  });
});

describe('host names', () => {
  test('R02: a name is compared without case, port and trailing dot', () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
    check(
      fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), (labels) => {
        const name = [...labels, 'example'].join('.');
        for (const written of [name, name.toUpperCase(), `${name}.`, `${name}:443`, ` ${name} `])
          expect(readDomain(written)).toEqual({ ok: true, name });
      }),
    );
  });

  test('R02: an international name becomes what clients send', () => {
    expect(readDomain('bücher.example')).toEqual({ ok: true, name: 'xn--bcher-kva.example' });
    expect(readDomain('*.bücher.example')).toEqual({ ok: true, name: '*.xn--bcher-kva.example' });
  });

  test.each(['', '.', 'a..b', 'http://a.example', 'a b', 'bü*.example', `${'a'.repeat(64)}.example`, 'a/b'])(
    'R02: %j is not a host name',
    (text) => {
      expect(readDomain(text).ok).toBe(false);
    },
  );
});

describe('placeholders', () => {
  test('A03: text without a placeholder, keys, and everything that is not text stay as they are', () => {
    const withoutDollar = fc
      .anything({ maxDepth: 3 })
      .filter((value) => !(JSON.stringify(value, bigintSafe) ?? '').includes('${'));
    check(
      fc.property(withoutDollar, (value) => {
        const { value: copy, findings } = expandPlaceholders(value, {});
        expect(copy).toEqual(value);
        expect(findings).toEqual([]);
      }),
    );
  });

  test('A03: what was inserted is not looked at again', () => {
    expect(expandPlaceholders({ a: 'x-${A}' }, { A: '${B}', B: 'no' }).value).toEqual({ a: 'x-${B}' });
  });

  test('A03: a default stands in for an unset or empty variable', () => {
    const expanded = expandPlaceholders(['${A:-1}', '${B:-2}', '${C:-3}', '${A}', '${D:-}'], { A: 'a', B: '' });
    expect(expanded).toMatchObject({ value: ['a', '2', '3', 'a', ''], findings: [] });
  });

  test('A03: a missing variable and a misspelt placeholder are told at their path', () => {
    const { findings } = expandPlaceholders({ store: '${NOWHERE}', log: ['${A-b}', '${'] }, {});
    expect(findings.map(({ path }) => formatPath(path))).toEqual(['store', 'log[0]', 'log[1]']);
  });

  test('A03: an object that contains itself is told, not followed', () => {
    const loop: Record<string, unknown> = {};
    loop['again'] = loop;
    expect(expandPlaceholders(loop, {}).findings).toMatchObject([{ path: ['again'], message: 'this contains itself' }]);
  });
});

describe('secrets', () => {
  test('X05: no value under authentication, a password, a token or a key is shown', () => {
    const part = fc.constantFrom(
      'authentication',
      'credentials',
      'password',
      'passphrase',
      'token',
      'key',
      'clientSecret',
      'pfx',
    );
    check(
      fc.property(
        fc.array(fc.string()),
        part,
        fc.array(fc.oneof(fc.string(), fc.nat())),
        fc.string({ minLength: 1 }),
        (before, secret, after, value) => {
          expect(showValue(value, [...before, secret, ...after], null)).toBe('[hidden]');
        },
      ),
    );
  });

  test('X05: what came from the environment is shown as it was written', () => {
    expect(showValue('hunter2', ['store'], '${STORE}')).toBe('${STORE}');
    expect(showValue('redis://user:hunter2@host', ['store'], null)).not.toContain('hunter2');
  });

  test('X05: a code frame hides a secret on its own line, on its neighbours and below its key', () => {
    const text = [
      'a: 1',
      'security:',
      '  authentication:',
      '    type: basic',
      '    users:',
      '      - hunter2',
      'b: { password: hunter2 }',
      'c: 3',
    ].join('\n');
    for (let line = 1; line <= 8; line += 1) expect(codeFrame(visibleLines(text), line, 1)).not.toContain('hunter2');
    expect(codeFrame(visibleLines(text), 8, 1)).toContain('c: 3');
  });

  /** The line as it is shown, and the character above the caret. */
  const shown = (line: string, at: string): readonly [string, string] => {
    const [text = '', caret = ''] = codeFrame(visibleLines(line), 1, line.indexOf(at) + 1).split('\n');
    return [text.slice(8), text[caret.indexOf('^')] ?? ''];
  };

  test('X05: only the value of a secret is hidden where its end is sure, and the caret stays where it points', () => {
    expect(shown('{ hashBy: "cookie:sid", y: 1 }', '1')).toEqual(['{ hashBy: "cookie:sid", y: 1 }', '1']);
    expect(shown('hashBy: cookie:sid', 'sid')).toEqual(['hashBy: cookie:sid', 's']);
    const tls = 'tls: { certificate: { cert: ./c.pem, key: ./a-long-name-of-a-key.pem }, minVersion: 9 }';
    const hidden = tls.replace('./a-long-name-of-a-key.pem ', '[hidden] ');
    expect(shown(tls, '9')).toEqual([hidden.replace('[hidden] }', '[hidden]}'), '9']);
    expect(shown('{"password": "hun\\"ter,2", "b": 9}', '9')).toEqual(['{"password": [hidden], "b": 9}', '9']);
    expect(shown("{ username: ann, password: 'hun''ter, 2', b: 9 }", '9')).toEqual([
      '{ username: [hidden], password: [hidden], b: 9 }',
      '9',
    ]);
    expect(shown(`${tls.slice(0, -2)}, ciphers: ${'x'.repeat(200)}, servername: 7 }`, '7')[1]).toBe('7');
  });

  test.each([
    'password: hunter2 # }, x',
    'a: password: hunter2, x',
    '{"a":"b" "password":"hunter2"}',
    '"password: hunter2, b: 1',
    '"password:hunter2, b: 1',
    '{ password:hunter2 }',
    '- password:hunter2',
    '{ password: "a" hunter2 }',
    '{ password: "a, hunter2',
    '{ password: a"b, hunter2 }',
    '{ password: [a, hunter2], b: 1 }',
    '{ password: { a: 1, b: hunter2 }, c: 1 }',
    '{ password: &x hunter2, c: 1 }',
    '{ authentication: { credentials: [{ username: a, password: b }], x: hunter2 } }',
    '{ key: k, cert: "-----BEGIN PRIVATE KEY-----hunter2" }',
    '{ key: k, store: "redis://a:hunter2@h" }',
    '{ store: "redis://a:hunter2@h", key: k }',
  ])('X05: a frame does not show the secret of %s', (line) => {
    expect(codeFrame(visibleLines(`${line}\nb: 1`), 2, 1)).not.toContain('hunter2');
  });
});

function bigintSafe(_: string, value: unknown): unknown {
  return typeof value === 'bigint' || typeof value === 'symbol' ? String(value) : value;
}
