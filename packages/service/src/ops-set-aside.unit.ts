import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SetAsideOps } from '@inorder/messaging/outbox/set-aside.ts'
import { opsApp } from './ops-app.fixture.ts'
import { auditRoutes } from './ops-audit.ts'
import { setAsideRoutes } from './ops-set-aside.ts'

const event = 'b2f7d1f0-0000-4000-8000-000000000000'
const item = {
  key: 'o-1',
  event,
  topic: 'order-events',
  version: 2,
  cause: 'record-too-large',
  detail: 'MESSAGE_TOO_LARGE',
  since: '2026-11-23T14:20:19.000Z',
  behind: 3,
}
const waiting = { event, topic: 'order-events', version: 2, since: item.since, setAside: true, cause: item.cause }
const redriven = {
  items: [{ key: 'o-1', event, behind: 3 }],
  next: null,
  totals: { events: 1, redriven: 1, failed: 0 },
}
const discarded = { key: 'o-1', event, version: 2, behind: 3, consequence: 'each service misses version 2' }

/** An app of a service that has set aside an event of every key but `healthy`; it notes what it is asked for. */
async function appOf(asked: unknown[] = []) {
  const noting = <Args extends unknown[], Answer>(answer: (...args: Args) => Answer) => {
    return async (...args: Args) => {
      asked.push(args)
      return answer(...args)
    }
  }
  const ops: SetAsideOps = {
    list: noting(() => ({ items: [item], next: '7' })),
    waitingOf: noting((key) => ({ key, events: key === 'healthy' ? [] : [waiting] })),
    of: noting((key) => (key === 'healthy' ? undefined : { key, events: [item] })),
    redrive: noting((key) => (key === 'healthy' ? undefined : redriven)),
    redriveAll: noting(() => redriven),
    discard: noting((key, discard) => {
      if (key === 'healthy') return { refused: 'nothing-set-aside' as const, detail: 'Nothing.' }
      return discard.event === event ? discarded : { refused: 'not-set-aside' as const, detail: 'Another.' }
    }),
    audit: noting(() => {
      const entry = { id: 7, at: item.since, operator: 'ann', action: 'set-aside-discard', key: 'o-1', event }
      const after = { setAside: null, consequence: discarded.consequence }
      return { items: [{ ...entry, reason: 'too large', before: { setAside: item }, after }], next: null }
    }),
  }
  const app = await opsApp()
  await app.register(setAsideRoutes(ops))
  await app.register(auditRoutes((query) => ops.audit(query)))
  return app
}

test('events that are set aside are listed, of all keys or one', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  assert.deepEqual((await app.inject('/ops/set-aside')).json(), { items: [item], next: '7' })
  await app.inject('/ops/set-aside?cause=record-too-large&limit=5&after=7')
  assert.deepEqual(structuredClone(asked), [[{ limit: 100 }], [{ cause: 'record-too-large', limit: 5, after: '7' }]])
  assert.deepEqual((await app.inject('/ops/set-aside/%C3%BC%2F1')).json(), { key: 'ü/1', events: [item] })
  const none = await app.inject('/ops/set-aside/healthy')
  assert.deepEqual([none.statusCode, none.json().type], [404, '/problems/nothing-set-aside'])
  for (const bad of ['limit=0', 'after=o-1', 'cause=']) {
    assert.equal((await app.inject(`/ops/set-aside?${bad}`)).statusCode, 400, bad)
  }
})

test('one key or all of a cause are redriven, or it is only told what would happen', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const post = (path: string, payload?: object) =>
    app.inject({ method: 'POST', url: `/ops/set-aside/${path}`, ...(payload && { payload }) })
  assert.deepEqual((await post('o-1/redrive')).json(), redriven)
  await post('o-1/redrive', { dryRun: true })
  assert.deepEqual((await post('redrive', { cause: 'record-too-large', after: '7' })).json(), redriven)
  assert.deepEqual(structuredClone(asked), [
    ['o-1', { operator: '127.0.0.1', dryRun: false }],
    ['o-1', { operator: '127.0.0.1', dryRun: true }],
    ['record-too-large', { operator: '127.0.0.1', dryRun: false, after: '7' }],
  ])
  assert.equal((await post('healthy/redrive')).statusCode, 404)
  assert.equal((await post('redrive', {})).statusCode, 400)
})

test('a discard names its event and says why, and is told what is missing now', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const discard = (key: string, payload: object) =>
    app.inject({ method: 'POST', url: `/ops/set-aside/${key}/discard`, payload, headers: { 'x-operator': 'ann' } })
  assert.deepEqual((await discard('o-1', { event, reason: 'too large' })).json(), discarded)
  assert.deepEqual(structuredClone(asked), [['o-1', { event, reason: 'too large', operator: 'ann' }]])
  const other = await discard('o-1', { event: event.replace('b', 'c'), reason: 'too large' })
  assert.deepEqual([other.statusCode, other.json().type], [409, '/problems/not-set-aside'])
  assert.equal((await discard('healthy', { event, reason: 'too large' })).statusCode, 404)
  for (const body of [{ event }, { reason: 'why' }, { event: 'x', reason: 'why' }, { event, reason: '' }])
    assert.equal((await discard('o-1', body)).statusCode, 400, JSON.stringify(body))
})

test('the audit shows what was set aside, and what is missing since', async () => {
  const app = await appOf()
  const { items } = (await app.inject('/ops/audit')).json()
  assert.deepEqual(items[0].before, { setAside: item })
  assert.deepEqual(items[0].after, { setAside: null, consequence: discarded.consequence })
})

test('what of a key waits for Kafka is listed, also where that is nothing', async () => {
  const app = await appOf()
  assert.deepEqual((await app.inject('/ops/outbox/o%2F1')).json(), { key: 'o/1', events: [waiting] })
  assert.deepEqual((await app.inject('/ops/outbox/healthy')).json(), { key: 'healthy', events: [] })
  assert.equal((await app.inject(`/ops/outbox/${'a'.repeat(513)}`)).statusCode, 400)
})
