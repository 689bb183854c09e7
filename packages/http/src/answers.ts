import { type ProblemName, problems } from '@inorder/contracts/problems.ts'
import { type TObject, Type } from 'typebox'

const schema = Type.Object({
  type: Type.String({ description: 'Path of a page about this problem' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String({ description: 'For a person' }),
  instance: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
})

interface ProblemAnswer {
  description: string
  content: { 'application/problem+json': { schema: TObject } }
}

/** A 200 that is no JSON. */
export const plainText = { description: 'text', content: { 'text/plain': { schema: Type.String() } } }

/** The responses of a route that answers these problems, for its OpenAPI: `response: { 200: Order, ...answersOf('order-not-found') }`. */
export function answersOf(...names: ProblemName[]): Record<number, ProblemAnswer> {
  const answers: Record<number, ProblemAnswer> = {}
  for (const name of names) {
    const { status } = problems[name]
    const before = answers[status]?.description
    answers[status] = {
      description: before ? `${before}, ${name}` : name,
      content: { 'application/problem+json': { schema } },
    }
  }
  return answers
}
