import assert from 'node:assert/strict'
import { test } from 'node:test'
import { named, type Pause, type PauseTarget } from '@inorder/messaging/inbox/pause.ts'
import type { PauseOps } from '@inorder/messaging/inbox/pause-operator.ts'
import { opsApp } from './ops-app.fixture.ts'
import { pauseRoutes } from './ops-pauses.ts'

const since = '2026-11-23T14:20:19.000Z'

/** Over a service with these kinds of effects, for which every time before 2100 is over. It notes what it is asked for. */
async function appOf(asked: unknown[], kinds = ['charge', 'refund']) {
  const shown = (target: PauseTarget): Pause => ({
    ...named(target),
    since,
    until: null,
    reason: null,
    operator: 'ann',
  })
  const app = await opsApp()
  const pauses: PauseOps = {
    list: async (query) => {
      asked.push(query)
      return { items: [shown({ what: 'effects', name: 'charge' })], next: 'effects charge' }
    },
    pause: async (target, how) => {
      asked.push(target, how)
      return how.until && how.until < '2100' ? undefined : shown(target)
    },
    resume: async (...query) => {
      asked.push(...query)
    },
  }
  await app.register(pauseRoutes(pauses, kinds))
  return (path: string, payload?: object) =>
    app.inject({
      method: payload ? 'POST' : 'GET',
      url: path,
      headers: { 'x-operator': 'ann' },
      ...(payload && { payload }),
    })
}

test('the inbox, an order, effects of all kinds or one are paused and resumed, by whom and why', async () => {
  const asked: unknown[] = []
  const send = await appOf(asked)
  const until = '2101-01-01T00:00:00.000Z'
  const all: [body: object, target: PauseTarget, by: { until?: string; reason?: string }][] = [
    [
      { what: 'inbox', until, reason: 'disk' },
      { what: 'inbox', name: '' },
      { until, reason: 'disk' },
    ],
    [{ what: 'key', key: 'o-1' }, { what: 'key', name: 'o-1' }, {}],
    [{ what: 'effects' }, { what: 'effects', name: '' }, {}],
    [{ what: 'effects', kind: 'charge' }, { what: 'effects', name: 'charge' }, {}],
  ]
  for (const [body, target, { until, reason }] of all) {
    const paused = await send('/ops/pause', body)
    assert.equal(paused.statusCode, 200, paused.body)
    const { what, kind, key } = paused.json()
    const resumed = await send('/ops/resume', body)
    assert.deepEqual([resumed.statusCode, resumed.json()], [200, { what, kind, key }])
    assert.deepEqual(named(target), { what, kind, key })
    const operator = 'ann'
    assert.deepEqual(asked.splice(0), [target, { operator, until, reason }, target, { operator, reason }])
  }
})

test('what cannot be paused is refused, naming every field', async () => {
  const asked: unknown[] = []
  const send = await appOf(asked)
  const fieldsOf = async (answer: ReturnType<typeof send>) => {
    const bad = await answer
    assert.equal(bad.statusCode, 400)
    return bad
      .json()
      .errors.map(({ field }: { field: string }) => field)
      .sort()
  }
  const bad: [body: object, fields: string[]][] = [
    [{}, ['what']],
    [{ what: 'all' }, ['what']],
    [{ what: 'inbox', key: 'o-1', kind: 'charge' }, ['key', 'kind']],
    [{ what: 'key' }, ['key']],
    [{ what: 'key', key: '' }, ['key']],
    [{ what: 'effects', kind: 'label' }, ['kind']],
    [{ what: 'inbox', until: 'tomorrow', reason: '' }, ['reason', 'until']],
    [{ what: 'inbox', since: '2101-01-01T00:00:00Z' }, ['since']],
  ]
  for (const [body, fields] of bad) assert.deepEqual(await fieldsOf(send('/ops/pause', body)), fields)
  assert.deepEqual(asked, [])
  assert.deepEqual(await fieldsOf(send('/ops/pause', { what: 'inbox', until: '2001-01-01T00:00:00Z' })), ['until'])
  const without = await appOf([], [])
  assert.deepEqual(await fieldsOf(without('/ops/pause', { what: 'effects' })), ['what'])
  assert.equal((await without('/ops/resume', { what: 'effects', kind: 'label' })).statusCode, 200, 'of another release')
})

test('what is paused is listed, a hundred at a time unless told otherwise', async () => {
  const asked: unknown[] = []
  const send = await appOf(asked)
  const { items, next } = (await send('/ops/pauses')).json()
  assert.deepEqual(items[0], {
    what: 'effects',
    kind: 'charge',
    key: null,
    since,
    until: null,
    reason: null,
    operator: 'ann',
  })
  await send(`/ops/pauses?limit=1&after=${encodeURIComponent(next)}`)
  assert.deepEqual(structuredClone(asked), [{ limit: 100 }, { limit: 1, after: 'effects charge' }])
  assert.equal((await send('/ops/pauses?limit=0')).statusCode, 400)
})
