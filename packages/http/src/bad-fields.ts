// Every field that a schema refuses, up to a bound. ajv itself stops at the first error or never: 255 kB of garbage have
// 240,000, a second's work.
import { formats } from '@inorder/contracts/formats.ts'
import { Ajv, type AnySchemaObject, type ErrorObject, type SchemaObject, type SchemaValidateFunction } from 'ajv'
import { mostFields } from './field-errors.ts'

/** A field may be wrong in several ways. */
const mostErrors = 4 * mostFields

// Schemas are checked where validation.ts compiles them; the schema of schemas needs ajv's own keywords.
const ajv = new Ajv({ allErrors: true, useDefaults: true, formats, meta: false, validateSchema: false })

/** The same keyword, but an array that is too long is only that, and the items of another are looked at one by one. */
ajv.removeKeyword('items')
ajv.addKeyword({
  keyword: 'items',
  type: 'array',
  schemaType: 'object',
  errors: 'full',
  compile(items: SchemaObject, { maxItems = Number.POSITIVE_INFINITY }: AnySchemaObject) {
    const validate = ajv.compile(items)
    return collecting<unknown[]>((array, path, errors) => {
      if (array.length > maxItems) return
      for (let n = 0; n < array.length && errors.length < mostErrors; n++) {
        if (validate(array[n])) continue
        for (const error of validate.errors ?? []) {
          errors.push({ ...error, instancePath: `${path}/${n}${error.instancePath}` })
        }
      }
    })
  },
})

/** The same keyword where it is `false`, for as many unknown fields as are told. */
ajv.removeKeyword('additionalProperties')
ajv.addKeyword({
  keyword: 'additionalProperties',
  type: 'object',
  schemaType: 'boolean',
  errors: 'full',
  compile(allowed: boolean, { properties = {} }: AnySchemaObject) {
    return collecting<object>((object, instancePath, errors) => {
      if (allowed) return
      for (const name of Object.keys(object)) {
        if (Object.hasOwn(properties, name)) continue
        if (errors.length === mostErrors) return
        errors.push({ ...unknownField, instancePath, params: { additionalProperty: name } })
      }
    })
  },
})
const unknownField = { keyword: 'additionalProperties', schemaPath: '#/additionalProperties' }

/** A keyword's check out of what puts its errors into a list. */
function collecting<Value>(find: (value: Value, path: string, errors: ErrorObject[]) => void): SchemaValidateFunction {
  const check: SchemaValidateFunction = (value: Value, context) => {
    const errors: ErrorObject[] = []
    find(value, context?.instancePath ?? '', errors)
    check.errors = errors
    return errors.length === 0
  }
  return check
}

/** What is wrong with a value that the schema refuses. */
export function errorFinder(schema: SchemaObject): (value: unknown) => readonly ErrorObject[] {
  const validate = ajv.compile(schema)
  return (value) => (validate(value) ? [] : (validate.errors ?? []))
}
