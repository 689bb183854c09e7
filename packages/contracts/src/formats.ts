// What a schema's `format` demands beyond JSON Schema, and how its absence is told to a person. OpenAPI shows the names.
import { currencies } from './currencies.ts'
import { isMoney } from './money.ts'

// A lone surrogate (Cs) has no UTF-8 and NUL no place in PostgreSQL: one such row would fail its whole group.
const text = /^[^\p{Cc}\p{Cs}]*$/u
// No client can put . or .. into a path: it is resolved away before it is sent.
const id = /^(?!\.{1,2}$)[^\p{Cc}\p{Cs}]*$/u
const utcTime = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/

/** Whether it is a time of the calendar: Date takes 30 February for 2 March. */
function isUtcTime(value: string): boolean {
  if (!utcTime.test(value)) return false
  const date = new Date(value)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value.slice(0, 19))
}

// Told to others in what the regular expressions of all languages have in common; there lone surrogates have no name.
const plain = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$'
const plainTime = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,3})?Z$'

/** The one way a time is written: 2026-11-23T14:20:19.000Z. */
export const canonicalTime = (utcTime: string): string => new Date(utcTime).toISOString()

export const formats = {
  text: {
    type: 'string',
    validate: (value: string) => text.test(value),
    message: 'must not hold control characters or lone surrogates',
    openapi: { pattern: plain },
  },
  id: {
    type: 'string',
    validate: (value: string) => id.test(value),
    message: 'must not be . or .., nor hold control characters or lone surrogates',
    openapi: { pattern: plain, not: { enum: ['.', '..'] } },
  },
  money: {
    type: 'number',
    validate: isMoney,
    message: 'must have at most 4 decimals and 15 digits',
    openapi: { multipleOf: 0.0001 },
  },
  currency: {
    type: 'string',
    validate: (value: string) => currencies.has(value),
    message: 'must be an ISO 4217 code such as USD',
    openapi: { enum: [...currencies.keys()].sort() },
  },
  'utc-time': {
    type: 'string',
    validate: isUtcTime,
    message: 'must be a UTC time such as 2026-11-23T14:20:19.000Z',
    openapi: { format: 'date-time', pattern: plainTime },
  },
} as const
