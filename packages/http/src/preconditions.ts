// Preconditions of RFC 9110, 13: a version is the ETag of an order.
import { problem } from '@inorder/contracts/problems.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { invalidRequest } from './field-errors.ts'

const tag = '(?:W/)?"[\\x21\\x23-\\x7e\\x80-\\xff]*"'
const list = new RegExp(`^(?:[ \\t]*,)*[ \\t]*${tag}(?:[ \\t]*,(?:[ \\t]*${tag})?)*[ \\t]*$`)

type Names = (version: number) => boolean

/**
 * Which versions an If-Match header accepts: `*` every one, a list of entity tags those it names. The comparison is the
 * strong one: a weak tag (`W/"3"`) names none. Without a header every version is accepted. Undefined: it is malformed.
 */
export const parseIfMatch = (header: string | undefined): Names | undefined =>
  header === undefined ? () => true : versionsOf(header, (tags) => tags)

/** Which versions an If-None-Match header names, for whom the request is not meant: by the weak comparison. */
export const parseIfNoneMatch = (header: string | undefined): Names | undefined =>
  header === undefined ? () => false : versionsOf(header, (tags) => tags.map((one) => one.replace(/^W\//, '')))

function versionsOf(header: string, compared: (tags: string[]) => string[]): Names | undefined {
  if (header.trim() === '*') return () => true
  if (!list.test(header)) return undefined
  const tags = new Set(compared(header.match(new RegExp(tag, 'g')) ?? []))
  return (version) => tags.has(entityTag(version))
}

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
  if (!accepts(version)) {
    throw problem('version-mismatch', `It is at version ${version}, which If-Match does not name.`, {
      headers: { etag },
    })
  }
  reply.header('etag', etag)
  return has(version) ? reply.code(304).send() : reply.send(body)
}
