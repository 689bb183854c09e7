// Keys of which more is parked than one transaction should take.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Tx } from '@inorder/storage/transaction.ts'
import { unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import type { PoolClient } from 'pg'
import { pino } from 'pino'
import { dueKeysLoop } from './due-keys.ts'
import type { ModelRecord } from './model.fixture.ts'
import { modelHandler } from './model-topic.fixture.ts'
import { takeSteps } from './redrive-runs.ts'
import { event, inboxRig, poison } from './rig.fixture.ts'

const { pool, consumer, stored, close } = await inboxRig()
after(close)

const many = 2_000
const mostOfOne = 600
const giveUp = (event: string, skipVersion = false) => ({ operator: 'ann', event, reason: 'a test', skipVersion })
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

/** The model's handler, which notes how many saves, and how many events, each transaction had. */
function counting() {
  const saves = new Map<string, { saves: number; events: number }>()
  const handler = {
    ...modelHandler,
    save: async (tx: Tx, changed: ReadonlyMap<string, string[]>) => {
      const before = await modelHandler.load(tx, [...changed.keys()])
      const { rows } = await tx.query('SELECT pg_current_xact_id()::text AS xid')
      const seen = saves.get(rows[0].xid) ?? { saves: 0, events: 0 }
      seen.saves++
      for (const [key, state] of changed) seen.events += state.length - (before.get(key)?.length ?? 0)
      saves.set(rows[0].xid, seen)
      await modelHandler.save(tx, changed)
    },
  }
  const most = (of: 'saves' | 'events') => Math.max(...[...saves.values()].map((one) => one[of]))
  return { handler, most }
}

/** Parks these in batches as large as the reader's. */
async function deliver(commit: ReturnType<typeof consumer>['commit'], records: readonly ModelRecord[]) {
  for (let from = 0; from < records.length; from += 1_000) {
    const part = records.slice(from, from + 1_000)
    await commit(part, Number(part[0]!.place), Number(part.at(-1)!.place) + 1)
  }
}

test('rule 18: behind a discarded head 2,000 events are applied in steps, also where the database refuses one of them', async () => {
  const o = unique('o')
  const { handler, most } = counting()
  const { operator, commit, name } = consumer({ handler })
  const guilty = many - 100
  const behind = range(2, many + 2).map((version) =>
    event(version, o, version, version === guilty ? { id: `${o}-unsavable`, unsavable: true } : {}),
  )
  await deliver(commit, [event(0, o, 1), poison(1, o), ...behind])
  const answer = { key: o, applied: guilty - 2, remaining: many + 2 - guilty, stoppedAt: name(guilty) }
  assert.deepEqual(await operator.discard(o, giveUp(name(1))), answer)
  assert.deepEqual(await operator.discard(o, giveUp(name(1))), answer, 'a repeat answers the same')
  const { version, held, state } = await stored(o)
  assert.deepEqual({ version, held, length: state.length }, { version: guilty - 1, held: true, length: guilty - 1 })
  assert.ok(most('events') <= mostOfOne, `${most('events')} events in one transaction`)
  assert.ok(most('saves') <= 60, `${most('saves')} saves in one transaction`)
})

test('rule 15: the batch that closes a gap applies a bounded number of what waited', async () => {
  const o = unique('o')
  const { handler, most } = counting()
  const { commit } = consumer({ handler })
  await deliver(commit, [event(0, o, 1), ...range(3, many + 3).map((version) => event(version - 2, o, version))])
  const at = many + 1
  await commit([event(at, o, 2), event(at + 1, o, many + 3)], at, at + 2)
  assert.ok(most('events') <= mostOfOne, `${most('events')} events in one transaction`)
})

test('rule 18: killed between two steps, the key goes on by itself before anything newer; a repeat has the whole answer', async () => {
  const o = unique('o')
  const { operator, commit, name, context } = consumer()
  const count = 1_200
  await deliver(commit, [
    event(0, o, 1),
    poison(1, o),
    ...range(2, count + 2).map((version) => event(version, o, version)),
  ])
  const action = { key: o, operator: 'ann', discard: giveUp(name(1)) }
  const killed = takeSteps(pool, o, action, context, () => {
    throw new Error('killed')
  })
  await assert.rejects(killed, /killed/)
  const between = await stored(o)
  assert.ok(between.version < count && between.held, `version ${between.version}`)

  const newer = await commit([event(count + 2, o, count + 2)], count + 2, count + 3)
  assert.equal(newer.applied.length, 0)
  assert.equal((await stored(o)).parked[count + 2], 'behind')

  const due = dueKeysLoop({
    pool,
    logger: pino({ level: 'silent' }),
    endPassed: async () => {},
    goOn: (key) => operator.goOn(key),
  })
  due.start()
  await until('all is applied', async () => (await stored(o)).version === count + 2)
  await due.close()
  const { state, parked, held } = await stored(o)
  assert.deepEqual({ length: state.length, parked, held }, { length: count + 2, parked: {}, held: false })
  const answer = { key: o, applied: count + 1, remaining: 0 }
  assert.deepEqual(await operator.discard(o, giveUp(name(1))), answer)
})

test('rule 15: what a batch left of a healed gap is applied, and a newer event after it', async () => {
  const o = unique('o')
  const { commit, operator } = consumer()
  const count = 1_200
  await deliver(commit, [event(0, o, 1), ...range(3, count + 3).map((version) => event(version - 2, o, version))])
  const at = count + 1
  await commit([event(at, o, 2), event(at + 1, o, count + 3)], at, at + 2)
  assert.ok((await stored(o)).held)
  await operator.goOn(o)
  const { version, state, held } = await stored(o)
  assert.deepEqual({ version, length: state.length, held }, { version: count + 3, length: count + 3, held: false })
})

test('rule 14: of a key with thousands that wait, a further event reads a handful of rows', async () => {
  const o = unique('o')
  const { commit } = consumer()
  await deliver(commit, [event(0, o, 1), ...range(3, 3_000).map((version) => event(version - 2, o, version))])
  const { rows, done } = rowsRead()
  await commit([event(3_000, o, 3_000)], 2_998, 3_001)
  done()
  assert.ok(rows() < 20, `${rows()} rows`)
})

/** How many rows statements have given from now on. */
function rowsRead() {
  let count = 0
  const connect: () => Promise<PoolClient> = pool.connect.bind(pool)
  const counting = async () => {
    const client = await connect()
    const { query, release } = client
    const ask = query.bind(client) as unknown as (...args: unknown[]) => Promise<{ rows?: unknown[] }>
    const counted = async (...args: unknown[]) => {
      const result = await ask(...args)
      count += result.rows?.length ?? 0
      return result
    }
    client.query = counted as unknown as typeof query
    client.release = (error) => {
      Object.assign(client, { query, release })
      release.call(client, error)
    }
    return client
  }
  pool.connect = counting as typeof pool.connect
  return {
    rows: () => count,
    done: () => {
      pool.connect = connect as typeof pool.connect
    },
  }
}
