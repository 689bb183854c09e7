// Rule 12 as a user of this package has it, through its front door. What becomes of orders that are ahead, behind or
// unreadable is in the cart's restored.int.ts and held.int.ts.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { avroTopic, createTopic } from '@inorder/messaging/kafka/index.ts'
import {
  type KeyTable,
  LogRecovery,
  NotCompared,
  openOutbox,
  outboxMigrations,
} from '@inorder/messaging/outbox/index.ts'
import { brokers, freshDatabase, registryUrl, unique } from '@inorder/testing/parts.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'

interface Counted {
  eventId: string
  counter: string
  version: number
}

const counters = avroTopic<Counted>({
  name: unique('counters'),
  partitions: 2,
  schema: {
    type: 'record',
    name: 'Counted',
    fields: [
      { name: 'eventId', type: 'string' },
      { name: 'counter', type: 'string' },
      { name: 'version', type: 'long' },
    ],
  },
  describe: ({ eventId, counter, version }) => ({ eventId, key: counter, version }),
})

const table: KeyTable<Counted> = {
  async lock(tx, keys) {
    await tx.query('INSERT INTO counter SELECT key, 0 FROM unnest($1::text[]) AS key ON CONFLICT DO NOTHING', [keys])
    const { rows } = await tx.query<{ key: string; version: number }>(
      'SELECT key, version FROM counter WHERE key = ANY ($1) ORDER BY key FOR UPDATE',
      [keys],
    )
    return new Map(rows.map(({ key, version }) => [key, version]))
  },
  async save(tx, recovered) {
    for (const { key, event } of recovered)
      if (event) await tx.query('UPDATE counter SET version = $2 WHERE key = $1', [key, event.version])
  },
}

/** A process on a database of its own, which was empty. */
async function producer() {
  const database = await freshDatabase('counter')
  const outbox = openOutbox({
    url: database.url,
    brokers: brokers().split(','),
    registryUrl: registryUrl(),
    instance: unique('counter'),
    topics: [counters],
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
  })
  const log = new LogRecovery({ ...outbox, topic: counters, table })
  await outbox.pool.query('CREATE TABLE counter (key text PRIMARY KEY, version int NOT NULL)')
  return {
    outbox,
    log,
    async count(counter: string): Promise<number> {
      const eventId = randomUUID()
      const waiter = outbox.relay.delivery.expect(eventId)
      const version = await outbox.transaction(async (tx) => {
        const { rows } = await tx.query<{ version: number }>(
          `INSERT INTO counter VALUES ($1, 1)
           ON CONFLICT (key) DO UPDATE SET version = counter.version + 1 RETURNING version`,
          [counter],
        )
        const { version } = rows[0]!
        await outbox.add(tx, counters, { eventId, counter, version })
        return version
      })
      assert.equal(await waiter.within(20_000), 'delivered')
      return version
    },
    async close() {
      await log.close()
      await outbox.close()
      await database.drop()
    },
  }
}

test('rule 12: a producer whose database has forgotten a key goes on behind what the log holds of it', async () => {
  const stopping = new AbortController()
  const first = await producer()
  try {
    await createTopic(counters, first.outbox)
    await first.outbox.start(outboxMigrations, first.log)
    await first.log.settle(stopping.signal)
    await first.outbox.relay.contact
    assert.deepEqual([await first.count('a'), await first.count('a'), await first.count('b')], [1, 2, 1])
  } finally {
    await first.close()
  }
  const second = await producer()
  try {
    // Not started: nothing of it was compared yet.
    const starting = second.outbox.start(outboxMigrations, second.log)
    await assert.rejects(second.count('a'), NotCompared)
    await starting
    await second.log.settle(stopping.signal)
    await second.outbox.relay.contact
    assert.deepEqual([await second.count('a'), await second.count('b'), await second.count('c')], [3, 2, 1])
  } finally {
    stopping.abort()
    await second.close()
  }
})
