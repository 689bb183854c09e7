// How the path and the query of a call are written, whatever foreign text they hold.

/** `pathOf('ops', 'parked', key)`: what a key holds stays one part of it. */
export const pathOf = (...parts: (string | number)[]): string =>
  parts.map((part) => `/${encodeURIComponent(part)}`).join('')

/** `?a=1&b=2`, without what is not given. */
export function queryOf(query: Readonly<Record<string, string | number | null | undefined>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '')
  return given.length === 0 ? '' : `?${given.map(([name, value]) => `${name}=${encodeURIComponent(value!)}`).join('&')}`
}
