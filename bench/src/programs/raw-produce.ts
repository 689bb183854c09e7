// The client alone: sends the events of new orders as fast as it can, acknowledged by all replicas, idempotent. It finds
// the best size of a batch and number in flight for itself, and then sends so many records as it is asked for.
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { Producer } from '@platformatic/kafka'
import { createdFrom, recordOf } from './created.ts'

const [brokers = '', registryUrl = '', topic = '', purpose = ''] = process.argv.slice(2)
const registry = new SchemaRegistry({ url: registryUrl, deadlineMs: 5_000 })
const schemaId = await registry.idOf(orderEvents.subject, orderEvents.value.schema)
const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
  clientId: 'raw',
  bootstrapBrokers: brokers.split(','),
  idempotent: true,
})

const messagesOf = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => {
    const { key, value, ...record } = recordOf(topic, schemaId, createdFrom(prefix, n))
    return { ...record, key: key!, value: value! }
  })
const messages = messagesOf('raw', 20_000)

/** Sends so many of them, from the start again behind the last; gives how many a second. */
async function send(count: number, batch: number, inFlight: number): Promise<number> {
  const begun = performance.now()
  let sent = 0
  const sending = async () => {
    while (sent < count) {
      const from = sent % messages.length
      const some = messages.slice(from, from + Math.min(batch, count - sent))
      sent += some.length
      await producer.send({ messages: some })
    }
  }
  await Promise.all(Array.from({ length: inFlight }, sending))
  return count / ((performance.now() - begun) / 1_000)
}

/** Not in a topic that is filled for a consumer: these are the same records again and again. */
async function bestWay(): Promise<{ batch: number; inFlight: number }> {
  const ways: { batch: number; inFlight: number; perSecond: number }[] = []
  await send(20_000, 500, 1)
  for (const batch of [500, 1_000, 2_000])
    for (const inFlight of [1, 2, 4]) ways.push({ batch, inFlight, perSecond: await send(20_000, batch, inFlight) })
  return ways.toSorted((a, b) => b.perSecond - a.perSecond)[0]!
}

const best = purpose === 'fill' ? { batch: 2_000, inFlight: 1 } : await bestWay()
console.log(`batches of ${best.batch}, ${best.inFlight} in flight`)

process.on('message', async ({ count, distinct }: { count: number; distinct?: string }) => {
  // A backlog for a consumer: every order once, made as it goes.
  for (let from = 0; distinct && from < count; from += 10_000) {
    const some = messagesOf(`${distinct}-${from}`, Math.min(10_000, count - from))
    for (let at = 0; at < some.length; at += 2_000) await producer.send({ messages: some.slice(at, at + 2_000) })
  }
  process.send!({ perSecond: distinct ? 0 : await send(count, best.batch, best.inFlight) })
})
