// `npm run raise-partitions -- 12`: gives the topic of the order events more partitions while orders are taken. Killed
// half-way it leaves publishing paused; run again it goes on from there.
import { setTimeout as pause } from 'node:timers/promises'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import type { KafkaAccess } from '@inorder/messaging/kafka/access.ts'
import { kafkaAccess } from '@inorder/messaging/kafka/access-settings.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { pauseRelay, relayOf, resumeRelay } from '@inorder/messaging/outbox/relay-pause.ts'
import { clientOf } from '@inorder/storage/connection.ts'
import { databaseOf } from './databases.ts'
import { StartFailure } from './failure.ts'
import { say } from './output.ts'
import { addressesOf } from './running.ts'
import { readSettings } from './settings.ts'
import { toldOf } from './told.ts'

const deadlineMs = 10_000
const pausedWithin = 30_000
const again = 'run the same command again to go on'
const topic = orderEvents.name

try {
  await raise(readCount(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${toldOf(error)}\n`)
  process.exitCode = 1
}

async function raise(wanted: number): Promise<void> {
  const { brokers, access, database } = addresses()
  const kafka = new KafkaAdmin({ brokers, access, clientId: 'raise-partitions' })
  const cart = clientOf(database, { connectionTimeoutMillis: 5_000 })
  await cart.connect()
  try {
    const { partitions } = await kafka.topic(topic, deadlineMs)
    if (partitions > wanted)
      throw new StartFailure(`${topic} has ${partitions} partitions, and Kafka cannot take any away`)
    if (partitions === wanted && (await relayOf(cart, topic)) === 'runs')
      return say(`${topic} has ${wanted} partitions already`)

    // 1. Nothing more goes out; orders are taken all the same, and wait.
    await pauseRelay(cart, topic)
    await until(async () => (await relayOf(cart, topic)) === 'paused', pausedWithin)
    say('publishing is paused; orders are taken and wait')

    // 2. Each order's events so far are read before any of it comes by another partition.
    for (let told = ''; ; await pause(500)) {
      const behind = [...(await kafka.lags(topic, deadlineMs))].filter(([, lag]) => lag > 0n)
      if (behind.length === 0) break
      const now = behind.map(([group, lag]) => `${group} (${lag})`).join(', ')
      if (now !== told) say(`waiting for consumer groups to read to the end: ${now}`)
      told = now
    }

    // 3. More partitions; every broker has to know of them before somebody asks it.
    if (partitions < wanted) await kafka.addPartitions(topic, wanted, deadlineMs)
    for (const broker of await kafka.brokers(deadlineMs)) {
      const one = new KafkaAdmin({ brokers: [broker], access, clientId: 'raise-partitions' })
      await until(async () => (await one.topic(topic, deadlineMs)).partitions === wanted, pausedWithin)
      await one.close()
    }

    // 4. On with it.
    await resumeRelay(cart, topic)
    say(`${topic} has ${wanted} partitions; publishing goes on`)
  } finally {
    await cart.end()
    await kafka.close()
  }
}

async function until(condition: () => Promise<boolean>, limit: number): Promise<void> {
  const end = performance.now() + limit
  while (!(await condition())) {
    if (performance.now() > end)
      throw new StartFailure(`no cart has paused publishing, or a broker does not know the partitions: ${again}`)
    await pause(200)
  }
}

function readCount([text = '']: string[]): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new StartFailure('npm run raise-partitions -- <how many there shall be>')
  return Number(text)
}

/** `DATABASE_URL` is the server's; the cart's database is on it. */
function addresses(): { brokers: string[]; access: KafkaAccess | undefined; database: string } {
  const settings = readSettings(process.env)
  const { brokers, server } = addressesOf(settings)
  return {
    brokers: brokers(),
    // That of a stack of ours is open.
    access: settings.given.kafka ? kafkaAccess(process.env) : undefined,
    database: databaseOf(server(), 'inorder_cart'),
  }
}
