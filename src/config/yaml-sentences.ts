/**
 * The YAML parser's error codes as sentences of ours: its own messages quote the file, which may hold secrets.
 */

/** What a code of the parser means; a general sentence for one it does not know. */
export function yamlSentence(code: string): string {
  return sentences.get(code) ?? 'this is not valid YAML here';
}

const sentences: ReadonlyMap<string, string> = new Map([
  ['ALIAS_PROPS', 'an alias (*name) cannot have an anchor or a tag'],
  ['BAD_ALIAS', 'this alias (*name) has no anchor (&name) before it, or no proper name'],
  ['BAD_COLLECTION_TYPE', 'this tag does not fit what it stands on'],
  ['BAD_DIRECTIVE', 'this directive (%…) is not known'],
  ['BAD_DQ_ESCAPE', 'this escape is not known inside double quotes'],
  ['BAD_INDENT', 'the indentation does not fit the lines above, or a bracket is not closed'],
  ['BAD_PROP_ORDER', 'anchors and tags must stand directly before what they name'],
  ['BAD_SCALAR_START', 'plain text cannot begin with this character; put it in quotes'],
  ['BLOCK_AS_IMPLICIT_KEY', 'a key must stand on one line; is a line indented too far, or a value missing its quotes?'],
  ['BLOCK_IN_FLOW', 'inside { } and [ ] indentation has no meaning; a bracket is probably not closed'],
  ['DUPLICATE_KEY', 'this key is already there; a key may stand only once'],
  ['IMPOSSIBLE', 'this is not valid YAML here'],
  ['KEY_OVER_1024_CHARS', 'this key is longer than 1024 characters'],
  ['MISSING_CHAR', 'a character is missing here: a comma, a colon, a closing quote or bracket, or a space'],
  ['MULTILINE_IMPLICIT_KEY', 'a key must stand on one line'],
  ['MULTIPLE_ANCHORS', 'only one anchor (&name) can stand here'],
  ['MULTIPLE_DOCS', 'a configuration is one document; remove the --- that begins another'],
  ['MULTIPLE_TAGS', 'only one tag can stand here'],
  ['NON_STRING_KEY', 'a key must be text'],
  ['RESOURCE_EXHAUSTION', 'this is nested too deeply to be read'],
  ['TAB_AS_INDENT', 'a tab cannot indent; use spaces'],
  ['TAG_RESOLVE_FAILED', 'this tag (!name) is not known'],
  ['UNEXPECTED_TOKEN', 'this cannot stand here'],
]);
