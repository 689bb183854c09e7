// B11: the cart's relay beside pg-transactional-outbox, each with a full outbox: by its polling listener, and by logical
// replication. Its outbox is smaller: each message takes longer, and each poll sorts all that wait.
import type { Stack } from '@inorder/testing/stack.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { ask, firstLine } from '../bed.ts'
import type { Bench } from '../bench.ts'
import { newTopic } from './creates.ts'
import { relaying } from './drain.ts'

const rowsASecond = 500

const library = (listener: 'polling' | 'replication'): Bench => ({
  id: `B11-${listener}`,
  title: `a full outbox: the relay / pg-transactional-outbox 0.5.7, ${listener}`,
  aims: [{ of: 'ratio', atLeast: 10 }],
  stacks: ['cart'],
  async open(bed) {
    const stack = bed.stack('cart')
    if (listener === 'replication') await allowReplication(stack)
    const { topic, admin } = await newTopic(stack)
    const { side, close } = await relaying(bed, stack)
    const url = await bed.database(stack)
    const args = [listener, url, stack.address('kafka'), stack.address('registry'), topic]
    const program = bed.node('library', 'programs/outbox-library.ts', args)
    await firstLine(program)
    return {
      sides: [
        side,
        {
          name: 'pg-transactional-outbox',
          unit: 'events/s',
          async run({ seconds }) {
            const rows = Math.ceil(rowsASecond * seconds)
            await ask(program, { fill: rows })
            const meter = bed.meter(stack)
            const { perSecond, outOfOrder } = await ask<{ perSecond: number; outOfOrder: number }>(program, {
              relay: rows,
            })
            const round = meter({ value: perSecond }, rows)
            if (outOfOrder > 0)
              console.log(`  pg-transactional-outbox: ${outOfOrder} of ${rows} events were out of their order`)
            return round
          },
        },
      ],
      async close() {
        await close()
        await admin.close()
        await bed.end(program)
        // A slot that nobody reads keeps the server's log for ever.
        await query(url, 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
      },
    }
  },
})

export const outboxPolling = library('polling')
export const outboxReplication = library('replication')

/** PostgreSQL is started again with a log that can be read as changes, where it was not. */
async function allowReplication(stack: Stack): Promise<void> {
  const url = stack.databaseUrl('cart')
  const level = async () => (await query(url, 'SHOW wal_level'))[0]?.wal_level
  if ((await level()) === 'logical') return
  await query(url, `ALTER SYSTEM SET wal_level = 'logical'`)
  const pid = stack.kill('postgres', 'SIGINT')
  await until('PostgreSQL is started again', () =>
    stack.parts().some((part) => part.name === 'postgres' && part.pid !== pid),
  )
  await until('its log can be replicated', async () => (await level()) === 'logical')
  await until('the cart is ready', async () => (await fetch(`${stack.url('cart')}/health/ready`)).ok)
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
