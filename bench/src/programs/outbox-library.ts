// pg-transactional-outbox as its README has it used, for B11. The events of orders, four of each, are stored with its
// storage function, 100 in a transaction, and relayed by one of its listeners, whose handler produces to Kafka. Messages of
// one segment are handled one after the other: replication promises the order of commits, polling that of `created_at`.
//
// Its settings are the best of those tried. Polling: a segment an order, 200 at once; 64 at once took 1.5 times the
// processor time, 64 segments instead of one an order as much again. Replication: 64 segments; 16 or 128 made no difference.
import { setTimeout as pause } from 'node:timers/promises'
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { keyHash } from '@inorder/messaging/kafka/partitioner.ts'
import { type ProducerRecord, SerialProducer } from '@inorder/messaging/kafka/producer.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import pg from 'pg'
import {
  createReplicationSegmentMutexConcurrencyController,
  DatabaseSetup,
  executeTransaction,
  getDisabledLogger,
  initializeMessageStorage,
  initializePollingMessageListener,
  initializeReplicationMessageListener,
  type TransactionalMessage,
} from 'pg-transactional-outbox'
import { createdFrom, recordOf } from './created.ts'

const [listener = '', databaseUrl = '', brokers = '', registryUrl = '', topic = ''] = process.argv.slice(2)
const atOnce = listener === 'polling' ? 200 : 64
const versions = 4
const perTransaction = 100

const logger = getDisabledLogger()
const connection = { connectionString: databaseUrl }
const database = 'bench'
const setup = {
  outboxOrInbox: 'outbox',
  database,
  schema: 'public',
  table: 'outbox',
  listenerRole: 'postgres',
} as const
const polling = { ...setup, nextMessagesName: 'next_outbox_messages' }
const replication = { ...setup, publication: 'outbox_publication', replicationSlot: 'outbox_slot' }
const config = {
  outboxOrInbox: 'outbox',
  dbListenerConfig: connection,
  dbHandlerConfig: { ...connection, max: atOnce },
} as const
const settings = {
  dbSchema: 'public',
  dbTable: 'outbox',
  enableMaxAttemptsProtection: false,
  enablePoisonousMessageProtection: false,
}

const pool = new pg.Pool({ ...connection, max: 4 })
const registry = new SchemaRegistry({ url: registryUrl, deadlineMs: 5_000 })
const schemaId = await registry.idOf(orderEvents.subject, orderEvents.value.schema)
const producer = new SerialProducer({ brokers: brokers.split(','), clientId: 'library' }, 0)

/** Its tables, anew, and so many messages: each order has some versions, and those of all orders alternate. */
async function fill(amount: number): Promise<void> {
  await pool.query(DatabaseSetup.dropAndCreateTable(setup))
  if (listener === 'polling') {
    await pool.query(DatabaseSetup.createPollingFunction(polling))
    await pool.query(DatabaseSetup.setupPollingIndexes(polling))
  } else {
    await pool.query(DatabaseSetup.setupReplicationCore(replication))
    await pool.query(DatabaseSetup.setupReplicationSlot(replication))
  }
  const store = initializeMessageStorage({ ...config, settings }, logger)
  const orders = Math.ceil(amount / versions)
  for (let from = 0; from < amount; from += perTransaction) {
    await executeTransaction(await pool.connect(), async (client) => {
      for (let n = from; n < Math.min(from + perTransaction, amount); n++) {
        const event = { ...createdFrom('library', n % orders), version: 1 + Math.floor(n / orders) }
        await store(messageOf(event), client)
      }
    })
  }
  await pool.query('VACUUM ANALYZE outbox')
}

/** Without `createdAt`: the database's own is finer, and so keeps the order of more messages. */
const messageOf = (event: OrderEvent): TransactionalMessage => ({
  id: event.eventId,
  aggregateType: 'order',
  aggregateId: event.orderId,
  messageType: event.type,
  segment: listener === 'polling' ? event.orderId : String(keyHash(Buffer.from(event.orderId)) % atOnce),
  payload: event,
})

/** What handlers ask for at once goes out in one request. */
let waiting: { record: ProducerRecord; done: PromiseWithResolvers<void> }[] = []
let sending = false
async function send(record: ProducerRecord): Promise<void> {
  const done = Promise.withResolvers<void>()
  waiting.push({ record, done })
  if (!sending) void sendWaiting()
  return done.promise
}

async function sendWaiting(): Promise<void> {
  sending = true
  while (waiting.length > 0) {
    const some = waiting
    waiting = []
    try {
      await producer.send(
        some.map(({ record }) => record),
        30_000,
      )
      for (const { done } of some) done.resolve()
    } catch (error) {
      for (const { done } of some) done.reject(error)
    }
  }
  sending = false
}

/** Until so many are sent: how many a second, and how many came when it was not their turn. */
async function relay(amount: number): Promise<{ perSecond: number; outOfOrder: number }> {
  const sent = new Map<string, number>()
  const all = Promise.withResolvers<void>()
  let count = 0
  let outOfOrder = 0
  const handler = {
    async handle({ payload }: TransactionalMessage) {
      const event = payload as OrderEvent
      if (event.version !== (sent.get(event.orderId) ?? 0) + 1) outOfOrder++
      await send(recordOf(topic, schemaId, event))
      sent.set(event.orderId, event.version)
      if (++count === amount) all.resolve()
    },
  }
  const begun = performance.now()
  const [stop] =
    listener === 'polling'
      ? initializePollingMessageListener(
          {
            ...config,
            settings: {
              ...settings,
              nextMessagesFunctionName: polling.nextMessagesName,
              nextMessagesBatchSize: atOnce,
              nextMessagesPollingIntervalInMs: 10,
            },
          },
          handler,
          logger,
          // As it is it asks for one message when one is done, and each question sorts all that wait.
          { batchSizeStrategy: async (running) => (running > atOnce / 2 ? pause(1, 0) : atOnce) },
        )
      : initializeReplicationMessageListener(
          {
            ...config,
            settings: {
              ...settings,
              dbPublication: replication.publication,
              dbReplicationSlot: replication.replicationSlot,
            },
          },
          handler,
          logger,
          { concurrencyStrategy: createReplicationSegmentMutexConcurrencyController() },
        )
  await all.promise
  const perSecond = amount / ((performance.now() - begun) / 1_000)
  await stop()
  return { perSecond, outOfOrder }
}

process.on('message', async ({ fill: rows, relay: amount }: { fill?: number; relay?: number }) => {
  if (rows) await fill(rows)
  process.send!(amount ? await relay(amount) : {})
})
console.log('ready')
