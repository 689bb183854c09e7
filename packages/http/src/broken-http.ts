import type { Socket } from 'node:net'
import { problem } from '@inorder/contracts/problems.ts'

/** Answers what never became a request: no HTTP, headers too large or too slow. */
export function answerBrokenHttp(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const answer = problemOf(error.code)
  const body = JSON.stringify(answer.body('/'))
  // Node gives this handler a socket, not a response.
  socket.end(
    `HTTP/1.1 ${answer.status} ${answer.name}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}

function problemOf(code: string | undefined) {
  if (code === 'HPE_HEADER_OVERFLOW') return problem('headers-too-large', 'Address and headers may have 16 KiB.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return problem('request-timeout', 'The request took too long to arrive.')
  return problem('malformed-http', 'What arrived cannot be read as HTTP/1.1.')
}
