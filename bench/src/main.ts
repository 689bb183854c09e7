// npm run bench: what the cart and the order service do a second, each beside the usual way of writing it, on this
// machine, in this run, in turns. Absolute figures drift with the machine; the ratios are what counts.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { type Stack, startStack } from '@inorder/testing/stack.ts'
import pg from 'pg'
import { allServices } from './all-services.ts'
import { appliedPerSecond } from './applied.ts'
import { createOrders, type Load } from './load.ts'
import { median } from './median.ts'
import { perOrder, processorTime } from './processor-time.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const seconds = Number(process.env.BENCH_SECONDS ?? 8)
const connections = Number(process.env.BENCH_CONNECTIONS ?? 64)
const baselineTopic = 'one-by-one'

const started: ChildProcess[] = []
const run = (file: string, args: string[], env: NodeJS.ProcessEnv = {}) => {
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=8', '--heap-growing-percent=40', fileURLToPath(new URL(file, import.meta.url)), ...args],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    },
  )
  started.push(child)
  return child
}
const end = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
const whole = (n: number) => Math.round(n).toLocaleString('en')
const line = (name: string, load: Load) =>
  `  ${name.padEnd(12)} ${whole(load.perSecond).padStart(7)}/s   p50 ${load.p50} ms   p99 ${load.p99} ms   not 201: ${load.other}`

const stack = await startStack({ env: { INORDER_SERVICES: 'cart', LOG_LEVEL: 'warn' } })
try {
  await bench(stack)
} finally {
  await Promise.all(started.map(end))
  await stack.stop()
}

console.log(
  `creates with all services at work, ${rounds} rounds of ${seconds} s; seconds until each has applied the last one`,
)
for (const { load, behind, processorTime } of await allServices(rounds, seconds, connections)) {
  const times = Object.entries(behind).map(([name, time]) => `${name} ${time.toFixed(1)} s`)
  console.log(`${line('all', load)}\n  ${times.join('   ')}\n  ${processorTime}`)
}

async function bench(stack: Stack): Promise<void> {
  const brokers = stack.address('kafka')
  const database = await databases(stack)
  const admin = new KafkaAdmin({ brokers: brokers.split(','), clientId: 'bench' })
  await admin.createTopics(
    [{ name: baselineTopic, partitions: orderEvents.partitions, replicas: 1, configs: {} }],
    10_000,
  )

  console.log(
    `creates, ${connections} connections, ${rounds} rounds of ${seconds} s in turns (201: stored and acknowledged by Kafka)`,
  )
  const baseline = run('one-by-one-cart.ts', [
    await database('one_by_one_cart'),
    brokers,
    stack.address('registry'),
    baselineTopic,
  ])
  const [baselineUrl] = await once(createInterface({ input: baseline.stdout! }), 'line')
  await createOrders(stack.url('cart'), 'warm', { seconds: 3 }, connections)
  await createOrders(baselineUrl, 'warm', { seconds: 3 }, connections)
  const ours: Load[] = []
  const theirs: Load[] = []
  for (let round = 1; round <= rounds; round++) {
    const before = processorTime(stack)
    const own = await createOrders(stack.url('cart'), `r${round}`, { seconds }, connections)
    console.log(`${line('inorder', own)}\n    ${perOrder(before, processorTime(stack), own.created)}`)
    const other = await createOrders(baselineUrl, `r${round}`, { seconds }, connections)
    console.log(line('one by one', other))
    ours.push(own)
    theirs.push(other)
  }
  await end(baseline)
  const [creates, baselineCreates] = [ours, theirs].map((loads) => median(loads.map(({ perSecond }) => perSecond))) as [
    number,
    number,
  ]
  console.log(
    `  median ${whole(creates)}/s against ${whole(baselineCreates)}/s: ${(creates / baselineCreates).toFixed(1)} x`,
  )

  const { ends } = await admin.ends(orderEvents.name, 10_000)
  await admin.close()
  const backlog = Number(ends.reduce((sum, end) => sum + end, 0n))
  console.log(`events applied from a backlog of ${whole(backlog)}, ${rounds} rounds in turns`)
  const applied: number[] = []
  const oneByOne: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const own = await database(`order_${round}`)
    const service = run('../../services/order/src/main.ts', [], {
      DATABASE_URL: own,
      KAFKA_BROKERS: brokers,
      SCHEMA_REGISTRY_URL: stack.address('registry'),
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'warn',
    })
    const position = 'SELECT sum(next_offset) AS n FROM inbox_position'
    applied.push((await appliedPerSecond(own, position, backlog, 120)).perSecond)
    await end(service)
    const other = await database(`one_by_one_${round}`)
    const consumer = run('one-by-one-consumer.ts', [other, brokers])
    oneByOne.push(
      (await appliedPerSecond(other, 'SELECT sum(next_offset) AS n FROM position', backlog, seconds)).perSecond,
    )
    await end(consumer)
    console.log(`  inorder ${whole(applied.at(-1)!)}/s   one by one ${whole(oneByOne.at(-1)!)}/s`)
  }
  console.log(
    `  median ${whole(median(applied))}/s against ${whole(median(oneByOne))}/s: ${(median(applied) / median(oneByOne)).toFixed(1)} x`,
  )
}

async function databases(stack: Stack): Promise<(name: string) => Promise<string>> {
  return async (name) => {
    const client = new pg.Client({ connectionString: stack.databaseUrl('cart') })
    await client.connect()
    await client.query(`CREATE DATABASE bench_${name}`)
    await client.end()
    return stack.databaseUrl('cart').replace('inorder_cart', `bench_${name}`)
  }
}
