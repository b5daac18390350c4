/**
 * Authentication in a configuration: whom it lets in, where it can be asked for, and that no secret is ever shown.
 */
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/problems.ts';
import { readYaml } from '../../src/config/read-yaml.ts';
import { resolveConfig, resolveSource } from '../../src/config/resolve.ts';
import { forward, onlyRoute, problems, routeComplaints, web } from '../support/config-samples.ts';

const scrypt = `scrypt:16384:8:5:${Buffer.alloc(16, 1).toString('base64')}:${Buffer.alloc(32, 2).toString('base64')}`;
const bcrypt = `$2y$10$${'a'.repeat(53)}`;
const basic = { type: 'basic', credentials: [{ username: 'api', password: scrypt }] };
const jwt = { type: 'jwt', jwksUrl: 'https://id.example/keys' };

const asking = (authentication: unknown) => onlyRoute({ security: { authentication } });
const wrong = (authentication: unknown) => routeComplaints({ security: { authentication } });
const base = 'routes[0].security.authentication';

describe('basic authentication', () => {
  test('X05: it reaches the plan from the route and from the action alike, and keeps credentials to itself unless asked', () => {
    const expected = {
      type: 'basic',
      realm: 'sallyport',
      credentials: [{ username: 'api', password: scrypt }],
      htpasswd: null,
      forwardCredentials: false,
    };
    expect(asking(basic)).toMatchObject({ authentication: expected, needsHttp: true, match: { protocol: 'http' } });
    expect(onlyRoute({ action: { ...forward, security: { authentication: basic } } }).authentication).toEqual(expected);
    expect(asking({ ...basic, realm: 'Intern', forward: 'true' }).authentication).toEqual({
      ...expected,
      realm: 'Intern',
      forwardCredentials: true,
    });
    expect(onlyRoute().authentication).toBeNull();
  });

  test('X05: hashes are understood or refused; what is neither is a plain password, which loads with a warning', () => {
    const withPassword = (password: unknown) => ({ ...basic, credentials: [{ username: 'api', password }] });
    for (const password of [scrypt, bcrypt]) expect([password, wrong(withPassword(password))]).toEqual([password, []]);
    const refused = [
      '',
      'scrypt:16384:8:5:AAAA',
      'scrypt:1000:8:1:AAAAAAAAAAAAAAAAAAAAAA==:AAAAAAAAAAAAAAAAAAAAAA==',
      scrypt.replace('16384', '1073741824'),
      '$2y$10$short',
      bcrypt.replace('$10$', '$31$'),
      '$apr1$a$b',
      '$6$a$b',
      5,
      null,
      'x'.repeat(513),
    ];
    for (const password of refused) expect([password, wrong(withPassword(password)).length]).toEqual([password, 1]);
    const { warnings } = resolveConfig({ routes: [web({ security: { authentication: withPassword('hunter2') } })] });
    expect(warnings).toEqual([
      `${base}: without tls this is plain HTTP, and credentials travel in the clear`,
      `${base}.credentials[0].password: a plain password; sallyport hash-password makes a hash of it`,
    ]);
    expect(JSON.stringify(warnings)).not.toContain('hunter2');
  });

  test('X05: nobody twice, nobody without a name, somebody at all', () => {
    const users = (...names: readonly unknown[]) =>
      wrong({ type: 'basic', credentials: names.map((username) => ({ username, password: 'x' })) });
    expect(users('a', 'b')).toEqual([]);
    expect(users('a', 'b', 'a')).toEqual([
      `${base}.credentials[2].username: this user is there already; a user has one password`,
    ]);
    for (const username of ['', 'a:b', 'a\u0000', 5]) expect(users(username)).toHaveLength(1);
    expect(users()).toHaveLength(1);
    expect(wrong({ type: 'basic' })).toEqual([`${base}: basic authentication lets nobody in: credentials is missing`]);
    for (const realm of ['', 'a"b', 'a\\b', 'é']) expect(wrong({ ...basic, realm })).toHaveLength(1);
  });

  test('X08: on the route and in the action at once it is refused, also where both say the same', () => {
    const security = { authentication: basic };
    expect(routeComplaints({ security, action: { ...forward, security } })).toEqual([
      'routes[0].action.security: security stands on the route and in its action; keep one of them',
    ]);
  });

  test('X05: it is refused where HTTP cannot be seen, whichever of the two places it stands in', () => {
    const handler = { type: 'handler', socketHandler: () => undefined };
    const places = [
      [{ tls: { mode: 'passthrough' } }, 'passthrough'],
      [{ match: { ports: 1, protocol: 'tcp' } }, 'raw TCP'],
      [{ match: { ports: 1, protocol: 'ssh' } }, 'raw TCP (protocol ssh)'],
      [{ match: { ports: 1, protocol: 'redis' } }, 'raw TCP (protocol redis)'],
      [{ match: { ports: 1, protocol: 'tls' } }, 'TLS that is not terminated'],
      [{ match: { ports: 1, alpn: 'h2' } }, 'TLS that is not terminated'],
      [{ action: handler }, 'the raw bytes that a socket handler is given'],
    ] as const;
    for (const authentication of [basic, jwt]) {
      const security = { authentication };
      for (const [route, where] of places) {
        const message = `${authentication.type} authentication needs HTTP, which is invisible on ${where}`;
        expect(routeComplaints({ ...route, security })).toEqual([`${base}: ${message}`]);
        const action = 'action' in route ? route.action : forward;
        expect(routeComplaints({ ...route, action: { ...action, security } })).toEqual([
          `routes[0].action.security.authentication: ${message}`,
        ]);
      }
    }
    expect(routeComplaints({ action: { type: 'block' }, security: { authentication: basic } })).toEqual([
      `${base}: authentication cannot be enforced here: a blocked connection ends before it could matter`,
    ]);
  });

  test('X05: no password, hashed or plain, is in a problem, a message or a code frame', () => {
    const text = `routes:
  - name: web
    match: { ports: 8080, protocol: tcp }
    action: { type: forward, target: { host: a, port: 1 } }
    security:
      authentication:
        type: basic
        credentials:
          - { username: api, password: "hunter2", colour: red }
          - { username: api, password: "$6$hunter2" }
          - hunter2
        jwksUrl: "https://hunter2@id.example"
`;
    try {
      resolveSource(readYaml('a.yaml', text));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      if (!(error instanceof ConfigError)) return;
      expect(error.problems.length).toBeGreaterThanOrEqual(4);
      expect(error.report + error.message + JSON.stringify(error.problems)).not.toContain('hunter2');
    }
  });
});

