/**
 * Globs over labels: host names and IPv4 addresses alike.
 *
 * Decides: a label that is `*` stands for one label or more; inside a label `*` stands for any characters, none included,
 * and `?` for exactly one. Neither ever stands for a separator. Time grows with the product of both lengths at worst, so
 * no name a client sends can make a pattern slow.
 */

/** @returns a test for texts that are in the same case as the pattern. */
export function compileGlob(pattern: string, separator: string): (text: string) => boolean {
  const wanted = pattern.split(separator);
  return (text) => matchesLabels(wanted, text.split(separator));
}

/** True exactly when the text has a character that is not taken literally. */
export function isGlob(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?');
}

/**
 * Both matchers remember only the last star: if what follows it fails, the star takes one more and the rest is tried
 * again. An earlier star never has to take more, because whatever it could gain the last one can gain too.
 */
function matchesLabels(wanted: readonly string[], labels: readonly string[]): boolean {
  let want = 0;
  let label = 0;
  let star = -1;
  let taken = 0;
  while (label < labels.length) {
    if (wanted[want] === '*') {
      star = want;
      taken = label + 1;
      want += 1;
      label = taken;
    } else if (want < wanted.length && matchesLabel(wanted[want] ?? '', labels[label] ?? '')) {
      want += 1;
      label += 1;
    } else if (star >= 0) {
      taken += 1;
      want = star + 1;
      label = taken;
    } else {
      return false;
    }
  }
  return want === wanted.length;
}

function matchesLabel(wanted: string, label: string): boolean {
  let want = 0;
  let index = 0;
  let star = -1;
  let taken = 0;
  while (index < label.length) {
    if (wanted[want] === '*') {
      star = want;
      taken = index;
      want += 1;
    } else if (want < wanted.length && (wanted[want] === '?' || wanted[want] === label[index])) {
      want += 1;
      index += 1;
    } else if (star >= 0) {
      taken += 1;
      want = star + 1;
      index = taken;
    } else {
      return false;
    }
  }
  while (wanted[want] === '*') want += 1;
  return want === wanted.length;
}
