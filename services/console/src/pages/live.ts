// A page that changes while somebody looks at it: server-sent events, which a browser takes up again by itself.
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { Problem } from '@inorder/contracts/problems.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FiguresPoller } from './figures.ts'

export interface Live {
  everyMs: number
  first: string
  /** The page as it is now; a problem ends it. Of the same facts it gives the same text: an age in it is counted from the first. */
  render(): Promise<string>
  /** Where the page has charts. */
  figures?: FiguresPoller | undefined
  /** Aborted when the console stops. */
  stopping: AbortSignal
}

const event = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

/** Sends the page whenever it has changed, and figures as they come, until whoever looks has gone. */
export function sendLive(
  request: FastifyRequest,
  reply: FastifyReply,
  { everyMs, first, render, figures, stopping }: Live,
) {
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, stopping])
  const stream = new Readable({ read() {} })
  request.raw.socket.once('close', () => gone.abort())
  stream.once('close', () => gone.abort())
  const unwatch = figures?.watch((news) => stream.push(event('figures', news)))
  void keepTelling()
  return reply.type('text/event-stream').send(stream)

  async function keepTelling(): Promise<void> {
    let told: string | undefined
    try {
      for (let page = first; !signal.aborted; page = await render()) {
        // What nobody has read yet is enough: whoever is slow is told less often.
        if (page !== told && stream.readableLength === 0) {
          told = page
          stream.push(event('page', page))
        }
        await pause(everyMs, undefined, { signal })
      }
    } catch (error) {
      if (!signal.aborted && !(error instanceof Problem))
        request.log.error({ err: error, url: request.url }, 'a live page could not be made')
    } finally {
      unwatch?.()
      stream.push(null)
    }
  }
}
