// The operator's commands on events that Kafka refuses for good, at a cart that runs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { startCart } from './running-cart.fixture.ts'

test('a discard at the cart says which version each service misses, and how to go on there', async () => {
  const database = await freshDatabase('cart')
  const pool = openPool({ url: database.url, name: 'set-aside', max: 1, onIdleError: () => {} })
  const cart = await startCart(database.url, { KAFKA_BROKERS: '127.0.0.1:1' })
  const json = async (path: string) => (await fetch(cart.url + path)).json() as Promise<{ items: { event: string }[] }>
  const post = (path: string, body: object) =>
    fetch(cart.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-operator': 'ann' },
      body: JSON.stringify(body),
    })
  try {
    await cart.ready()
    const orderId = unique('o/ü')
    assert.equal((await cart.post(orderId)).status, 202)
    await pool.query(`UPDATE outbox SET set_aside_at = now(), cause = 'record-too-large', detail = 'too large'`)
    assert.equal((await cart.put(orderId, 'confirmed')).status, 202)

    const [item] = (await json('/ops/set-aside')).items
    const path = `/ops/set-aside/${encodeURIComponent(orderId)}`
    const answer = await post(`${path}/discard`, { event: item?.event, reason: 'too large for anybody' })
    const told = (await answer.json()) as Record<string, unknown>
    const { consequence, ...rest } = told
    assert.deepEqual([answer.status, rest], [200, { key: orderId, event: item?.event, version: 1, behind: 1 }])
    assert.match(String(consequence), /will miss version 1 of .*"skipVersion": true/)
    const [entry] = (await json('/ops/audit')).items
    assert.deepEqual(
      { ...entry, id: 0, at: '', before: {} },
      {
        id: 0,
        at: '',
        operator: 'ann',
        action: 'set-aside-discard',
        key: orderId,
        event: item?.event,
        reason: 'too large for anybody',
        before: {},
        after: { setAside: null, consequence },
      },
    )
    const again = await post(`${path}/discard`, { event: item?.event, reason: 'too large for anybody' })
    assert.deepEqual([again.status, await again.json()], [200, told])
    assert.equal((await post(`${path}/redrive`, {})).status, 404)
  } finally {
    await cart.stop()
    await pool.end()
    await database.drop()
  }
})
