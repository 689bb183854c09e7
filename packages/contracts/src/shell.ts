const plain = /^[\w@%+:,./-]+$/

/** One word of a POSIX shell, whatever it holds: within single quotes nothing means anything but the quote itself. */
export const quoted = (text: string): string => (plain.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
