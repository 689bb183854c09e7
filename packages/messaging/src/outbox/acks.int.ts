// What Kafka is asked to promise: read from the requests themselves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kafkaProxy, produceCall } from '@inorder/testing/kafka-proxy.ts'
import { brokers } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import { outboxRig } from './rig.fixture.ts'

/** Fields of a produce request (version 9 and on) that holds one batch, as Kafka's protocol has them. */
function produced(bytes: Buffer, topic: string): { acks: number; producerId: bigint; sequence: number } {
  assert.ok(bytes.readInt16BE(6) >= 9, `produce version ${bytes.readInt16BE(6)}`)
  // Length, call, version, correlation; the client's id; no tagged fields; no transaction.
  const id = bytes.readInt16BE(12)
  const acks = bytes.readInt16BE(14 + id + 1 + 1)
  // One partition, its number, the length of its records, of which each byte but the last is over 127; then the batch.
  let batch = bytes.indexOf(topic) + topic.length + 1 + 4
  while (bytes[batch++]! > 127);
  assert.equal(bytes[batch + 16], 2, 'the format of a batch')
  return { acks, producerId: bytes.readBigInt64BE(batch + 43), sequence: bytes.readInt32BE(batch + 53) }
}

test('the relay asks for the acknowledgement of all in-sync replicas, as an idempotent producer', async () => {
  const rig = await outboxRig({ partitions: 1 })
  const proxy = await kafkaProxy(brokers().split(',')[0]!)
  try {
    const requests: ReturnType<typeof produced>[] = []
    proxy.fate = ({ call, bytes }) => {
      if (call === produceCall) requests.push(produced(bytes, rig.topic))
      return 'through'
    }
    await rig.relay('acks', { brokers: [proxy.address] })
    for (const n of [1, 2, 3]) {
      await rig.add([rig.record({ key: Buffer.from(`k-${n}`) })])
      await until('it is published', async () => (await rig.waiting()) === 0)
    }
    const [first] = requests
    assert.ok(first && first.producerId >= 0n, `producer ${first?.producerId}`)
    assert.deepEqual(
      requests,
      [0, 1, 2].map((sequence) => ({ acks: -1, producerId: first.producerId, sequence })),
    )
  } finally {
    await rig.close()
    await proxy.close()
  }
})
