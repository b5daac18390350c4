/**
 * PEM that handshakes need besides a server's own certificate: authorities, and what we show to upstreams.
 *
 * Decides: nothing. Files are read before the first connection, and checked to be PEM, because OpenSSL skips over what is
 * not: an authority that is none would only show in every handshake failing.
 * Must never do: read while a connection waits. Read first: `contexts.ts`.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ProxyError } from '../../errors.ts';
import type { Material } from '../../routing/tls-plan.ts';

export class MaterialFiles {
  readonly #texts = new Map<string, string>();

  /**
   * Reads it, again where it was read before.
   * @param where what to call it: `routes[0].tls: the authority of client certificates`
   * @throws ProxyError where it cannot be read
   */
  async read(material: Material, where: string): Promise<string> {
    if (material.kind !== 'file') return this.textOf(material);
    try {
      const text = await readFile(material.path, 'utf8');
      this.#texts.set(material.path, text);
      return text;
    } catch (error) {
      const message = `${where}: cannot read ${material.path}`;
      throw new ProxyError('SALLYPORT_CERTIFICATE_UNREADABLE', message, { cause: error });
    }
  }

  /** @throws ProxyError where it cannot be read, or is no certificate in PEM */
  async readCertificates(material: Material, where: string): Promise<void> {
    const text = await this.read(material, where);
    try {
      // One is enough: OpenSSL reads the rest of a bundle by itself.
      if (new X509Certificate(text).raw.length > 0) return;
    } catch (error) {
      throw new ProxyError('SALLYPORT_CERTIFICATE_INVALID', `${where}: it is no certificate in PEM`, { cause: error });
    }
  }

  /** A file says what it said when it was read last. */
  textOf(material: Material): string {
    if (material.kind === 'text') return material.text;
    if (material.kind === 'bytes') return Buffer.from(material.bytes).toString('utf8');
    const text = this.#texts.get(material.path);
    if (text === undefined) throw new ProxyError('SALLYPORT_INVARIANT', `${material.path} was never read`);
    return text;
  }
}
