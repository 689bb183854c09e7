// Schemas decide, and every bad field is named at once. Nothing is coerced but the numbers of a query, which can only be
// text there, and nothing is dropped.
import { formats } from '@inorder/contracts/formats.ts'
import { Ajv, type SchemaObject } from 'ajv'
import { fieldErrors, invalidRequest } from './field-errors.ts'

const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, formats })

interface RouteSchema {
  schema: SchemaObject
  httpPart?: string
}

export function validatorCompiler({ schema, httpPart }: RouteSchema) {
  const validate = ajv.compile(schema)
  const numbers = httpPart === 'querystring' ? numbersOf(schema) : []
  return (value: unknown) => {
    if (numbers.length > 0) readNumbers(value as Record<string, unknown>, numbers)
    if (validate(value)) return { value }
    return { error: invalidRequest(fieldErrors(validate.errors ?? [], httpPart ?? 'body')) }
  }
}

const numbersOf = ({ properties = {} }: SchemaObject): string[] =>
  Object.keys(properties).filter((name) => ['integer', 'number'].includes(properties[name].type))

function readNumbers(query: Record<string, unknown>, names: string[]): void {
  for (const name of names) {
    const text = query[name]
    if (typeof text === 'string' && /^\d{1,15}(\.\d{1,9})?$/.test(text)) query[name] = Number(text)
  }
}
