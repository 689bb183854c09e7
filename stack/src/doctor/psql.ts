// Commands for whoever owns the tables, or is a superuser.

export const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`

/** A name that nobody has, to be replaced. */
export const ownerOf = (url: string): string => url.replace(/\/\/[^@]*@/, '//OWNER@')

export const asOwner = (url: string, statements: readonly string[]): string =>
  `psql '${ownerOf(url)}' ${statements.map((statement) => `-c '${statement.replaceAll("'", `'\\''`)}'`).join(' ')}`
