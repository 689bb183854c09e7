// What operators' requests have in common.
import { closed, text } from '@inorder/http/schemas.ts'
import { Type } from 'typebox'

export const cause = text(64)
export const dryRun = Type.Optional(Type.Boolean({ description: 'Only tell what would happen' }))
/** A redrive of one key needs no body. */
export const redriveBody = Type.Unsafe<{ dryRun?: boolean } | null>({ ...closed({ dryRun }), type: ['object', 'null'] })
