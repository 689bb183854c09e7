// The client alone: produces events at a rate, each when it is due, and consumes them in the same process. Answers with the
// percentiles of the times between, in milliseconds.
import { randomUUID } from 'node:crypto'
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { SchemaRegistry } from '@inorder/messaging/kafka/registry.ts'
import { Consumer, Producer } from '@platformatic/kafka'
import { percentile } from '../ratio.ts'
import { createdFrom, recordOf } from './created.ts'

const [brokers = '', registryUrl = '', topic = ''] = process.argv.slice(2)
const client = { clientId: 'bare', bootstrapBrokers: brokers.split(',') }
const registry = new SchemaRegistry({ url: registryUrl, deadlineMs: 5_000 })
const schemaId = await registry.idOf(orderEvents.subject, orderEvents.value.schema)
const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...client, idempotent: true })
const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({ ...client, groupId: randomUUID() })
const stream = await consumer.consume({ topics: [topic], mode: 'latest', autocommit: false })
const due = new Map<string, number>()
const times: number[] = []
stream.on('data', ({ key }) => {
  const begun = due.get(key.toString())
  if (begun !== undefined) times.push(performance.now() - begun)
  due.delete(key.toString())
})

process.on('message', ({ perSecond, seconds, prefix }: { perSecond: number; seconds: number; prefix: string }) => {
  times.length = 0
  const begun = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    for (; sent < perSecond * seconds && begun + (sent * 1_000) / perSecond <= performance.now(); sent++) {
      const { key, value, ...record } = recordOf(topic, schemaId, createdFrom(prefix, sent))
      due.set(key!.toString(), performance.now())
      void producer.send({ messages: [{ ...record, key: key!, value: value! }] })
    }
    if (sent < perSecond * seconds || due.size > 0) return
    clearInterval(timer)
    process.send!({ p50: percentile(times, 0.5), p99: percentile(times, 0.99) })
  }, 1)
})
console.log('ready')
