// What the operator's routes have in common.
import { Problem, type ProblemName } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { closed, text } from '@inorder/http/schemas.ts'
import type { Refused } from '@inorder/messaging/outbox/ops.ts'
import { type TSchema, Type } from 'typebox'

export const cause = text(64)
export const dryRun = Type.Optional(Type.Boolean({ description: 'Only tell what would happen' }))
/** A redrive of one key needs none. */
export const redriveBody = Type.Unsafe<{ dryRun?: boolean } | null>({ ...closed({ dryRun }), type: ['object', 'null'] })

/** A route's options. `takes`: its params, querystring and body. */
export const opsRoute = <Answer extends TSchema, Takes extends Record<string, TSchema>>(
  summary: string,
  takes: Takes,
  answer: Answer,
  ...problems: ProblemName[]
) => ({ schema: { summary, tags: ['ops'], ...takes, response: { 200: answer, ...answersOf(...problems) } } })

export const done = <Answer extends object>(answer: Answer | Refused): Answer => {
  if ('refused' in answer) throw new Problem(answer.refused, answer.detail)
  return answer
}
