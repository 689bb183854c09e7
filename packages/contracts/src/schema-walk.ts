// What a schema says of each field, done to a value that has the schema: nobody else knows how the order is nested.
import type { TSchema } from 'typebox'

/** The keywords of JSON Schema that are looked at. */
export interface Field {
  type?: string
  format?: string
  maxLength?: number
  minItems?: number
  maxItems?: number
  items?: Field
  properties?: Record<string, Field>
  required?: readonly string[]
}

/** The way to what is wrong, and what that is, such as `.items[2].itemId is empty`; undefined: nothing is. */
type FieldFault = string | undefined
// biome-ignore lint/suspicious/noExplicitAny: whatever has the schema
type Value = any
/** Done to the field `name` of `holder`, which may change it. */
export type Visit = (holder: Value, name: string | number) => FieldFault
/** The visit for a field with this schema; undefined: nothing is to be done with such a field. */
type VisitOf = (field: Field) => Visit | undefined

/** Makes the visits until one finds a fault. Undefined where no field has a visit. */
export function walkOf(schema: TSchema, visitOf: VisitOf): ((value: Value) => FieldFault) | undefined {
  const { items, properties = {} } = schema as Field
  const visit = items && visitInto(items, visitOf)
  if (visit) {
    return (values) => {
      for (let n = 0; n < values.length; n++) {
        const fault = visit(values, n)
        if (fault) return `[${n}]${fault}`
      }
      return undefined
    }
  }
  const visits = Object.entries(properties).flatMap(([name, field]) => {
    const visit = visitInto(field, visitOf)
    return visit ? [{ name, visit }] : []
  })
  if (visits.length === 0) return undefined
  return (value) => {
    for (const { name, visit } of visits) {
      const fault = visit(value, name)
      if (fault) return `.${name}${fault}`
    }
    return undefined
  }
}

/** The field's own visit, then those of what is in it. */
function visitInto(field: Field, visitOf: VisitOf): Visit | undefined {
  const visit = visitOf(field)
  const inner = walkOf(field, visitOf)
  if (!inner) return visit
  return (holder, name) => visit?.(holder, name) ?? (holder[name] == null ? undefined : inner(holder[name]))
}
