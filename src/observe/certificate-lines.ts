/**
 * What the log says of certificates: one sentence for each event, and how loud it is.
 *
 * Must never do: show a key or a token; events carry none. Read first: `log-events.ts`.
 */
import type { CertificateEvent, Logger } from '../proxy-api.ts';

export function certificateLevel(event: CertificateEvent): Parameters<Logger['log']>[0] {
  switch (event.event) {
    case 'certificate.rejected':
    case 'certificate.failed':
      return 'error';
    case 'certificate.expiring':
    case 'certificate.backing-off':
      return 'warn';
    case 'certificate.challenging':
      return 'debug';
    case 'certificate.loaded':
      return event.warnings.length > 0 ? 'warn' : 'info';
    default:
      return 'info';
  }
}

export function certificateSentence(event: CertificateEvent): string {
  const names = 'names' in event ? listed(event.names) : '';
  switch (event.event) {
    case 'certificate.loaded': {
      const what = event.isReplacement ? 'replaced' : 'loaded';
      return [`certificate for ${names} ${what}, valid until ${day(event.notAfterMs)}`, ...event.warnings].join('; ');
    }
    case 'certificate.rejected':
      return `${event.configPath}: ${event.message}; ${event.servesOn ? 'the certificate that served before goes on' : 'whoever asks for it is refused'}`;
    case 'certificate.expiring':
      return event.leftMs > 0
        ? `certificate for ${names} ends on ${day(event.notAfterMs)}`
        : `certificate for ${names} has ended on ${day(event.notAfterMs)}`;
    case 'certificate.development':
      return event.isNew
        ? `a development authority was made; trust ${event.root} to be trusted`
        : `development certificates are signed by ${event.root}`;
    case 'certificate.ordering':
      return `${event.isRenewal ? 'renewing' : 'ordering'} the certificate for ${names} at ${event.directoryUrl}`;
    case 'certificate.challenging':
      return `proving ${names} by ${listed(event.challenges)}`;
    case 'certificate.issued':
      return `certificate for ${names} issued, valid until ${day(event.notAfterMs)}${event.isSaved ? '' : '; it could not be written to the store'}`;
    case 'certificate.found':
      return `certificate for ${names} found in the store, valid until ${day(event.notAfterMs)}`;
    case 'certificate.renewing':
      return `the certificate for ${names} is due to be renewed`;
    case 'certificate.failed':
      return `the certificate for ${names} could not be had in ${event.state}: ${event.problem.detail}`;
    case 'certificate.backing-off':
      return `the certificate for ${names} will be asked for again at ${new Date(event.untilMs).toISOString()} (failures: ${event.failures})`;
    case 'certificate.ask-refused':
  }
  const more = event.count > 1 ? ` (and ${event.count - 1} more)` : '';
  return `no certificate is ordered for ${names}: ${event.reason}${more}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
