/**
 * `sallyport explain <target>`: which route a connection would take, and why not the others.
 *
 * Decides: what a target on a command line means. A word without a port is a connection's id, which only a running proxy
 * can explain.
 */
import type { Command } from 'commander';
import type { CommonOptions } from './common-options.ts';
import type { CommandHost } from './host.ts';
import { refuseLater } from './not-built.ts';
import { parseTarget } from './target.ts';

export function addExplain(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program
    .command('explain')
    .summary('which route a connection would take, and why')
    .description('Say which route a connection would take, why, and why not the others.')
    .argument('<target>', 'host:port, or a URL such as https://a.example:8443')
    .option('--from <address>', "the client's address", '127.0.0.1')
    .option('--protocol <name>', 'what the client speaks; default: what the URL says')
    .action(async (text: string, _own: unknown, command: Command) => {
      const target = parseTarget(text);
      if (target.kind === 'wrong') command.error(`error: ${target.message}`);
      if (target.kind === 'connection') {
        finish(
          refuseLater(`explain ${text}`, "needs a running proxy's admin API (a route is explained by host:port)", host),
        );
        return;
      }
      const options = command.optsWithGlobals<CommonOptions & { readonly from: string; readonly protocol?: string }>();
      const protocol = options.protocol ?? target.protocol;
      const { explainRoute } = await import('./explain-route.ts');
      finish(await explainRoute({ ...target, protocol, text, clientIp: options.from }, options, host));
    });
}
