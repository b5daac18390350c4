/**
 * The schema of `security`, on a route or in its action.
 *
 * Decides: the form of credentials, lists, caps and rates. Whether they can be asked for at all is decided by
 * `check-http.ts` and `check-admission.ts`. Must never do: put a secret into what it says.
 */
import { jwtAlgorithms, jwtAlgorithmsDefault } from '../routing/jwt-algorithms.ts';
import { z } from 'zod';

import { cap, rateLimitSchema } from './schema-admission.ts';
import { address, addressExpected } from './schema-match.ts';
import { passwordForm } from './password-form.ts';
import { fieldValueProblem } from './schema-fields.ts';
import { label, oneOrMany, toggle } from './schema-values.ts';

const usernameExpected = 'a user name without a colon';
const username = label(usernameExpected).regex(/^[^:]+$/, { error: usernameExpected });

const passwordExpected = 'a hash that sallyport hash-password prints, a bcrypt hash ($2y$…), or plain text';
const password = z
  .string({ error: passwordExpected })
  .max(512, { error: 'a password of at most 512 characters' })
  .transform((text, context) => {
    const form = passwordForm(text);
    if (form.form !== 'wrong') return text;
    context.addIssue({ code: 'custom', message: form.message, params: { expected: passwordExpected } });
    return z.NEVER;
  });

const credentialsExpected = 'a list of { username, password }';
const credentials = oneOrMany(
  z.strictObject({ username, password }, { error: 'an object { username, password }' }),
  credentialsExpected,
).check((context) => {
  const seen = new Set<string>();
  for (const [index, one] of context.value.entries()) {
    const name = one.username.normalize('NFC');
    if (seen.has(name))
      context.issues.push({
        code: 'custom',
        message: 'this user is there already; a user has one password',
        params: {},
        input: context.value,
        path: [index, 'username'],
      });
    seen.add(name);
  }
});

const realmExpected = 'a short text without quotes';
const realm = label(realmExpected).refine((text) => fieldValueProblem(text) === null && !/["\\]/.test(text), {
  error: realmExpected,
});

const urlExpected = 'an http or https URL';
const jwksUrl = z.string({ error: urlExpected }).transform((text, context) => {
  const url = URL.parse(text);
  const isWeb = url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
  if (isWeb && url.username === '' && url.password === '') return text;
  const message = isWeb ? 'this URL holds credentials' : 'this is not an http or https URL';
  context.addIssue({ code: 'custom', message, params: { expected: urlExpected } });
  return z.NEVER;
});

const algorithm = z.enum(jwtAlgorithms, {
  error: ({ input }) =>
    typeof input === 'string' && /^(?:none|HS\d+)$/i.test(input)
      ? `one of ${jwtAlgorithms.join(', ')}; ${input} proves nothing with keys that are public`
      : `one of ${jwtAlgorithms.join(', ')}`,
});

const forward = toggle()
  .meta({ description: 'true: the upstream sees the Authorization field. Default: false, it ends here.' })
  .optional();

/** One object for both kinds; `check-authentication.ts` says which keys belong to which. */
export const authenticationSchema = z.strictObject(
  {
    type: z.enum(['basic', 'jwt'], { error: 'basic or jwt' }).meta({ description: 'Who is asked for what.' }),
    realm: realm.meta({ description: 'basic: what a browser shows. Default: sallyport.' }).optional(),
    credentials: credentials.meta({ description: 'basic: who may pass.' }).optional(),
    htpasswd: label('the path of a file of user:hash lines')
      .meta({
        description: 'basic: a file of user:hash lines as htpasswd -B writes it, relative to the configuration file.',
      })
      .optional(),
    jwksUrl: jwksUrl.meta({ description: 'jwt: where the public keys are.' }).optional(),
    issuer: label('the issuer of the tokens').meta({ description: 'jwt: what iss must be.' }).optional(),
    audience: oneOrMany(label('an audience'), 'an audience or a list of them')
      .meta({ description: 'jwt: one of these must be in aud.' })
      .optional(),
    algorithms: oneOrMany(algorithm, 'an algorithm or a list of them')
      .meta({ description: `jwt: how tokens may be signed. Default: ${jwtAlgorithmsDefault.join(', ')}.` })
      .optional(),
    forward,
  },
  { error: 'an object, such as { type: basic, credentials: [{ username, password }] }' },
);

export const securitySchema = z.strictObject(
  {
    authentication: authenticationSchema.meta({ description: 'Who may pass; HTTP only.' }).optional(),
    ipAllowList: oneOrMany(address, addressExpected)
      .meta({
        description: 'Client addresses that may pass, by CIDR, address or glob. Absent: all that are not blocked.',
      })
      .optional(),
    ipBlockList: oneOrMany(address, addressExpected)
      .meta({ description: 'Client addresses that may not pass, whatever the allow list says.' })
      .optional(),
    onBan: z
      .enum(['keep', 'drain', 'kill'], { error: 'keep, drain or kill' })
      .meta({
        description: 'What a change of the lists does to live connections that may not pass any more. Default: keep.',
      })
      .optional(),
    maxConnections: cap('Connections at once; on HTTP routes concurrent exchanges. Absent: no cap of the route.'),
    maxConnectionsPerIp: cap('The same for each client (IPv6: for each /64). Absent: no cap.'),
    rateLimit: rateLimitSchema('route')
      .meta({ description: 'How many connections, and requests, may begin in a time. Absent: any number.' })
      .optional(),
  },
  { error: 'an object, such as { authentication: { type: basic, credentials: [ … ] } }' },
);

export type AuthenticationInput = z.output<typeof authenticationSchema>;
