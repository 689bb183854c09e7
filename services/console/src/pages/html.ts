// Pages are made of this tag alone: all that is put into a template is escaped, in texts and in quoted attributes alike.
const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Markup that was made by the tag. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** What is null, undefined or false is left out, so that `${isHeld && html`...`}` can be written. */
export type Value = Html | string | number | null | undefined | false | readonly Value[]

/** An attribute that holds a value has to stand in quotes: `<a href="${path}">`. */
export const html = (strings: TemplateStringsArray, ...values: Value[]): Html =>
  new Html(strings.reduce((text, string, n) => text + markupOf(values[n - 1]) + string))

function markupOf(value: Value): string {
  if (value instanceof Html) return value.text
  if (value === null || value === undefined || value === false) return ''
  if (typeof value === 'string' || typeof value === 'number')
    return String(value).replace(/[&<>"']/g, (c) => escapes[c]!)
  return value.map(markupOf).join('')
}
