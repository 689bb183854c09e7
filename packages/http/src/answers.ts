import { Problem, type ProblemName, problems } from '@inorder/contracts/problems.ts'
import { type TObject, type TSchema, Type } from 'typebox'

const schema = Type.Object(
  {
    type: Type.String({ description: 'Path of a page about this problem' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'For a person' }),
    instance: Type.String(),
    requestId: Type.String({ description: 'The X-Request-Id of the request, by which the log names it' }),
    errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
  },
  { title: 'Problem' },
)

const headers = {
  ETag: Type.String({ description: 'The version of the order, such as "3"' }),
  'Event-Delivery': Type.String({ description: 'delivered or pending' }),
  'Preference-Applied': Type.String({ description: 'The preferences of Prefer that were honoured' }),
  Location: Type.String({ description: 'Where the order, or the job, is' }),
  'Retry-After': Type.Integer({ description: 'Seconds' }),
}
type HeaderName = keyof typeof headers
const named = (names: readonly HeaderName[]) => Object.fromEntries(names.map((name) => [name, headers[name]]))

/** An answer with these headers, for its OpenAPI. */
export const withHeaders = <Schema extends TSchema>(schema: Schema, ...names: HeaderName[]): Schema => ({
  ...schema,
  headers: named(names),
})

interface ProblemAnswer {
  description: string
  headers?: Record<string, TSchema>
  content: { 'application/problem+json': { schema: TObject } }
}

/** A 200 that is no JSON. */
export const plainText = { description: 'text', content: { 'text/plain': { schema: Type.String() } } }

/** The responses of a route that answers these problems, for its OpenAPI: `response: { 200: Order, ...answersOf('order-not-found') }`. */
export function answersOf(...names: ProblemName[]): Record<number, ProblemAnswer> {
  const answers: Record<number, ProblemAnswer> = {}
  for (const name of names) {
    const { status } = problems[name]
    const before = answers[status]
    const isTemporary = 'retry-after' in new Problem(name, '').headers
    answers[status] = {
      ...before,
      ...(isTemporary && { headers: named(['Retry-After']) }),
      description: before ? `${before.description}, ${name}` : name,
      content: { 'application/problem+json': { schema } },
    }
  }
  return answers
}
