// What the consumers' storage takes of an event, in one table for all of them: what is over it is parked by every service
// alike, not by the one whose index happens to refuse it. These limits only ever widen: what the log holds stays readable.
// They know nothing of what the HTTP door alone refuses (the ids `.` and `..`, a code that is no currency).
import { formats } from './formats.ts'
import type { OrderEvent } from './order-event.ts'

/** Longest texts, in code points. An index of PostgreSQL takes 2,704 bytes a row: 128 code points are 512 at most. */
const texts: readonly [path: string, longest: number, of: (event: OrderEvent) => string | null][] = [
  ['type', 128, ({ type }) => type],
  ['orderId', 128, ({ orderId }) => orderId],
  ['order.customerId', 128, ({ order }) => order.customerId],
  ['order.currency', 64, ({ order }) => order.currency],
  ['order.status', 64, ({ order }) => order.status],
  ['previousStatus', 64, ({ previousStatus }) => previousStatus],
]
const longestItemId = 128
const mostItems = 1_000
/** Most texts are such: asking the format, with its classes of Unicode, costs five times as much. */
const plainAscii = /^[ -~]*$/
const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/**
 * Which limit an event is over, for a person; undefined: none. Amounts and times need no line here: what `numeric(19,4)`
 * and `timestamptz` do not take has no Avro that `decoder` reads.
 */
export function overLimits(event: OrderEvent): string | undefined {
  const { eventId, version, order } = event
  if (!uuid.test(eventId)) return 'eventId is no UUID'
  if (!Number.isSafeInteger(version) || version < 1) return `version ${version} is none`
  for (const [path, longest, of] of texts) {
    const text = of(event)
    const fault = text === null ? undefined : textFault(text, longest)
    if (fault) return `${path} ${fault}`
  }
  const { items } = order
  if (items.length < 1 || items.length > mostItems)
    return `order.items are ${items.length}; 1 to ${mostItems} are taken`
  for (let n = 0; n < items.length; n++) {
    const fault = textFault(items[n]!.itemId, longestItemId)
    if (fault) return `order.items[${n}].itemId ${fault}`
  }
  return undefined
}

function textFault(text: string, longest: number): string | undefined {
  // A code point has one or two units: most texts need not be counted.
  if (text.length === 0) return 'is empty'
  if (text.length > longest && (text.length > 2 * longest || [...text].length > longest))
    return `is too long (${text.length} units of UTF-16): ${longest} code points are taken`
  return plainAscii.test(text) || formats.text.validate(text) ? undefined : formats.text.message
}
