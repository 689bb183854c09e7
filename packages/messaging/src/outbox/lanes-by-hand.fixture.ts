// Lanes that nobody sends from: read, and what was read deleted, as a leader does it.
import { until } from '@inorder/testing/until.ts'
import { pino } from 'pino'
import { SerialProducer } from '../kafka/producer.ts'
import { CompleteIds } from './complete-ids.ts'
import { Lane } from './lane.ts'
import type { OutboxRig } from './rig.fixture.ts'
import { declareTopic, deleteRows, readLanes } from './store.ts'

export async function lanesByHand({ pool, maintenance, topic }: OutboxRig, partitions: number) {
  await declareTopic(pool, topic, partitions)
  const complete = new CompleteIds(pool, pino({ level: 'silent' }))
  await complete.learn(10_000)
  const producer = new SerialProducer({ brokers: ['127.0.0.1:1'], clientId: 'by-hand' }, 0)
  const lanes = Array.from({ length: partitions }, (_, n) => new Lane(topic, n, producer))
  const read = async () => {
    const { upTo } = complete
    const found = await readLanes(maintenance, lanes)
    for (const [n, lane] of lanes.entries()) lane.read(found[n]!, upTo)
    complete.follow()
    return found.flatMap(({ rows }) => rows)
  }
  return {
    lanes,
    read,
    /** Reads and deletes what is there; gives the numbers in it. */
    async take(): Promise<number[]> {
      const rows = await read()
      await deleteRows(
        pool,
        rows.map(({ eventId }) => eventId),
      )
      return rows.map(({ value }) => Number(value))
    },
    /** Reads until the floors are above all ids that are drawn now. */
    async passAll(): Promise<void> {
      const { rows } = await pool.query<{ last: string }>('SELECT last_value AS last FROM outbox_id_seq')
      await until('the floors have passed all', async () => {
        await read()
        return lanes.every(({ floor }) => floor > BigInt(rows[0]!.last))
      })
    },
  }
}
