import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import {
  details,
  orderEvent,
  type RunningOrder,
  type Surroundings,
  startOrder,
  surroundings,
} from './running-order.fixture.ts'

let world: Surroundings
let order: RunningOrder

before(async () => {
  world = await surroundings()
  order = await startOrder(world)
})
after(async () => {
  await order.close()
  await world.close()
})

const idsPath = (more = '') => `/getAllOrderIdsFromTopic?topic=${world.topic.name}${more}`

interface Ids {
  topic: string
  count: number
  orderIds: string[]
  upToDate: boolean
  next?: string | null
}

const untilUpToDate = () =>
  until('it is up to date', async () => {
    const ids = await order.json<Ids>(idsPath())
    return ids.upToDate && ids
  })

test('getAllOrderIdsFromTopic: every id once, in order of first arrival, also after a restart', async () => {
  const ids = ['ids-3', 'ids-1', 'ids-2']
  for (const id of ids) {
    await world.publish(orderEvent(id))
    await order.get(details(id, '&minVersion=1&wait=30'))
    await world.publish(orderEvent(id, 2))
  }
  const all = await untilUpToDate()
  assert.deepEqual(
    all.orderIds.filter((id) => id.startsWith('ids-')),
    ids,
  )
  assert.equal(all.count, all.orderIds.length)
  const printed = order.lines.findLast(({ msg }) => msg === 'all order ids from topic')
  assert.deepEqual([printed?.count, printed?.first, printed?.last], [all.count, all.orderIds[0], all.orderIds.at(-1)])
  assert.ok(order.lines.some(({ msg, orderIds }) => msg === 'order ids from topic' && Array.isArray(orderIds)))

  await order.close()
  order = await startOrder(world)
  const text = await (await order.get(idsPath())).text()
  const { orderIds } = all
  const start_ = `{"topic":"${world.topic.name}","count":${all.count},"orderIds":${JSON.stringify(orderIds)},"upToDate":`
  assert.ok(text === `${start_}true}` || text === `${start_}false}`, text)
})

test('getAllOrderIdsFromTopic: pages miss and repeat none', async () => {
  const { orderIds } = await untilUpToDate()
  const paged: string[] = []
  for (let next: string | null | undefined = ''; next !== null; ) {
    const page: Ids = await order.json(idsPath(`&limit=2${next && `&after=${encodeURIComponent(next)}`}`))
    assert.equal(page.count, page.orderIds.length)
    paged.push(...page.orderIds)
    next = page.next
    assert.notEqual(next, undefined)
  }
  assert.deepEqual(paged, orderIds)
  const rest: Ids = await order.json(idsPath(`&after=${encodeURIComponent(orderIds[0] ?? '')}`))
  assert.deepEqual([rest.orderIds, rest.next], [orderIds.slice(1), null])
  const none: Ids = await order.json(idsPath(`&limit=5&after=${encodeURIComponent(orderIds.at(-1) ?? '')}`))
  assert.deepEqual([none.count, none.orderIds, none.next], [0, [], null])

  await order.problem('/getAllOrderIdsFromTopic', 400, 'invalid-request', ['topic'])
  for (const [more, field] of [
    ['&limit=0', 'limit'],
    ['&limit=1000001', 'limit'],
    ['&after=never-received', 'after'],
  ] as const)
    await order.problem(idsPath(more), 400, 'invalid-request', [field])
  const detail = await order.problem('/getAllOrderIdsFromTopic?topic=other', 404, 'topic-not-consumed')
  assert.ok(detail.includes(world.topic.name), detail)
})

test('Kafka away: what was received is answered, and is not called up to date', async () => {
  const nowhere = await startOrder(world, ['127.0.0.1:1'])
  try {
    const ids = await nowhere.json<Ids>(idsPath())
    assert.ok(ids.count > 0)
    assert.equal(ids.upToDate, false)
    assert.equal((await nowhere.get(details('ids-1'))).status, 200)
  } finally {
    await nowhere.close()
  }
})

/** Ids as if they had come just now, 1,000 a batch. Numbers go on after those that are there. */
const manyIds = async (thousands: number) => {
  const { rows } = await world.direct.query('SELECT max(last) AS last FROM topic_keys')
  const last = Number(rows[0].last)
  await world.direct.query(
    `INSERT INTO topic_keys (topic, last, keys, arrived_at)
     SELECT $1, $2 + 1000 * batch, array_agg('many-' || batch || '-' || n), clock_timestamp()
     FROM generate_series(1, $3::int) AS batch, generate_series(1, 1000) AS n GROUP BY batch`,
    [world.topic.name, last, thousands],
  )
  return () => world.direct.query('DELETE FROM topic_keys WHERE last > $1', [last])
}

test('getAllOrderIdsFromTopic reads no further than its client does', async (t) => {
  const forget = await manyIds(400)
  t.after(forget)
  const { topicKeys } = order.inbox
  const pages = topicKeys.pages.bind(topicKeys)
  let read = 0
  t.mock.method(topicKeys, 'pages', async function* (...args: Parameters<typeof pages>) {
    for await (const page of pages(...args)) {
      read += JSON.parse(`[${page}]`).length
      yield page
    }
  })
  const reader = (await order.get(idsPath())).body?.getReader()
  assert.ok(reader)
  await reader.read()
  // What is on its way fits into the buffers of two sockets; the service stands still once they are full.
  let before = -1
  await until('it waits for the client', async () => {
    const stands = before === read
    before = read
    await order.get(details('ids-1'))
    await world.direct.query('SELECT pg_sleep(0.3)')
    return stands
  })
  assert.ok(read < 400_000, `${read} ids were read ahead`)
  await reader.cancel()
})

test('the database goes away half-way: the connection is cut, no list looks complete', async (t) => {
  const forget = await manyIds(400)
  t.after(forget)
  const answer = await order.get(idsPath())
  assert.equal(answer.status, 200)
  const reader = answer.body?.getReader()
  assert.ok(reader)
  await reader.read()
  world.proxy.refuse(true)
  try {
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    })
    for (const path of [
      details('ids-1'),
      details('ids-1', '&minVersion=9&wait=0.1'),
      '/orders',
      idsPath(),
      '/ops/parked',
    ])
      await order.problem(path, 503, 'database-away')
  } finally {
    world.proxy.refuse(false)
  }
  await until('it answers again', async () => (await order.get(details('ids-1'))).status === 200)
})
