/**
 * Scores for rendezvous hashing (highest random weight): how well a key and an endpoint fit.
 *
 * Decides so that every process and every version of this program agrees: nothing here depends on the order of endpoints,
 * on a seed or on the machine. Must never do: pretend to be secret. Whoever chooses keys can choose endpoints.
 * @see Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998); weights by -w / ln u
 */

/** 32 bits: FNV-1a over UTF-16 units, finished as MurmurHash3 does, so that names that differ in one digit spread. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 255), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return finished(hash);
}

/** @returns more than 0; the share of keys for which it is the highest is the share of the weight. */
export function scoreOf(keyHash: number, endpointHash: number, weight: number): number {
  const mixed = finished(Math.imul(keyHash, 0x9e3779b1) ^ endpointHash);
  // Strictly between 0 and 1, so that the logarithm is finite and not 0.
  return -weight / Math.log((mixed + 0.5) / 2 ** 32);
}

function finished(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
