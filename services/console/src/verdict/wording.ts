// Words of the verdict's sentence.

/** `order, billing and shipping`. */
export const and = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

/** `2026-11-23 14:20:19 UTC`. */
export const utc = (time: string): string => `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`

const most = 200

/** Foreign text, on one line. */
export const shortened = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > most ? `${line.slice(0, most)}…` : line
}

const atCarrier = ['label', 'cancellation', 'recall']

/** Who is asked for an effect of this kind. */
export const receiverOf = (kind: string): string => (atCarrier.includes(kind) ? 'the carrier' : 'the payment gateway')
