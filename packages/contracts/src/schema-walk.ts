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
type Fault = string | undefined
// biome-ignore lint/suspicious/noExplicitAny: whatever has the schema
type Value = any
/** Done to the field `name` of `holder`, which may change it. */
export type Step = (holder: Value, name: string | number) => Fault
/** The step for a field with this schema; undefined: nothing is to be done with such a field. */
type StepOf = (field: Field) => Step | undefined

/** Takes the steps until one finds a fault. Undefined where no field has a step. */
export function walkOf(schema: TSchema, stepOf: StepOf): ((value: Value) => Fault) | undefined {
  const { items, properties = {} } = schema as Field
  const step = items && stepInto(items, stepOf)
  if (step) {
    return (values) => {
      for (let n = 0; n < values.length; n++) {
        const fault = step(values, n)
        if (fault) return `[${n}]${fault}`
      }
      return undefined
    }
  }
  const steps = Object.entries(properties).flatMap(([name, field]) => {
    const step = stepInto(field, stepOf)
    return step ? [{ name, step }] : []
  })
  if (steps.length === 0) return undefined
  return (value) => {
    for (const { name, step } of steps) {
      const fault = step(value, name)
      if (fault) return `.${name}${fault}`
    }
    return undefined
  }
}

/** The field's own step, then those of what is in it. */
function stepInto(field: Field, stepOf: StepOf): Step | undefined {
  const step = stepOf(field)
  const inner = walkOf(field, stepOf)
  if (!inner) return step
  return (holder, name) => step?.(holder, name) ?? (holder[name] == null ? undefined : inner(holder[name]))
}
