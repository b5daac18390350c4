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
    .option('--method <name>', "the request's method; default: GET")
    .option('-H, --header <name: value>', 'a header field of the request; repeatable', collectHeader)
    .action(async (text: string, _own: unknown, command: Command) => {
      const target = parseTarget(text);
      if (target.kind === 'wrong') command.error(`error: ${target.message}`);
      if (target.kind === 'connection') {
        finish(
          refuseLater(`explain ${text}`, "needs a running proxy's admin API (a route is explained by host:port)", host),
        );
        return;
      }
      const options = command.optsWithGlobals<CommonOptions & OwnOptions>();
      const protocol = options.protocol ?? target.protocol;
      const { from: clientIp, method = null, header: headers = {} } = options;
      const { explainRoute } = await import('./explain-route.ts');
      finish(await explainRoute({ ...target, protocol, text, clientIp, method, headers }, options, host));
    });
}

interface OwnOptions {
  readonly from: string;
  readonly protocol?: string;
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
