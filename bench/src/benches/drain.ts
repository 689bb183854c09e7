// B3: the relay with a full outbox, beside the client alone with the same bytes, at its best batch size.
import { orderEvents } from '@inorder/contracts/order-events.ts'
import { KafkaAdmin } from '@inorder/messaging/kafka/admin.ts'
import { addToOutbox } from '@inorder/messaging/outbox/outbox.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { ask, type Bed, firstLine } from '../bed.ts'
import type { Bench, BenchSide } from '../bench.ts'
import { createdFrom } from '../programs/created.ts'
import { newTopic, recordsIn } from './creates.ts'

const rowsASecond = 30_000
const templates = 10_000

export const drain: Bench = {
  id: 'B3',
  title: "the relay from a full outbox / the client's best raw produce of the same bytes",
  aims: [
    { of: 'ratio', atLeast: 0.7 },
    { of: 'value', atLeast: 60_000, before: 18_300 },
  ],
  stacks: ['cart'],
  async open(bed) {
    const stack = bed.stack('cart')
    const { topic, admin } = await newTopic(stack)
    const [kafka, registry] = [stack.address('kafka'), stack.address('registry')]
    const raw = bed.node('client', 'programs/raw-produce.ts', [kafka, registry, topic])
    console.log(`  raw produce: ${await firstLine(raw)}`)
    const { side, close } = await relaying(bed, stack)
    return {
      sides: [
        side,
        {
          name: 'raw produce',
          unit: 'events/s',
          async run({ seconds }) {
            const count = rowsASecond * seconds
            const meter = bed.meter(stack)
            const { perSecond } = await ask<{ perSecond: number }>(raw, { count })
            return meter({ value: perSecond }, count)
          },
        },
      ],
      async close() {
        await close()
        await admin.close()
      },
    }
  },
}

/** The cart's relay with a full outbox, until it is empty. */
export async function relaying(bed: Bed, stack: Stack): Promise<{ side: BenchSide; close(): Promise<void> }> {
  const admin = new KafkaAdmin({ brokers: stack.address('kafka').split(','), clientId: 'bench' })
  const database = new pg.Client({ connectionString: stack.databaseUrl('cart') })
  await database.connect()
  await makeTemplates(database)
  return {
    side: {
      name: 'relay',
      unit: 'events/s',
      async run({ seconds }) {
        const rows = rowsASecond * seconds
        const before = await recordsIn(admin, orderEvents.name)
        const sent = async () => (await recordsIn(admin, orderEvents.name)) - before
        await fill(database, rows)
        const meter = bed.meter(stack)
        const first = await until('the relay sends', sent, 30_000)
        const begun = performance.now()
        await until('all rows are sent', async () => (await sent()) >= rows, 300_000)
        const value = (rows - first) / ((performance.now() - begun) / 1_000)
        const left = async () => (await database.query('SELECT FROM outbox LIMIT 1')).rowCount
        await until('the outbox is empty', async () => (await left()) === 0)
        return meter({ value }, rows)
      },
    },
    async close() {
      await database.query('DROP TABLE bench_rows')
      await database.end()
      await admin.close()
    },
  }
}

/** Rows as the cart writes them, aside: nobody publishes them. */
export async function makeTemplates(database: pg.Client): Promise<void> {
  await database.query('BEGIN')
  for (let from = 0; from < templates; from += 1_000) {
    const events = Array.from({ length: 1_000 }, (_, n) => createdFrom('outbox', from + n))
    const { name, key, value, headers } = orderEvents
    await addToOutbox(
      database,
      events.map((event) => ({
        eventId: event.eventId,
        topic: name,
        key: key.encode(event),
        value: value.encode(event),
        fingerprint: value.fingerprint,
        headers: headers(event),
        origin: 'bench',
      })),
    )
  }
  await database.query(`CREATE TABLE bench_rows AS SELECT id, topic, partition, key_hash, key, value, fingerprint, headers, bytes
    FROM outbox WHERE origin = 'bench'`)
  await database.query(`DELETE FROM outbox WHERE origin = 'bench'`)
  await database.query('COMMIT')
}

/** In one transaction, so that the relay sees all of them at once. */
export const fill = (database: pg.Client, rows: number) =>
  database.query(
    `INSERT INTO outbox (event_id, topic, partition, key_hash, key, value, fingerprint, headers, bytes, origin)
     SELECT gen_random_uuid(), topic, partition, key_hash, key, value, fingerprint, headers, bytes, 'bench'
     FROM generate_series(0, $1::int - 1, $2) AS round, bench_rows
     WHERE round + id - (SELECT min(id) FROM bench_rows) < $1 ORDER BY round, id`,
    [rows, templates],
  )
