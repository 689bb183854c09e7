// The sandbox as a process.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ServiceProcess, startService } from '@inorder/testing/service-process.ts'

const main = new URL('main.ts', import.meta.url)

test('killed after it has answered, it charges nothing twice for one key', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'payment-'))
  const start = async () => {
    const payment = await startService(main, { DATA_FILE: join(folder, 'made', 'payment.jsonl') })
    await payment.ready()
    return payment
  }
  const charge = (payment: ServiceProcess, key: string, body: object) =>
    fetch(`${payment.url}/charges`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    })
  let payment = await start()
  try {
    const orders = ['o-1', 'o-2', 'o-3'].map((orderId) => ({ orderId, amount: 7 }))
    const first = await Promise.all(orders.map((order) => charge(payment, order.orderId, order)))
    const answers = await Promise.all(first.map((answer) => answer.json()))
    await payment.kill()
    payment = await start()
    for (const [i, order] of orders.entries()) {
      assert.deepEqual(await (await charge(payment, order.orderId, order)).json(), answers[i])
    }
    assert.equal((await charge(payment, 'o-1', { orderId: 'o-1', amount: 8 })).status, 422)
    const { items } = (await (await payment.get('/deeds')).json()) as { items: unknown[] }
    assert.equal(items.length, 3)
  } finally {
    await payment.stop()
    await rm(folder, { recursive: true })
  }
})
