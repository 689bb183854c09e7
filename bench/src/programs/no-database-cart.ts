// The same route without a database: it answers when Kafka has acknowledged the event. What arrives while a send is under
// way goes out with the next; two are under way, each with a producer of its own. A restart forgets which orders exist.
import type { OrderEvent } from '@inorder/contracts/order-event.ts'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { SerialProducer } from '@inorder/messaging/kafka/producer.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { serveCreates } from './create-server.ts'
import { recordOf } from './created.ts'

const [brokers = '', registryUrl = '', topic = ''] = process.argv.slice(2)
const registry = new SchemaRegistry({ url: registryUrl, deadlineMs: 5_000 })
const schemaId = await registry.idOf(`${topic}-value`, orderEvents.value.schema)
const idle = [0, 1].map((n) => new SerialProducer({ brokers: brokers.split(','), clientId: 'no-database' }, n))
const newBatch = () => ({ events: [] as OrderEvent[], ...Promise.withResolvers<void>() })
let next = newBatch()

function send(): void {
  const producer = next.events.length > 0 && idle.pop()
  if (!producer) return
  const { events, promise, resolve } = next
  next = newBatch()
  const records = events.map((event) => recordOf(topic, schemaId, event))
  resolve(producer.send(records, 10_000))
  const done = () => {
    idle.push(producer)
    send()
  }
  promise.then(done, done)
}

await serveCreates('no-database', (event) => {
  next.events.push(event)
  // What one turn of the event loop brings goes together.
  setImmediate(send)
  return next.promise
})
