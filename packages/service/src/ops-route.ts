// What the operator's routes have in common.
import { Problem, type ProblemName } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { closed, text } from '@inorder/http/schemas.ts'
import type { Refused } from '@inorder/messaging/outbox/ops.ts'
import { type TSchema, Type } from 'typebox'

/** The key of a record, or `@topic:partition:offset`, which is longer than an order id by the topic's name. */
export const keyParams = closed({ key: Type.String({ ...text(512), examples: ['o-1'] }) })
export const cause = Type.String({ ...text(64), examples: ['apply-failed'] })
export const dryRun = Type.Optional(Type.Boolean({ description: 'Only tell what would happen' }))
/** A redrive of one key needs none. */
export const redriveBody = Type.Unsafe<{ dryRun?: boolean } | null>({
  ...closed({ dryRun }, { title: 'Redrive', examples: [{ dryRun: true }] }),
  type: ['object', 'null'],
})
export const redriveCauseBody = closed(
  { cause, dryRun },
  { title: 'RedriveCause', examples: [{ cause: 'apply-failed', dryRun: true }] },
)

/** A route's options. `takes`: its params, querystring and body. */
export const opsRoute = <Answer extends TSchema, Takes extends Record<string, TSchema>>(
  operationId: string,
  summary: string,
  takes: Takes,
  answer: Answer,
  ...problems: ProblemName[]
) => ({
  schema: { operationId, summary, tags: ['ops'], ...takes, response: { 200: answer, ...answersOf(...problems) } },
})

export const done = <Answer extends object>(answer: Answer | Refused): Answer => {
  if ('refused' in answer) throw new Problem(answer.refused, answer.detail)
  return answer
}
