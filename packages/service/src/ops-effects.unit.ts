import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EffectOps } from '@inorder/messaging/effects/operator.ts'
import type { Ops } from '@inorder/messaging/inbox/inbox.ts'
import { opsRoutes } from './ops.ts'
import { opsApp } from './ops-app.fixture.ts'

const parked = {
  effect: 'b2f7d1f0-0000-4000-8000-000000000000:1',
  kind: 'charge',
  version: 2,
  state: 'parked',
  attempts: 1,
  cause: 'no-such-card',
  detail: 'the gateway knows no such card',
  createdAt: '2026-11-23T14:20:19.000Z',
  failingSince: '2026-11-23T14:20:20.000Z',
  parkedAt: '2026-11-23T14:20:20.000Z',
}
const behind = {
  ...parked,
  effect: 'b2f7d1f0-0000-4000-8000-000000000000:2',
  state: 'behind',
  failingSince: null,
  parkedAt: null,
}

const done = { ...behind, version: 1, state: 'done', doneAt: parked.parkedAt }

/** An app over a runner that has parked an effect of order `o-1`, until it is redriven or discarded. */
async function appOf(asked: unknown[] = []) {
  let effects = [parked, behind]
  const ops: EffectOps = {
    of: async () => effects,
    historyOf: async () => [done, ...effects.map((effect) => ({ ...effect, doneAt: null }))],
    async list(query) {
      asked.push(query)
      return { items: [{ key: 'o-1', ...parked, behind: 1 }], next: 'o-1' }
    },
    redrive: async (key) => key === 'o-1',
    async discard(...args) {
      asked.push(args)
      if (args[1].effect !== parked.effect) return false
      effects = [behind]
      return true
    },
    async releaseAll(...args) {
      asked.push(args)
      const { effect, kind, state, detail } = parked
      const items = [{ key: 'o-1', effect, kind, state, detail }]
      return { items, next: null, totals: { keys: 1, released: 1, failed: 0 } }
    },
  }
  const app = await opsApp()
  const inbox: Pick<Ops, 'stateOf'> = {
    stateOf: async (key) => ({
      key,
      appliedVersion: 2,
      events: [],
      eventId: null,
      appliedAt: null,
      held: false,
    }),
  }
  await app.register(opsRoutes(inbox as Ops, ops))
  return app
}

test('parked effects are listed, a hundred at a time unless told otherwise', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const answer = await app.inject('/ops/effects')
  assert.deepEqual(answer.json(), { items: [{ key: 'o-1', ...parked, behind: 1 }], next: 'o-1' })
  await app.inject('/ops/effects?limit=7&after=o-1&state=failing&cause=status-404')
  assert.deepEqual(structuredClone(asked), [
    { state: 'parked', limit: 100 },
    { state: 'failing', cause: 'status-404', limit: 7, after: 'o-1' },
  ])
  assert.equal((await app.inject('/ops/effects?state=odd')).statusCode, 400)
  assert.equal((await app.inject('/ops/effects?limit=0')).statusCode, 400)
})

test('redrive answers with what is to be done yet, and 404 when nothing is parked', async () => {
  const app = await appOf()
  const answer = await app.inject({ method: 'POST', url: '/ops/effects/o-1/redrive' })
  assert.deepEqual(answer.json(), { key: 'o-1', effects: [parked, behind] })
  const headers = { 'content-type': 'application/json' }
  assert.equal((await app.inject({ method: 'POST', url: '/ops/effects/o-1/redrive', headers })).statusCode, 200)
  const none = await app.inject({ method: 'POST', url: '/ops/effects/o-2/redrive' })
  assert.equal(none.statusCode, 404)
  assert.match(none.json().type, /nothing-parked$/)
})

test('discard names its effect and says why; another than the parked one is 409', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const discard = (payload: object) => app.inject({ method: 'POST', url: '/ops/effects/%C3%BC%2F1/discard', payload })
  const answer = await discard({ effect: parked.effect, reason: 'paid by hand' })
  assert.deepEqual(answer.json(), { key: 'ü/1', effects: [behind] })
  assert.deepEqual(asked, [['ü/1', { effect: parked.effect, reason: 'paid by hand', operator: '127.0.0.1' }]])
  const other = await discard({ effect: behind.effect, reason: 'paid by hand' })
  assert.equal(other.statusCode, 409)
  assert.match(other.json().type, /effect-not-parked$/)
  // A foreign event id may hold what nothing of ours does; only NUL cannot be stored.
  assert.equal((await discard({ effect: 'é\n\u0001:1', reason: 'why' })).statusCode, 409)
  for (const body of [
    { effect: parked.effect },
    { reason: 'why' },
    { effect: '', reason: 'why' },
    { effect: 'a\0:1', reason: 'why' },
  ])
    assert.equal((await discard(body)).statusCode, 400, JSON.stringify(body))
})

test('all of one cause are redriven or discarded, or it is only told what would happen', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const post = (what: string, payload: object) => app.inject({ method: 'POST', url: `/ops/effects/${what}`, payload })
  const answer = await post('redrive', { cause: 'no-such-card' })
  assert.deepEqual(answer.json().totals, { keys: 1, released: 1, failed: 0 })
  await post('discard', { cause: 'no-such-card', reason: 'paid by hand', dryRun: true, after: 'o-1' })
  assert.deepEqual(structuredClone(asked), [
    ['no-such-card', { operator: '127.0.0.1', dryRun: false }],
    ['no-such-card', { operator: '127.0.0.1', reason: 'paid by hand', dryRun: true, after: 'o-1' }],
  ])
  for (const [what, body] of [
    ['redrive', {}],
    ['discard', { cause: 'no-such-card' }],
  ] as const)
    assert.equal((await post(what, body)).statusCode, 400)
})

test('an order’s whole state shows its effects', async () => {
  const app = await appOf()
  const open = [parked, behind].map((effect) => ({ ...effect, doneAt: null }))
  assert.deepEqual((await app.inject('/ops/keys/o-1')).json().effects, [done, ...open])
})
