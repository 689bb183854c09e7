// A query, read strictly: what is repeated or no percent-encoded UTF-8 is kept as a value that no schema takes.

type Value = string | string[] | null

/** Fastify's own parser would pass malformed escapes on as they are. */
export function parseQuery(text: string): Record<string, Value> {
  const query: Record<string, Value> = Object.create(null)
  if (text === '') return query
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals)) ?? pair
    const value = equals < 0 ? '' : decoded(pair.slice(equals + 1))
    const before = query[name]
    if (before === undefined) query[name] = value
    else if (Array.isArray(before)) before.push(String(value))
    else query[name] = [String(before), String(value)]
  }
  return query
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}
