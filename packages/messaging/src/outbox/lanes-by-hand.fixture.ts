// Lanes that nobody sends from: read, and what was read deleted, as a leader does it.
import { until } from '@inorder/testing/until.ts'
import { pino } from 'pino'
import { CompleteIds } from './complete-ids.ts'
import { found, LaneTable } from './lane-table.ts'
import type { OutboxRig } from './rig.fixture.ts'
import { declareTopic, deleteRows, readLanes } from './store.ts'

export async function lanesByHand({ pool, maintenance, topic }: OutboxRig, partitions: number) {
  await declareTopic(pool, topic, partitions)
  const complete = new CompleteIds(pool, pino({ level: 'silent' }))
  await complete.learn(10_000)
  const { lanes } = new LaneTable(new Map([[topic, partitions]]))
  const read = async () => {
    const { upTo } = complete
    const all = await readLanes(maintenance, lanes)
    for (const [n, lane] of lanes.entries()) {
      found(lane, all[n]!, upTo)
      lane.queue = []
    }
    complete.follow()
    return all.flatMap(({ rows }) => rows)
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
