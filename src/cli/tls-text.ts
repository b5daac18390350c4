/**
 * TLS in few words, for lists: where a certificate comes from, how a handshake is made.
 *
 * Must never do: read a file, or show a secret. Read first: `../routing/tls-plan.ts`.
 */
import type { RoutePlan } from '../routing/plan.ts';
import type { CertificatePlan, Material, TlsPlan } from '../routing/tls-plan.ts';

/** `terminates TLS with ./a.pem` and what is unusual about it; `TLS is passed through` and the like are no matter here. */
export function describeTls({ tls, name }: Pick<RoutePlan, 'tls' | 'name'>): string {
  if (tls === null) return '';
  return `${name} terminates TLS: ${[describeCertificate(tls.certificate), ...describeHandshake(tls)].join('; ')}`;
}

/** `ordered at https://… for a.example`, `/etc/a.pem with /etc/a.key`. */
export function describeCertificate(certificate: CertificatePlan): string {
  switch (certificate.type) {
    case 'auto': {
      const { acme, names } = certificate;
      const asked = acme.ask === null ? [] : ['names that come by, where the ask function says yes'];
      const challenges = acme.challenges.map((one) =>
        one === 'http-01' && acme.challengePort !== 80 ? `http-01 on port ${acme.challengePort}` : one,
      );
      const bound = acme.eab === null ? '' : `, account bound to ${acme.eab.keyId}`;
      return `ordered at ${acme.directoryUrl} by ${acme.email ?? 'nobody'} for ${[...names, ...asked].join(', ')} (${challenges.join(', ')}${bound})`;
    }
    case 'pem':
      return `${materialText(certificate.cert)} with the key ${materialText(certificate.key)}`;
    case 'pfx':
      return materialText(certificate.pfx);
    case 'function':
      return 'whatever the function of the configuration gives';
    case 'development':
      break;
  }
  return `of the development authority, for ${certificate.names.length === 0 ? 'every name' : certificate.names.join(', ')}`;
}

/** What is not the default; one phrase each. */
export function describeHandshake(tls: TlsPlan): readonly string[] {
  const { minVersion, maxVersion, ciphers, clientAuth, upstream } = tls;
  const parts: string[] = [];
  if (maxVersion !== null || minVersion !== 'TLSv1.2')
    parts.push(
      (maxVersion ?? 'TLSv1.3') === minVersion ? `only ${minVersion}` : `${minVersion} to ${maxVersion ?? 'TLSv1.3'}`,
    );
  if (ciphers !== null) parts.push(`ciphers ${ciphers}`);
  if (clientAuth !== null)
    parts.push(
      `clients ${clientAuth.require ? 'must show' : 'may show'} a certificate that ${materialText(clientAuth.ca)} vouches for`,
    );
  if (upstream !== null) parts.push(describeUpstream(upstream));
  return parts;
}

function describeUpstream({ verify, ca, serverName, pins, identity }: NonNullable<TlsPlan['upstream']>): string {
  const by = ca === null ? 'the system' : materialText(ca);
  return [
    'TLS to the upstream',
    ...(verify ? [`verified by ${by}`] : ['not verified']),
    ...(serverName === null ? [] : [`as ${serverName}`]),
    ...(pins.length === 0 ? [] : [pins.length === 1 ? '1 pinned key' : `${pins.length} pinned keys`]),
    ...(identity === null ? [] : [`showing ${materialText(identity.cert)}`]),
  ].join(', ');
}

function materialText(material: Material): string {
  if (material.kind === 'file') return material.path;
  return material.kind === 'text' ? 'PEM in the configuration' : `${material.bytes.length} bytes in the configuration`;
}
