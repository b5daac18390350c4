/**
 * What does a client speak? The detectors are asked in order; the first that does not say no decides.
 *
 * Decides from the whole prefix each time, so the way TCP cut the stream makes no difference: as long as no detector says
 * no too early or changes a verdict, a longer prefix can only turn `needsMore` into something else.
 * A detector that still wants more when nothing more can come (FIN, or `sniffBytesMax`) has said no.
 * Must never do: catch what a custom detector throws; the caller knows whom to blame.
 */
import { type Detector, type Preface, sniffBytesMax } from './detector.ts';
import { isSurelyHttp } from './http1.ts';
import { isSurelyResp } from './resp.ts';
import { isSurelyTls } from './tls-client-hello.ts';

export type Classification =
  | { readonly kind: 'recognised'; readonly protocol: string; readonly preface: Preface }
  /** `suspected`: the protocol that it can only be by now, in which a refusal may already be written; null while open. */
  | { readonly kind: 'needsMore'; readonly suspected: string | null }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed'; readonly protocol: string; readonly detail: string };

/**
 * @param prefix every byte so far; what exceeds `sniffBytesMax` is not looked at.
 * @param ended true exactly when the client has sent FIN.
 */
export function classify(detectors: readonly Detector[], prefix: Uint8Array, ended: boolean): Classification {
  const looked = prefix.length > sniffBytesMax ? prefix.subarray(0, sniffBytesMax) : prefix;
  const isAll = ended || looked.length === sniffBytesMax;
  for (const detector of detectors) {
    const detection = detector.detect(looked, ended);
    switch (detection.verdict) {
      case 'match':
        return { kind: 'recognised', protocol: detector.name, preface: detection.preface };
      case 'malformed':
        return { kind: 'malformed', protocol: detector.name, detail: detection.detail };
      case 'needsMore':
        if (!isAll) return isSurely(detector.name, looked) ? suspicionOf(detector.name) : open;
        break;
      case 'noMatch':
        break;
    }
  }
  return unknown;
}

const unknown: Classification = { kind: 'unknown' };
const open: Classification = { kind: 'needsMore', suspected: null };

/** Only protocols in which something can be refused before the preface is complete need a test of their own. */
const certainties: ReadonlyMap<string, (prefix: Uint8Array) => boolean> = new Map([
  ['tls', isSurelyTls],
  ['http', isSurelyHttp],
  ['redis', isSurelyResp],
]);

function isSurely(protocol: string, prefix: Uint8Array): boolean {
  return certainties.get(protocol)?.(prefix) ?? false;
}

function suspicionOf(protocol: string): Classification {
  return { kind: 'needsMore', suspected: protocol };
}
