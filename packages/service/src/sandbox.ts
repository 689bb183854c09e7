// What stands in for a service of somebody else: it does what it is asked for once per idempotency key, and behaves as told.
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { problem } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { createApp } from '@inorder/http/app.ts'
import { processConfig } from '@inorder/http/config.ts'
import { runService } from '@inorder/http/service.ts'
import { Type } from 'typebox'

/** `slow`: answers 3 s after it is done. `fail`: 503, nothing done. `decline`: a "no" that is an answer, and is kept. */
const Behaviour = Type.Object({ mode: Type.Enum(['ok', 'slow', 'fail', 'decline']) }, { additionalProperties: false })
const Request = Type.Object({ orderId: Type.String({ minLength: 1 }) }, { additionalProperties: true })
const Deed = Type.Object({
  key: Type.String({ description: 'the idempotency key' }),
  action: Type.String(),
  status: Type.Enum(['done', 'declined']),
  request: Request,
  id: Type.String({ description: 'the number of the charge, the label of the parcel, ...' }),
})
type Deed = { key: string; action: string; status: 'done' | 'declined'; request: { orderId: string }; id: string }
const slowMs = 3_000

/** Runs until a signal ends it. `actions` are its paths: `POST /charges`. With DATA_FILE it remembers across restarts. */
export function runSandbox({ name, port, actions }: { name: string; port: number; actions: readonly string[] }) {
  return runService({
    name,
    schema: Type.Object({ ...processConfig(name, port), DATA_FILE: Type.Optional(Type.String()) }),
    async start({ config, logger, metrics, onClose }) {
      const file = config.DATA_FILE
      const deeds = new Map<string, Deed>()
      if (file) for (const deed of remembered(file)) deeds.set(deed.key, deed)
      let mode = 'ok'

      const app = await createApp({
        service: name,
        logger,
        metrics,
        ready: async () => [],
        openapi: { title: `${name} sandbox`, description: 'Stands in for a service of somebody else.' },
      })
      app.put('/behaviour', { schema: { body: Behaviour, response: { 200: Behaviour } } }, async ({ body }) => {
        mode = body.mode
        return body
      })
      for (const action of actions) {
        const headers = Type.Object({ 'idempotency-key': Type.String({ minLength: 1, maxLength: 255 }) })
        app.post(
          `/${action}`,
          {
            schema: {
              headers,
              body: Request,
              response: { 200: Deed, ...answersOf('overloaded', 'idempotency-key-reused') },
            },
          },
          async ({ body, headers }) => {
            if (mode === 'fail') throw problem('overloaded', `The ${name} sandbox fails, as it was told to.`)
            const deed = doOnce(headers['idempotency-key'], action, body)
            if (mode === 'slow') await pause(slowMs)
            return deed
          },
        )
      }
      const query = Type.Object({ orderId: Type.Optional(Type.String()) }, { additionalProperties: false })
      app.get(
        '/deeds',
        {
          schema: {
            querystring: query,
            response: { 200: Type.Object({ items: Type.Array(Deed), next: Type.Null() }) },
          },
        },
        async ({ query: { orderId } }) => ({
          items: [...deeds.values()].filter(({ request }) => orderId === undefined || request.orderId === orderId),
          next: null,
        }),
      )
      onClose('http', () => app.close())
      await app.listen({ host: config.HOST, port: config.PORT })

      function doOnce(key: string, action: string, request: { orderId: string }): Deed {
        const before = deeds.get(key)
        if (before) {
          const same = before.action === action && JSON.stringify(before.request) === JSON.stringify(request)
          if (!same) throw problem('idempotency-key-reused', 'This Idempotency-Key came with another request before.')
          return before
        }
        const deed: Deed = { key, action, status: mode === 'decline' ? 'declined' : 'done', request, id: randomUUID() }
        if (file) appendFileSync(file, `${JSON.stringify(deed)}\n`)
        deeds.set(key, deed)
        return deed
      }
    },
  })
}

/** A kill while it was writing leaves a last line without its end: nobody was told of that deed. */
function remembered(file: string): Deed[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole !== text) truncateSync(file, Buffer.byteLength(whole))
  return whole
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}
