// What stands in for a service of somebody else: it does what it is asked for once per idempotency key, and behaves as told.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Problem } from '@inorder/contracts/problems.ts'
import { answersOf } from '@inorder/http/answers.ts'
import { createApp } from '@inorder/http/app.ts'
import { processConfig } from '@inorder/http/config.ts'
import { closed } from '@inorder/http/schemas.ts'
import { runService } from '@inorder/http/service.ts'
import { Type } from 'typebox'
import { Journal } from './journal.ts'

/** `slow`: answers 3 s after it is done. `fail`: 503, nothing done. `decline`: a "no" that is an answer, and is kept. */
const Behaviour = closed(
  { mode: Type.Enum(['ok', 'slow', 'fail', 'decline']) },
  { title: 'Behaviour', examples: [{ mode: 'ok' }] },
)
const Request = Type.Object(
  { orderId: Type.String({ minLength: 1 }) },
  { title: 'Request', examples: [{ orderId: 'o-1' }], additionalProperties: true },
)
const Receipt = Type.Object(
  {
    key: Type.String({ description: 'the idempotency key' }),
    action: Type.String(),
    status: Type.Enum(['done', 'declined']),
    request: Request,
    id: Type.String({ description: 'the number of the charge, the label of the parcel, ...' }),
  },
  { title: 'Receipt' },
)
const Done = Type.Object({ items: Type.Array(Receipt), next: Type.Null() }, { title: 'ReceiptPage' })
type Receipt = { key: string; action: string; status: 'done' | 'declined'; request: { orderId: string }; id: string }
const slowMs = 3_000
/** Keys that are remembered, the newest. */
const mostKeys = 300_000

/** Runs until a signal ends it. `actions` are its paths: `POST /charges`. With DATA_FILE it remembers across restarts. */
export function runSandbox({ name, port, actions }: { name: string; port: number; actions: readonly string[] }) {
  return runService({
    name,
    schema: Type.Object({ ...processConfig(name, port), DATA_FILE: Type.Optional(Type.String()) }),
    async start({ config, logger, metrics, stopping, onClose }) {
      const journal = new Journal<Receipt>(config.DATA_FILE, mostKeys)
      let mode = 'ok'

      const app = await createApp({
        service: name,
        logger,
        metrics,
        ready: async () => [],
        stopping,
        openapi: { title: `${name} sandbox`, description: 'Stands in for a service of somebody else.' },
        access: config,
      })
      app.put(
        '/behaviour',
        {
          schema: {
            operationId: 'setBehaviour',
            summary: 'How it behaves from now on',
            body: Behaviour,
            response: { 200: Behaviour },
          },
        },
        async ({ body }) => {
          mode = body.mode
          return body
        },
      )
      for (const [n, action] of actions.entries()) {
        const headers = Type.Object({
          'idempotency-key': Type.String({
            minLength: 1,
            maxLength: 255,
            examples: [`7b0c8f0e-5a1e-4c55-9d5f-0f3a5a1c2b11:${n}`],
          }),
        })
        app.post(
          `/${action}`,
          {
            schema: {
              operationId: `post${action[0]?.toUpperCase()}${action.slice(1)}`,
              summary: 'Done once for each idempotency key',
              headers,
              body: Request,
              response: { 200: Receipt, ...answersOf('overloaded', 'idempotency-key-reused') },
            },
          },
          async ({ body, headers }) => {
            if (mode === 'fail') throw new Problem('overloaded', `The ${name} sandbox fails, as it was told to.`)
            const receipt = await doOnce(headers['idempotency-key'], action, body)
            if (mode === 'slow') await pause(slowMs)
            return receipt
          },
        )
      }
      const query = closed({ orderId: Type.Optional(Type.String({ examples: ['o-1'] })) })
      app.get(
        '/deeds',
        {
          schema: {
            operationId: 'listDeeds',
            summary: 'What was done',
            querystring: query,
            response: { 200: Done },
          },
        },
        async ({ query: { orderId } }) => ({
          items: [...journal].filter(({ request }) => orderId === undefined || request.orderId === orderId),
          next: null,
        }),
      )
      onClose('http', () => app.close())
      await app.listen({ host: config.HOST, port: config.PORT })

      async function doOnce(key: string, action: string, request: { orderId: string }): Promise<Receipt> {
        const status = mode === 'decline' ? 'declined' : 'done'
        const receipt = await journal.once(key, () => ({ key, action, status, request, id: randomUUID() }))
        const same = receipt.action === action && JSON.stringify(receipt.request) === JSON.stringify(request)
        if (!same) throw new Problem('idempotency-key-reused', 'This Idempotency-Key came with another request before.')
        return receipt
      }
    },
  })
}
