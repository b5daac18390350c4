/**
 * Bodies that say whose they are: the tag of their message, over and over.
 */
export function patternOf(tag: string, bytes: number): string {
  return `${tag}|`.repeat(Math.ceil(bytes / (tag.length + 1))).slice(0, bytes);
}
