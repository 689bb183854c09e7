// A producer in a process of its own, so that what it packs does not count as the reader's memory.
import { Producer } from '@platformatic/kafka'

const MiB = 1024 * 1024
const [bootstrap, topic, times] = process.argv.slice(2)
const producer = new Producer({ clientId: 'zeros', bootstrapBrokers: [bootstrap!], compression: 'zstd' })

/** One batch; the broker compares the packed size only. */
const send = (...records: [key: string, bytes: number][]) =>
  producer.send({
    messages: records.map(([key, bytes]) => ({
      topic: topic!,
      partition: 0,
      key: Buffer.from(key),
      value: Buffer.alloc(bytes),
    })),
  })

for (let n = 0; n < Number(times); n++) {
  await send(['zeros', 60 * MiB])
  await send(['a', 20 * MiB], ['b', 20 * MiB], ['c', 20 * MiB])
}
await producer.close(true)
