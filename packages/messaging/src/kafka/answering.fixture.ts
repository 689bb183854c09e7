// An HTTP server that answers as it is told, and counts.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'

export interface Given {
  status: number
  body: string | Iterable<string> | AsyncIterable<string>
}

/** Undefined: no answer. */
export async function answering(answer: () => Given | undefined) {
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    const given = answer()
    if (!given) return
    response.writeHead(given.status, { 'content-type': 'application/json' })
    // Whoever asks may have heard enough.
    pipeline(Readable.from(given.body), response).catch(() => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const endless: Iterable<string> = {
  *[Symbol.iterator]() {
    for (;;) yield ' '.repeat(64 * 1024)
  },
}

/** It goes on for ever, and never says much. */
export const trickling: AsyncIterable<string> = {
  async *[Symbol.asyncIterator]() {
    for (;;) {
      yield ' '
      await pause(10)
    }
  },
}
