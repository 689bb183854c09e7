// Schemas decide, and every bad field is named at once. Nothing is coerced but the numbers of a query, which can only be
// text there, and nothing is dropped.
import { formats } from '@inorder/contracts/formats.ts'
import { type FieldError, Problem } from '@inorder/contracts/problems.ts'
import { Ajv, type SchemaObject } from 'ajv'
import type { FastifyRequest } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { errorFinder } from './bad-fields.ts'
import { fieldErrors, invalidRequest } from './field-errors.ts'

/** Stops at the first error: what is right costs no more for it, and what is wrong is looked at again (bad-fields.ts). */
const ajv = new Ajv({ useDefaults: true, formats })

/** Whether a value has this shape, for what a route asks besides its schemas. */
export const shapeOf = <Schema extends TSchema>(schema: Schema) => ajv.compile<Static<Schema>>(schema)

interface RouteSchema {
  schema: SchemaObject
  httpPart?: string
}

export function validatorCompiler({ schema, httpPart }: RouteSchema) {
  const validate = ajv.compile(schema)
  const errorsIn = errorFinder(schema)
  const numbers = httpPart === 'querystring' ? numbersOf(schema) : []
  return (value: unknown) => {
    if (numbers.length > 0) readNumbers(value as Record<string, unknown>, numbers)
    if (validate(value)) return { value }
    return { error: invalidRequest(fieldErrors(errorsIn(value), value, httpPart ?? 'body')) }
  }
}

/** In the order in which Fastify looks at them. */
const parts = ['params', 'body', 'querystring', 'headers'] as const
type Part = (typeof parts)[number]

/**
 * Every field that the schemas of a route refuse. Fastify stops at the first part that is bad, and `failed` is what it
 * found there; undefined: there is none.
 */
export function badFields(failed: Error | undefined, request: FastifyRequest): FieldError[] {
  if (!(failed instanceof Problem && 'validationContext' in failed)) return []
  const later = parts.slice(parts.indexOf(failed.validationContext as Part) + 1)
  return [...(failed.errors ?? []), ...later.flatMap((part) => errorsOf(part, request))]
}

function errorsOf(part: Part, request: FastifyRequest): readonly FieldError[] {
  const validate = request.getValidationFunction(part) as ReturnType<typeof validatorCompiler> | undefined
  return validate?.(request[part === 'querystring' ? 'query' : part] ?? null).error?.errors ?? []
}

/** How a number is written in a query: as in JSON. An integer has no point and no exponent. */
const written = { integer: /^-?(0|[1-9]\d{0,15})$/, number: /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/ } as const

const numbersOf = ({ properties = {} }: SchemaObject): [name: string, pattern: RegExp][] =>
  Object.keys(properties).flatMap((name) => {
    const pattern = written[properties[name].type as keyof typeof written]
    return pattern ? [[name, pattern]] : []
  })

function readNumbers(query: Record<string, unknown>, numbers: [name: string, pattern: RegExp][]): void {
  for (const [name, pattern] of numbers) {
    const text = query[name]
    if (typeof text === 'string' && pattern.test(text)) query[name] = Number(text)
  }
}
