import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ops } from '@inorder/messaging/inbox/inbox.ts'
import { opsRoutes } from './ops.ts'
import { opsApp } from './ops-app.fixture.ts'

const parkedEvent = {
  event: 'b2f7d1f0-0000-4000-8000-000000000000/3/17',
  state: 'head',
  cause: 'undecodable',
  detail: 'truncated',
  version: null,
  parkedAt: '2026-11-23T14:20:19.000Z',
  attempts: 1,
}
const detail = (key: string) => ({ key, appliedVersion: 2, events: [parkedEvent] })

const position = (partition: number) => ({
  ...{ partition, next: 5, end: null, lag: null },
  owner: partition === 0 ? 'test-2' : null,
  stalledSeconds: partition === 1 ? 17 : null,
})

const standing = { appliedVersion: 2, parked: 1, event: parkedEvent }

/**
 * An app over a consumer that has parked something of every order but `healthy`, and knows none that is `unknown`. It
 * notes what it is asked for.
 */
async function appOf(queries: unknown[] = []) {
  const ops: Omit<Ops, 'jobs'> = {
    list: async (query) => {
      queries.push(query)
      const { event, cause, parkedAt: since } = parkedEvent
      return { items: [{ key: 'o-1', cause, count: 3, since, event }], next: 'o-1' }
    },
    groups: async (query) => {
      queries.push(query)
      const { cause, detail, parkedAt: oldest } = parkedEvent
      return { items: [{ service: 'test', cause, detail, count: 3, oldest }], next: 'dW5k' }
    },
    of: async (key, options) => {
      queries.push(options)
      return key === 'healthy' ? undefined : detail(key)
    },
    redrive: async (...asked) => {
      queries.push(asked)
      if (asked[0] === 'healthy') return { refused: 'nothing-parked', detail: 'Nothing is parked of healthy.' }
      const foreseen = {
        event: parkedEvent.event,
        version: null,
        becomes: 'head',
        cause: 'undecodable',
        detail: 'garbage',
      }
      const answer = { key: asked[0], applied: 1, remaining: 2, stoppedAt: parkedEvent.event }
      return asked[1].dryRun ? { ...answer, events: [foreseen] } : answer
    },
    redriveAll: async (...asked) => {
      queries.push(asked)
      if (asked[0] === 'gap') return { refused: 'too-many-keys', detail: 'POST /ops/jobs' }
      const items = [
        { key: 'o-1', applied: 3, remaining: 0 },
        { key: 'o-2', applied: 0, remaining: 1, error: 'away' },
      ]
      return { items, next: null, totals: { keys: 2, applied: 3, remaining: 1, failed: 1 } }
    },
    discard: async (...asked) => {
      queries.push(asked)
      if (asked[1].event === 'behind') return { refused: 'not-the-head', detail: 'It is behind.' }
      if (!asked[1].skipVersion) return { refused: 'version-not-skipped', detail: 'It is version 3.' }
      return { key: asked[0], applied: 1, remaining: 0 }
    },
    audit: async (query) => {
      queries.push(query)
      const done = { action: 'redrive', key: 'o-1', event: null, reason: null, before: standing }
      const after = { appliedVersion: 3, parked: 0, event: null }
      return { items: [{ id: 7, at: parkedEvent.parkedAt, operator: 'ann', ...done, after }], next: '7' }
    },
    positions: async () => [0, 1, 2].map(position),
    acceptLoss: async (...asked) => {
      queries.push(asked)
      if (asked[0] > 0) return { refused: 'nothing-lost', detail: 'It lacks nothing.' }
      return { partition: 0, from: 5, to: 9 }
    },
    pauses: {
      list: async () => ({ items: [], next: null }),
      pause: async () => undefined,
      resume: async () => {},
    },
    stateOf: async (key) =>
      key === 'unknown' ? undefined : { ...detail(key), eventId: null, appliedAt: null, held: true },
  }
  const app = await opsApp()
  await app.register(opsRoutes(ops as Ops))
  return app
}

