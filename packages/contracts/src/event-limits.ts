// What the consumers' storage takes of an event, the same for all of them: what is over it is parked by every service
// alike, not by the one whose index happens to refuse it. These limits only ever widen: what the log holds stays readable.
// They know nothing of what the HTTP door alone refuses (the ids `.` and `..`, a code that is no currency).
import { textFault } from '@inorder/messaging/kafka/text-key.ts'
import { OrderEvent } from './order-event.ts'
import { type Field, type Visit, walkOf } from './schema-walk.ts'

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i
/** Where the schema sets none: a code that the HTTP door takes has three letters. */
const longestCode = 64

/**
 * What of a field is looked at: texts and how many items. Amounts and times need no limit: what `numeric(19,4)` and
 * `timestamptz` do not take has no Avro that `decoder` reads.
 */
function limitOf({ format, maxLength = longestCode, minItems = 0, maxItems }: Field): Visit | undefined {
  if (maxItems !== undefined) {
    return (holder, name) => {
      const length = holder[name]?.length ?? minItems
      return length < minItems || length > maxItems ? ` are ${length}; ${minItems} to ${maxItems} are taken` : undefined
    }
  }
  if (format === 'uuid') return (holder, name) => (uuid.test(holder[name]) ? undefined : ' is no UUID')
  if (format !== 'text' && format !== 'id' && format !== 'currency') return undefined
  return (holder, name) => {
    const text: string | null | undefined = holder[name]
    const fault = text == null ? undefined : textFault(text, maxLength)
    return fault && ` ${fault}`
  }
}

const overLimit = walkOf(OrderEvent, limitOf)

/** Which limit an event is over, for a person; undefined: none. */
export function overLimits(event: OrderEvent): string | undefined {
  const { version } = event
  if (!Number.isSafeInteger(version) || version < 1) return `version ${version} is none`
  return overLimit?.(event)?.slice(1)
}
