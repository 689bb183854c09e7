const tag = '(?:W/)?"[\\x21\\x23-\\x7e\\x80-\\xff]*"'
const list = new RegExp(`^(?:[ \\t]*,)*[ \\t]*${tag}(?:[ \\t]*,(?:[ \\t]*${tag})?)*[ \\t]*$`)

/**
 * Which versions an If-Match header accepts (RFC 9110, 13.1.1): `*` every one, a list of entity tags those it names.
 * The comparison is the strong one: a weak tag (`W/"3"`) names none. Without a header every version is accepted.
 * Undefined: the header is malformed.
 */
export function parseIfMatch(header: string | undefined): ((version: number) => boolean) | undefined {
  if (header === undefined || header.trim() === '*') return () => true
  if (!list.test(header)) return undefined
  const tags = new Set(header.match(new RegExp(tag, 'g')))
  return (version) => tags.has(entityTag(version))
}

/** The ETag of a version. */
export const entityTag = (version: number): string => `"${version}"`