test('parked orders are listed with their cause, a hundred at a time unless told otherwise', async () => {
  const queries: unknown[] = []
  const app = await appOf(queries)
  const answer = await app.inject('/ops/parked')
  assert.equal(answer.statusCode, 200)
  const { items, next } = answer.json()
  assert.deepEqual(Object.keys(items[0]), ['key', 'cause', 'count', 'since', 'event'])
  assert.equal(next, 'o-1')
  await app.inject('/ops/parked?cause=gap&limit=7&after=o-1')
  assert.deepEqual(structuredClone(queries), [{ limit: 100 }, { cause: 'gap', limit: 7, after: 'o-1' }])
  const bad = await app.inject('/ops/parked?limit=0&cause=&after=%00')
  assert.equal(bad.statusCode, 400)
  assert.deepEqual(
    bad
      .json()
      .errors.map(({ field }: { field: string }) => field)
      .sort(),
    ['after', 'cause', 'limit'],
  )
})

test('what holds orders up, by cause and detail', async () => {
  const queries: unknown[] = []
  const app = await appOf(queries)
  const { items, next } = (await app.inject('/ops/parked/groups')).json()
  assert.deepEqual(Object.keys(items[0]), ['service', 'cause', 'detail', 'count', 'oldest'])
  await app.inject(`/ops/parked/groups?limit=7&after=${next}`)
  assert.deepEqual(structuredClone(queries), [{ limit: 100 }, { limit: 7, after: 'dW5k' }])
  assert.equal((await app.inject('/ops/parked/groups?after=a%20b')).statusCode, 400)
})

test('a parked event is shown as it came: its headers, its bytes, and what it says', async () => {
  const app = await opsApp()
  const shown = {
    ...parkedEvent,
    timestamp: '2026-11-23T14:20:18.000Z',
    headers: [
      { name: 'ce_id', value: 'a' },
      { name: 'trace', value: 'AP8=', encoding: 'base64' },
      { name: 'none', value: null },
    ],
    keyBytes: 'by0x',
    bytes: null,
    decoded: { orderId: 'o-1', order: { items: [{ price: 1.5 }] } },
  }
  const events = [shown, { ...parkedEvent, decoded: null }]
  await app.register(opsRoutes({ of: async () => ({ key: 'o-1', appliedVersion: 2, events }) } as Partial<Ops> as Ops))
  assert.deepEqual((await app.inject('/ops/parked/o-1')).json().events, events)
})

test('one order, or one record that belongs to none', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const odd = '@order-events:3:17'
  for (const id of ['o-1', odd, 'ü/ß 100%']) {
    const answer = await app.inject(`/ops/parked/${encodeURIComponent(id)}`)
    assert.deepEqual(answer.json(), detail(id))
  }
  assert.deepEqual((await app.inject(`/ops/parked/${odd}`)).json(), detail(odd), 'also as it is written')
  const none = await app.inject('/ops/parked/healthy')
  assert.equal(none.statusCode, 404)
  assert.match(none.json().type, /nothing-parked$/)
  assert.deepEqual(asked[0], { raw: true }, 'with its bytes: nobody is asked who they are')
})

test('positions, with null where Kafka gave no answer, and an order’s whole state', async () => {
  const app = await appOf()
  const positions = async (query = '') => (await app.inject(`/ops/positions${query}`)).json()
  assert.deepEqual(await positions(), { items: [0, 1, 2].map(position), next: null })
  assert.deepEqual(await positions('?limit=2'), { items: [0, 1].map(position), next: '1' })
  assert.deepEqual(await positions('?limit=2&after=1'), { items: [position(2)], next: null })
  const state = (await app.inject('/ops/keys/o-1')).json()
  assert.deepEqual(state, { ...detail('o-1'), eventId: null, appliedAt: null, held: true, effects: [] })
  const unknown = await app.inject('/ops/keys/unknown')
  assert.equal(unknown.statusCode, 404)
  assert.match(unknown.json().type, /order-not-found$/)
  for (const path of ['/ops/keys/%00', '/ops/parked/%00']) assert.equal((await app.inject(path)).statusCode, 400, path)
})

test('a loss is accepted for one partition, and only where there is one', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const accept = (partition: string) =>
    app.inject({ method: 'POST', url: `/ops/positions/${partition}/accept-loss`, headers: { 'x-operator': 'ann' } })
  const accepted = await accept('0')
  assert.deepEqual([accepted.statusCode, accepted.json()], [200, { partition: 0, from: 5, to: 9 }])
  const none = await accept('1')
  assert.deepEqual([none.statusCode, none.json().type], [409, '/problems/nothing-lost'])
  assert.equal((await accept('all')).statusCode, 400)
  assert.deepEqual(asked, [
    [0, 'ann'],
    [1, 'ann'],
  ])
})

