/**
 * `sallyport explain <target>`: which route a connection or request would take, and why not the others.
 *
 * Decides: what a target on a command line means. A word without a port is a connection's id, which only a running proxy
 * can explain.
 */
import { InvalidArgumentError, type Command } from 'commander';
import type { CommonOptions } from './common-options.ts';
import type { CommandHost } from './host.ts';
import { refuseLater } from './not-built.ts';
import { parseTarget } from './target.ts';

export function addExplain(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program
    .command('explain')
    .summary('which route a connection or request would take, and why')
    .description('Say which route a connection or an HTTP request would take, why, and why not the others.')
    .argument('<target>', 'host:port, or a URL such as https://a.example:8443 or http://localhost:8080/v1/users?v=2')
    .option('--from <address>', "the client's address", '127.0.0.1')
    .option('--protocol <name>', 'what the client speaks; default: what the URL says')
    .option('--alpn <names>', 'what a TLS client offers, with commas; default: h2,http/1.1 for https and wss')
    .option('--method <name>', "the request's method; default: GET")
    .option('--json', 'for programs')
    .option('-H, --header <name: value>', 'a header field of the request; repeatable', collectHeader)
    .action(async (text: string, _own: unknown, command: Command) => {
      const target = parseTarget(text);
      if (target.kind === 'wrong') command.error(`error: ${target.message}`);
      if (target.kind === 'connection') {
        finish(refuseLater(`explain ${text}`, "needs a running proxy's admin API", host));
        host.complain(hintAbout(text));
        return;
      }
      const options = command.optsWithGlobals<CommonOptions & OwnOptions>();
      const protocol = options.protocol ?? target.protocol;
      const { from: clientIp, method = null, header: headers = {} } = options;
      const isWeb = target.tls === true && target.protocol !== 'tls';
      const alpn = options.alpn?.split(',') ?? (isWeb ? ['h2', 'http/1.1'] : []);
      const { explainRoute } = await import('./explain-route.ts');
      finish(await explainRoute({ ...target, protocol, alpn, text, clientIp, method, headers }, options, host));
    });
}

/** What can be done about an id meanwhile. An exchange's id is its connection's with a number behind it. */
function hintAbout(id: string): string {
  const [connectionId = ''] = id.split('.');
  const what = id === connectionId ? 'connection' : 'exchange';
  const log = `the log has a record of connection ${connectionId}${what === 'exchange' ? ', and at level debug one of the exchange' : ''}`;
  return `  meanwhile: in code, proxy.explain('${id}') tells what became of this ${what}; ${log}`;
}

interface OwnOptions {
  readonly from: string;
  readonly json?: boolean;
  readonly protocol?: string;
  readonly alpn?: string;
  readonly method?: string;
  readonly header?: Headers;
}

type Headers = Readonly<Record<string, readonly string[]>>;

/** `x-tenant: a`, as curl takes it. */
function collectHeader(text: string, earlier: Headers = {}): Headers {
  const [, name, value = ''] = /^([^:\s]+):[ \t]*(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('A header field is name: value.');
  return { ...earlier, [name.toLowerCase()]: [...(earlier[name.toLowerCase()] ?? []), value.trimEnd()] };
}
