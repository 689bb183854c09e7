// Whatever is thrown below a route becomes one of the table's answers.
import { Problem, type ProblemName } from '@inorder/contracts/problems.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { invalidRequest } from './field-errors.ts'
import { NoAnswer } from './no-answer.ts'
import { readOn } from './read-on.ts'
import { requestIdHeader } from './request-id.ts'
import { traceIdOf } from './tracing.ts'
import { badFields } from './validation.ts'

const ofFastify: Record<string, [name: ProblemName, detail: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'A body may have 262,144 bytes (256 KiB).'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'A body must be application/json.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed-http', 'The body is not as long as Content-Length says.'],
}

export function answerError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const { method, url, id: request_id } = request
  const trace_id = traceIdOf(request)
  if (error instanceof NoAnswer) {
    request.log.warn(
      { err: error, method, url, request_id, trace_id },
      'the connection was closed without an answer: it is not known whether the change is stored',
    )
    reply.hijack()
    request.raw.socket.destroy()
    return
  }
  const bad = badFields(error, request)
  const answer = bad.length > 0 ? invalidRequest(bad) : problemOf(error)
  // `unavailable` stands for what nobody expected. It is never a bare 500, and its stack is in the log.
  if (answer.name === 'unavailable')
    request.log.error(
      { err: error, method, url, request_id, trace_id },
      'a request was answered 503 for an error that the service does not know',
    )
  sendProblem(answer, request, reply)
}

export function sendProblem(answer: Problem, request: FastifyRequest, reply: FastifyReply): void {
  const send = () => {
    // What came could not be read to its end, and was answered as that.
    if (reply.sent) return
    if (!request.raw.complete) reply.header('connection', 'close')
    reply
      .code(answer.status)
      // Of an address that cannot be read: no hook has seen that request.
      .header(requestIdHeader, request.id)
      .headers(answer.headers)
      .type('application/problem+json')
      // To a text Fastify would add a charset, which this type does not have.
      .send(Buffer.from(JSON.stringify(answer.body(request.url.split('?', 1)[0] ?? request.url, request.id))))
  }
  // An injected request is never `complete`.
  if (request.raw.complete || request.raw.readableEnded) send()
  else readOn(request.raw, send)
}

function problemOf(error: Error & { code?: string; statusCode?: number }): Problem {
  if (error instanceof Problem) return error
  const known = ofFastify[error.code ?? '']
  if (known) return new Problem(...known)
  if (error.code === 'FST_ERR_BAD_URL') {
    const message = 'is not percent-encoded UTF-8'
    return new Problem('bad-url', `The path ${message}.`, { errors: [{ field: 'path', message }] })
  }
  // The client's own doing, such as a connection it has cut in the middle of the body.
  if (error.statusCode !== undefined && error.statusCode < 500) return new Problem('malformed-http', error.message)
  return new Problem('unavailable', 'Something unexpected failed. It is logged; try again.')
}
