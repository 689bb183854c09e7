// Words of the verdict's sentence.

/** `order, billing and shipping`. */
export const and = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

export const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** `2026-11-23 14:20:19 UTC`. */
export const utc = (time: string): string => `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`

const most = 200

/** Foreign text, on one line. */
export const shortened = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > most ? `${line.slice(0, most)}…` : line
}

const answered = /^\S+ answered (\d{3}): (.*)$/s
const title = /"title"\s*:\s*("(?:[^"\\]|\\.)*")/

/** Why an effect failed. Of an answer in JSON or HTML, which may be cut, its status and the title of its problem. */
export function detailShown(detail: string): string {
  const [, status, body = ''] = answered.exec(detail) ?? []
  if (status === undefined) return shortened(detail)
  const isMarkup = /^\s*[{[<]/.test(body)
  const said = isMarkup ? titleIn(body) : body.trim()
  return said === '' ? status : `${status}: ${shortened(said)}`
}

function titleIn(body: string): string {
  try {
    return JSON.parse(title.exec(body)?.[1] ?? '""')
  } catch {
    return ''
  }
}

const atCarrier = ['label', 'cancellation', 'recall']

/** Who is asked for an effect of this kind. */
export const receiverOf = (kind: string): string => (atCarrier.includes(kind) ? 'the carrier' : 'the payment gateway')
