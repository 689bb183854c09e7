// What one poisoned order costs the others: 10,000 orders at a steady rate, beside one whose changes go on, which is parked
// or is not, in turns. The time is from the order's date, which the cart gives it, to its commit in the order service.
import { partitionOf } from '@inorder/messaging/kafka/partitioner.ts'
import { SerialProducer } from '@inorder/messaging/kafka/producer.ts'
import { startStack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import autocannon from 'autocannon'
import pg from 'pg'
import { orderBody } from './load.ts'
import { median } from './ratio.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const amount = Number(process.env.BENCH_ORDERS ?? 10_000)
const perSecond = Number(process.env.BENCH_RATE ?? 1_000)

const stack = await startStack({ env: { INORDER_SERVICES: 'cart,order', LOG_LEVEL: 'error' } })
const database = new pg.Client(stack.databaseUrl('order'))
await database.connect()
const producer = new SerialProducer({ brokers: stack.address('kafka').split(','), clientId: 'bench' }, 0)
try {
  await run('warm', false)
  const plain: number[] = []
  const beside: number[] = []
  for (let round = 1; round <= rounds; round++) {
    plain.push(await run(`plain-${round}`, false))
    beside.push(await run(`beside-${round}`, true))
    console.log(`  p99 without ${plain.at(-1)} ms, beside a poisoned order ${beside.at(-1)} ms`)
  }
  const ratio = median(beside) / median(plain)
  console.log(`  median ${median(plain)} ms and ${median(beside)} ms: ${ratio.toFixed(2)} x`)
} finally {
  producer.close()
  await database.end()
  await stack.stop()
}

/** The 99th percentile of the orders' times in ms. */
async function run(prefix: string, poisoned: boolean): Promise<number> {
  const changing = await changingOrder(`${prefix}-poison`, poisoned)
  let sent = 0
  await autocannon({
    url: stack.url('cart'),
    connections: 32,
    amount,
    overallRate: perSecond,
    requests: [
      {
        method: 'POST',
        path: '/create-order',
        headers: { 'content-type': 'application/json' },
        setupRequest: (request) => ({ ...request, body: orderBody(prefix, sent++) }),
      },
    ],
  })
  await changing.end()
  const times = `SELECT count(*)::int AS n, percentile_cont(0.99) WITHIN GROUP
      (ORDER BY extract(epoch FROM applied_at) * 1000 - extract(epoch FROM (body ->> 'orderDate')::timestamptz) * 1000) AS p99
    FROM inbox_key JOIN orders ON order_id = key WHERE key LIKE $1`
  const { rows } = await until('all are applied', async () => {
    const answer = await database.query<{ n: number; p99: number }>(times, [`${prefix}-_%`])
    return (answer.rows[0]?.n ?? 0) >= amount && answer
  })
  return Math.round(rows[0]!.p99)
}

/** An order that is changed 20 times a second until `end`; if it is poisoned, its second record is garbage. */
async function changingOrder(orderId: string, poisoned: boolean): Promise<{ end(): Promise<void> }> {
  const headers = { 'content-type': 'application/json' }
  const cart = (method: string, path: string, body: object) =>
    fetch(stack.url('cart') + path, { method, headers, body: JSON.stringify(body) })
  await cart('POST', '/create-order', { orderId, itemsNum: 1 })
  const key = Buffer.from(orderId)
  const garbage = {
    topic: 'order-events',
    partition: partitionOf(key, 6),
    key,
    value: Buffer.from('garbage'),
    headers: new Map(),
  }
  if (poisoned) await producer.send([garbage], 10_000)
  let ended = false
  const changing = (async () => {
    for (let n = 0; !ended; n++) {
      await cart('PUT', '/update-order', { orderId, status: `s-${n}` })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  return {
    async end() {
      ended = true
      await changing
      const { rows } = await database.query('SELECT count(*)::int AS n FROM parked WHERE key = $1', [orderId])
      if (poisoned !== rows[0].n >= 2) throw new Error(`${rows[0].n} records of ${orderId} are parked`)
    },
  }
}
