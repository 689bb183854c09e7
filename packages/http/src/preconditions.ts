// Preconditions of RFC 9110, 13: a version is the ETag of an order.
import { Problem } from '@inorder/contracts/problems.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { invalidRequest } from './field-errors.ts'

const opaque = '"[\\x21\\x23-\\x7e\\x80-\\xff]*"'
const tag = `(?:W/)?${opaque}`
const list = new RegExp(`^(?:[ \\t]*,)*[ \\t]*${tag}(?:[ \\t]*,(?:[ \\t]*${tag})?)*[ \\t]*$`)

/** The versions that a precondition names. */
type Named = 'all' | readonly number[]

export const names = (named: Named, version: number): boolean => named === 'all' || named.includes(version)

/**
 * The versions that an If-Match header accepts: `*` all, a list of entity tags those it names. The comparison is the strong
 * one: a weak tag (`W/"3"`) names none. Without a header every version is accepted. Undefined: it is malformed.
 */
export const parseIfMatch = (header: string | undefined): Named | undefined =>
  header === undefined ? 'all' : namedIn(header, tag)

/** The versions of which an If-None-Match header says that the request is not meant for them: by the weak comparison. */
export const parseIfNoneMatch = (header: string | undefined): Named | undefined =>
  header === undefined ? [] : namedIn(header, opaque)

function namedIn(header: string, compared: string): Named | undefined {
  if (header.trim() === '*') return 'all'
  if (!list.test(header)) return undefined
  return (header.match(new RegExp(compared, 'g')) ?? []).flatMap((one) => {
    const version = Number(one.slice(1, -1))
    return entityTag(version) === one ? [version] : []
  })
}

/** What the two headers take, for OpenAPI: as they are usually written. */
export const entityTags = '^(\\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'

/** The ETag of a version. */
export const entityTag = (version: number): string => `"${version}"`

/** What a malformed precondition is told, by field. */
export const wrongTags = (field: 'If-Match' | 'If-None-Match') => ({
  field,
  message: 'must be * or a list of entity tags such as "3"',
})

/** The schema of a 304, for OpenAPI. */
export const notModified = Type.Null({ description: 'The version that If-None-Match names is the current one' })

/** A read's answer: the body, with its ETag; 304 where the client has this version, 412 where it wants another. */
export function sendVersion<Body>(
  request: FastifyRequest,
  reply: FastifyReply,
  version: number,
  body: Body,
): FastifyReply {
  const accepts = parseIfMatch(request.headers['if-match'])
  const has = parseIfNoneMatch(request.headers['if-none-match'])
  if (!accepts || !has) {
    throw invalidRequest([...(accepts ? [] : [wrongTags('If-Match')]), ...(has ? [] : [wrongTags('If-None-Match')])])
  }
  const etag = entityTag(version)
  if (!names(accepts, version)) {
    throw new Problem('version-mismatch', `It is at version ${version}, which If-Match does not name.`, {
      headers: { etag },
    })
  }
  reply.header('etag', etag)
  return names(has, version) ? reply.code(304).send() : reply.send(body)
}