test('a redrive of one order, tried or done, and of all with one cause', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const post = (path: string, body?: object, headers = {}) =>
    app.inject({ method: 'POST', url: path, headers, ...(body && { payload: body }) })
  const stopped = { applied: 1, remaining: 2, stoppedAt: parkedEvent.event }
  const redriven = await post('/ops/parked/redrive/redrive')
  assert.deepEqual([redriven.statusCode, redriven.json()], [200, { key: 'redrive', ...stopped }])
  const json = { 'content-type': 'application/json' }
  assert.equal((await post('/ops/parked/empty/redrive', undefined, json)).statusCode, 200)
  const tried = await post('/ops/parked/o-1/redrive', { dryRun: true }, { 'x-operator': 'ann' })
  assert.deepEqual([tried.json().events[0].becomes, tried.json().events[0].version], ['head', null])
  const healthy = await post('/ops/parked/healthy/redrive', {})
  assert.deepEqual([healthy.statusCode, healthy.json().type], [404, '/problems/nothing-parked'])
  const all = await post('/ops/parked/redrive', { cause: 'constraint' })
  assert.deepEqual(all.json().totals, { keys: 2, applied: 3, remaining: 1, failed: 1 })
  assert.equal(all.json().items[1].error, 'away')
  assert.deepEqual(asked, [
    ['redrive', { operator: '127.0.0.1', dryRun: false }],
    ['empty', { operator: '127.0.0.1', dryRun: false }],
    ['o-1', { operator: 'ann', dryRun: true }],
    ['healthy', { operator: '127.0.0.1', dryRun: false }],
    ['constraint', { operator: '127.0.0.1', dryRun: false }],
  ])
  const many = await post('/ops/parked/redrive', { cause: 'gap' })
  assert.deepEqual([many.statusCode, many.json().type], [409, '/problems/too-many-keys'])
  for (const body of [{ dryRun: 'yes' }, { dry: true }, []])
    assert.equal((await post('/ops/parked/o-1/redrive', body)).statusCode, 400)
  assert.equal((await post('/ops/parked/redrive', {})).statusCode, 400, 'a cause is needed')
  assert.equal((await post('/ops/parked/redrive', undefined, json)).statusCode, 400, 'and a body')
})

test('a discard names its event and its reason, and is refused where it may not be', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const post = (payload: object) => app.inject({ method: 'POST', url: '/ops/parked/o-1/discard', payload })
  const { event } = parkedEvent
  const done = await post({ event, reason: 'a test', skipVersion: true })
  assert.deepEqual([done.statusCode, done.json()], [200, { key: 'o-1', applied: 1, remaining: 0 }])
  const given = { event, reason: 'a test', skipVersion: true, dropWaiting: false, operator: '127.0.0.1' }
  assert.deepEqual(asked, [['o-1', given]])
  const both = await post({ event, reason: 'a test', skipVersion: true, dropWaiting: true })
  assert.deepEqual([both.statusCode, both.json().type], [400, '/problems/invalid-request'])
  for (const [body, problem] of [
    [{ event, reason: 'a test' }, 'version-not-skipped'],
    [{ event: 'behind', reason: 'a test' }, 'not-the-head'],
  ] as const) {
    const refused = await post(body)
    assert.deepEqual([refused.statusCode, refused.json().type], [409, `/problems/${problem}`])
  }
  const bad = await post({ reason: '', skipVersion: 1 })
  const fields = bad.json().errors.map(({ field }: { field: string }) => field)
  assert.deepEqual([bad.statusCode, fields.sort()], [400, ['event', 'reason', 'skipVersion']])
})

test('the audit, page by page', async () => {
  const asked: unknown[] = []
  const app = await appOf(asked)
  const { items, next } = (await app.inject('/ops/audit')).json()
  assert.deepEqual([items[0].before, items[0].after.event, next], [standing, null, '7'])
  await app.inject(`/ops/audit?limit=5&after=${next}`)
  assert.deepEqual(structuredClone(asked), [{ limit: 100 }, { limit: 5, after: 7 }])
})

test('OpenAPI says that a redrive may come without a body, a discard may not', async () => {
  const app = await appOf()
  const { paths } = (await app.inject('/openapi.json')).json()
  const isRequired = (path: string) => paths[`/ops/parked/${path}`].post.requestBody.required
  assert.deepEqual(['{key}/redrive', '{key}/discard', 'redrive'].map(isRequired), [false, true, true])
})
