/**
 * What can be done about an address that could not be bound: what it was wanted for, where nobody wrote it down.
 *
 * Must never do: hide the error; a hint follows it. Read first: `serve.ts`.
 */
import { ProxyError } from '../errors.ts';
import { addressText } from '../io/address-text.ts';
import type { ListenerPlan, ProxyPlan } from '../routing/plan.ts';

/** Sentences, none where there is nothing to add. */
export function listenHints(error: unknown, { listeners }: ProxyPlan): readonly string[] {
  if (!(error instanceof ProxyError) || error.code !== 'SALLYPORT_LISTEN_FAILED') return [];
  const failed = listeners.find((one) => error.message.startsWith(`cannot listen on ${addressText(one)}: `));
  if (failed === undefined) return [];
  return [...(failed.isForChallenges ? [validationHint(failed)] : []), ...privilegeHint(failed, error.cause)];
}

function validationHint({ port, configPath }: ListenerPlan): string {
  return `port ${port} is wanted because authorities validate names there (HTTP-01) for the certificate of ${configPath}: free it, or let who has it pass /.well-known/acme-challenge/ on to another acme.challengePort, or leave http-01 out of acme.challenges`;
}

function privilegeHint({ port }: ListenerPlan, cause: unknown): readonly string[] {
  const isDenied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
  if (!isDenied || port >= 1_024) return [];
  return [
    `ports below 1024 need a privilege: CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE), or the sysctl net.ipv4.ip_unprivileged_port_start`,
  ];
}