test('X05: the value of a credential or cookie that a rewrite sets is in no problem and no code frame', () => {
  for (const name of ['Authorization', 'Proxy-Authorization', 'Cookie', 'set-cookie', 'x-api-key']) {
    const text = `routes:
  - name: web
    match: { ports: 8080 }
    action:
      type: forward
      target: { host: a, port: 1 }
      rewrite: { headers: { set: { ${name}: "Bearer hunter2 " } } }
`;
    try {
      resolveSource(readYaml('a.yaml', text));
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      expect(error.problems).toMatchObject([{ got: '[hidden]' }]);
      expect([name, error.report]).toEqual([name, expect.not.stringContaining('hunter2')]);
    }
  }
});

describe('tokens', () => {
  test('X05: they reach the plan: keys, issuer, audience, algorithms', () => {
    expect(asking(jwt).authentication).toEqual({
      type: 'jwt',
      jwksUrl: 'https://id.example/keys',
      issuer: null,
      audience: null,
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      forwardCredentials: false,
    });
    expect(
      asking({ ...jwt, issuer: 'https://id.example/', audience: 'api', algorithms: 'ES256', forward: true })
        .authentication,
    ).toEqual({
      type: 'jwt',
      jwksUrl: 'https://id.example/keys',
      issuer: 'https://id.example/',
      audience: ['api'],
      algorithms: ['ES256'],
      forwardCredentials: true,
    });
  });

  test('X05: a place for keys that is none, and algorithms that prove nothing, are refused', () => {
    for (const jwksUrl of ['', 'id.example', 'file:///keys', 'https://user:word@id.example/', 5])
      expect([jwksUrl, wrong({ ...jwt, jwksUrl }).length]).toEqual([jwksUrl, 1]);
    for (const algorithms of ['none', 'HS256', ['RS256', 'none'], [], 'rs256'])
      expect([algorithms, wrong({ ...jwt, algorithms }).length]).toEqual([algorithms, 1]);
    expect(wrong({ type: 'jwt' })).toEqual([`${base}: jwt authentication lets nobody in: jwksUrl is missing`]);
    const { warnings } = resolveConfig({
      routes: [web({ security: { authentication: { ...jwt, jwksUrl: 'http://id.example/keys' } } })],
    });
    expect(warnings).toContain(`${base}.jwksUrl: the keys that tokens are checked with come over plain HTTP`);
  });

  test('X03: keys of the other kind are refused, and so is a kind that nobody knows', () => {
    expect(wrong({ ...basic, jwksUrl: 'https://id.example/keys' })).toEqual([
      `${base}.jwksUrl: jwksUrl belongs to jwt authentication and cannot be enforced here`,
    ]);
    expect(wrong({ ...jwt, credentials: [{ username: 'a', password: 'b' }] })).toEqual([
      `${base}.credentials: credentials belongs to basic authentication and cannot be enforced here`,
    ]);
    expect(wrong({ type: 'digest' })).toEqual([`${base}.type: this must be basic or jwt`]);
    expect(wrong({})).toEqual([`${base}.type: type is missing`]);
  });
});

describe('the rest of security', () => {
  test('X01, X05: the example of the older style loads, with its lists, its cap and its users', () => {
    const security = {
      ipAllowList: ['192.168.1.*', '10.0.0.0/8'],
      ipBlockList: ['192.168.1.100'],
      maxConnections: 100,
      authentication: { type: 'basic', credentials: [{ username: 'api', password: 'secret' }] },
    };
    const route = {
      name: 'secure-api',
      match: { ports: 8443, domains: 'api.example.com' },
      action: { type: 'forward', target: { host: 'localhost', port: 3000 }, security },
    };
    expect(resolveConfig({ routes: [route] }).routes).toMatchObject([
      {
        access: { allow: security.ipAllowList, block: security.ipBlockList },
        admission: { maxConnections: 100 },
        authentication: { type: 'basic' },
        needsHttp: true,
      },
    ]);
  });

  test('X01: an address that nobody can have is refused in both lists', () => {
    const security = { ipAllowList: ['10.0.0.0/33'], ipBlockList: 'office' };
    expect(problems({ routes: [web({ security })] }).map(({ path }) => path)).toEqual([
      'routes[0].security.ipAllowList[0]',
      'routes[0].security.ipBlockList',
    ]);
  });
});
