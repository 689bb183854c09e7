// A lane is read from a floor. Nothing may ever be left below it.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { transaction } from '@inorder/storage/transaction.ts'
import { freshDatabase } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import pg from 'pg'
import { lanesByHand } from './lanes-by-hand.fixture.ts'
import { addToOutbox, type OutboxRecord } from './outbox.ts'
import { type OutboxRig, outboxRig } from './rig.fixture.ts'
import { deleteRows, retrySetAside, setAside } from './store.ts'

let rig: OutboxRig
before(async () => {
  rig = await outboxRig({ partitions: 2 })
})
after(() => rig.close())

const sessions = new Set<pg.Client>()
afterEach(async () => {
  await Promise.all([...sessions].map((session) => session.end()))
  sessions.clear()
})

async function session(url = rig.url): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  sessions.add(client)
  await client.connect()
  return client
}

const numbered = (key: string, n: number): OutboxRecord =>
  rig.record({ key: Buffer.from(key), value: Buffer.from(String(n)) })

const laneByHand = async () => {
  await rig.pool.query('DELETE FROM outbox')
  return lanesByHand(rig, 1)
}

test('a floor passes no id that is drawn and not committed, however many above it are published meanwhile', async () => {
  const { take, passAll } = await laneByHand()
  const slow = await session()
  await slow.query('BEGIN')
  await addToOutbox(slow, [numbered('slow', 1)])
  for (let n = 2; n < 40; n++) {
    await rig.add([numbered(`fast-${n}`, n)])
    assert.deepEqual(await take(), [n])
    await pause(10)
  }
  await slow.query('COMMIT')
  assert.deepEqual(await take(), [1])
  await passAll()
})

test('a floor moves while another database writes, and while a session of this one reads', async () => {
  const { take, passAll } = await laneByHand()
  const reader = await session()
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  await reader.query('SELECT count(*) FROM outbox')
  const other = await freshDatabase('other')
  try {
    const writer = await session(other.url)
    await writer.query('BEGIN')
    await writer.query('CREATE TABLE some_table ()')
    await rig.add([numbered('a', 1), numbered('b', 2)])
    assert.deepEqual(await take(), [1, 2])
    await passAll()
    await writer.end()
    sessions.delete(writer)
  } finally {
    await other.drop()
  }
})

test('a row that was set aside and is tried again, or is dropped, comes before what has waited behind it', async () => {
  for (const decision of ['tried again', 'dropped']) {
    const { read, take, passAll } = await laneByHand()
    await rig.add([numbered('k', 1), numbered('k', 2), numbered('other', 3)])
    const [first] = await read()
    await setAside(rig.pool, first!.eventId, { cause: 'record-too-large', detail: 'of a test' })
    assert.deepEqual(await take(), [3])
    await passAll()
    await rig.add([numbered('k', 4), numbered('other', 5)])
    assert.deepEqual(await take(), [5])
    await passAll()
    if (decision === 'dropped') await deleteRows(rig.pool, [first!.eventId])
    else await retrySetAside(rig.pool, [first!.eventId])
    assert.deepEqual(await take(), decision === 'dropped' ? [2, 4] : [1, 2, 4])
    await passAll()
    assert.deepEqual(await take(), [])
  }
})

test('many writers that keep their transactions open for long and short: each committed row is published, in its key’s order', async () => {
  const relay = await rig.relay('many')
  await relay.contact
  const keys = Array.from({ length: 12 }, (_, n) => `key-${n}`)
  const committed = new Map<string, number[]>(keys.map((key) => [key, []]))
  // As good as random, and the same in every run.
  const chance = (key: number, n: number) => Math.abs((Math.sin(key * 1_000 + n + 1) * 10_000) % 1)
  await Promise.all(
    keys.map(async (key, k) => {
      for (let n = 0; n < 25; n++) {
        const rollsBack = chance(k, n) < 0.2
        await transaction(rig.pool, async (tx) => {
          await addToOutbox(tx, [numbered(key, n)])
          // Ids above are drawn, committed and published meanwhile.
          await pause(k < 3 ? 300 * chance(n, k) : 5 * chance(n, k))
          if (rollsBack) throw new Error('rolls back')
        }).catch((error) => assert.equal((error as Error).message, 'rolls back'))
        if (!rollsBack) committed.get(key)!.push(n)
        relay.wake()
      }
    }),
  )
  await until('the outbox is empty', async () => (await rig.waiting()) === 0, 20_000)
  const log = await rig.log()
  for (const key of keys) {
    const numbers = log.filter((record) => record.key === key).map(({ value }) => Number(value))
    assert.deepEqual([...new Set(numbers)], committed.get(key))
  }
  await rig.stop(relay)
})
