// What is wrong with each field, in words for a person, from what ajv reports.
import { formats } from '@inorder/contracts/formats.ts'
import { type FieldError, Problem } from '@inorder/contracts/problems.ts'
import type { ErrorObject } from 'ajv'

/** Nobody reads more of them, and looking for all can be a second's work. */
export const mostFields = 100
const namedInDetail = 10
const longestName = 200

export function invalidRequest(errors: readonly FieldError[]): Problem {
  const named = errors.slice(0, namedInDetail).map(({ field }) => field)
  const more = errors.length > named.length ? ` and ${errors.length - named.length} more` : ''
  const atLeast = errors.length >= mostFields ? ' at least' : ''
  return new Problem('invalid-request', `Not valid: ${named.join(', ')}${more}${atLeast}.`, { errors })
}

/** One error a field, the first, of what was found in `value`. `part` stands for the whole: `body`, `querystring`. */
export function fieldErrors(found: readonly ErrorObject[], value: unknown, part: string): FieldError[] {
  const errors = new Map<string, string>()
  for (const error of found) {
    if (errors.size === mostFields) break
    // `if` only repeats that its `then` or `else` has failed.
    if (error.keyword === 'if') continue
    const field = fieldOf(error) || part
    if (!errors.has(field)) errors.set(field, messageOf(error, value))
  }
  return Array.from(errors, ([field, message]) => ({ field, message }))
}

/** `items[0].price` */
function fieldOf({ instancePath, params }: ErrorObject): string {
  const names = instancePath.split('/').slice(1).map(unescaped)
  const path = names.map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${name}`)).join('')
  const own: string | undefined = params.missingProperty ?? params.additionalProperty
  return `${path}${own === undefined ? '' : `.${own.slice(0, longestName)}`}`.replace(/^\./, '')
}

function valueAt(value: unknown, instancePath: string): unknown {
  const names = instancePath.split('/').slice(1).map(unescaped)
  return names.reduce((within, name) => (within as Record<string, unknown> | null)?.[name], value)
}

const unescaped = (segment: string) => segment.replaceAll('~1', '/').replaceAll('~0', '~')

function messageOf({ keyword, params, message, instancePath }: ErrorObject, value: unknown): string {
  switch (keyword) {
    case 'required':
      return 'is required'
    case 'additionalProperties':
      return 'is not a known field'
    case 'false schema':
      return 'must not be given'
    case 'format':
      return formats[params.format as keyof typeof formats].message
    case 'enum':
      return `must be one of ${params.allowedValues.join(', ')}`
    case 'type':
      return typeMessage(params.type, valueAt(value, instancePath))
    default:
      return message?.replace('NOT', 'not') ?? 'is not valid'
  }
}

function typeMessage(type: string, data: unknown): string {
  // exact-numbers.ts hands on as Infinity what would lose digits.
  if (typeof data === 'number' && !Number.isFinite(data)) return 'must be a number of at most 15 digits'
  // query.ts hands on so what is there twice, or no text.
  if (Array.isArray(data) && type !== 'array' && type !== 'object') return `must be one ${type}`
  return `must be ${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}
