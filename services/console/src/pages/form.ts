// What a form sends: fields with texts, each once.
import type { FastifyInstance } from 'fastify'
import type { Fields } from './operations.ts'

/** In the scope of the pages alone: the calls of the console take JSON. */
export function takeForms(app: Pick<FastifyInstance, 'addContentTypeParser'>): void {
  app.addContentTypeParser<string>(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(body)) satisfies Fields)
    },
  )
}
