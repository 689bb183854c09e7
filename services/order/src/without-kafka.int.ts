import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { freshDatabase } from '@inorder/testing/parts.ts'
import { type ServiceProcess, startService } from '@inorder/testing/service-process.ts'
import { until } from '@inorder/testing/until.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let order: ServiceProcess

before(async () => {
  database = await freshDatabase('order')
  order = await startService(new URL('main.ts', import.meta.url), {
    DATABASE_URL: database.url,
    KAFKA_BROKERS: '127.0.0.1:1',
    SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
    LOG_LEVEL: 'silent',
  })
})
after(async () => {
  await order.stop()
  await database.drop()
})

test('a consumer that is started without Kafka is not ready, as one that has lost it: the registry is waited for 5 s, Kafka always', async () => {
  const seen: string[] = []
  const missing = async () => {
    const answer = await order.get('/health/ready')
    const now = ((await answer.json()) as { missing: string[] }).missing.join()
    if (now !== seen.at(-1)) seen.push(now)
    return now
  }
  await until('only one part is missing', async () => !(await missing()).includes('registry') && seen.length > 1)
  assert.equal(seen.at(-1), 'kafka')
  assert.equal((await order.get('/health/ready')).status, 503)
  // What it has it answers all the same.
  assert.equal((await order.get('/order-details?orderId=o-1')).status, 404)
  const metrics = await (await order.get('/metrics')).text()
  assert.match(metrics, /^inorder_inbox_parked_oldest_seconds 0$/m)
  assert.match(metrics, /^inorder_outbox_circuit_open 1$/m)
  assert.doesNotMatch(metrics, /^inorder_inbox_lag/m, 'what is not known has no sample')
})
