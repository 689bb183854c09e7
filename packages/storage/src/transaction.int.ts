import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { freshDatabase } from '@inorder/testing/parts.ts'
import { roundTrips } from '@inorder/testing/round-trips.ts'
import { type Fate, type TcpProxy, tcpProxy } from '@inorder/testing/tcp-proxy.ts'
import { until } from '@inorder/testing/until.ts'
import type pg from 'pg'
import { openPool, takesWrites } from './pool.ts'
import { CommitUnknown, ifBegun, savepoint, sqlFault, transaction } from './transaction.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let direct: pg.Pool
let proxy: TcpProxy
let proxied: pg.Pool

before(async () => {
  database = await freshDatabase('transaction')
  direct = openPool({ url: database.url, name: 'direct', max: 2 })
  await direct.query('CREATE TABLE fact (id integer PRIMARY KEY)')
  const url = new URL(database.url)
  proxy = await tcpProxy(url.hostname, Number(url.port))
  url.port = String(proxy.port)
  proxied = openPool({ url: url.href, name: 'proxied', max: 2, deadlineMs: 500, onIdleError: () => {} })
})

beforeEach(() => {
  proxy.fate = () => 'through'
  proxy.refuse(false)
})

after(async () => {
  await Promise.all([direct.end(), proxied.end()])
  await proxy.close()
  await database.drop()
})

const insert = (pool: pg.Pool, id: number) =>
  transaction(pool, async (tx) => (await tx.query('INSERT INTO fact VALUES ($1) RETURNING id', [id])).rows[0].id)
const stored = async (id: number) => (await direct.query('SELECT FROM fact WHERE id = $1', [id])).rowCount === 1

/** The first COMMIT meets this fate; everything after it goes through. */
function commitMeets(fate: Fate) {
  proxy.fate = (piece) => {
    if (!piece.includes('COMMIT')) return 'through'
    proxy.fate = () => 'through'
    return fate
  }
}

test('a transaction returns what its work returned, and stores it', async () => {
  assert.equal(await insert(direct, 1), 1)
  assert.ok(await stored(1))
})

test('a last statement goes out with the COMMIT: what it did is stored, and if it fails nothing is', async () => {
  const lastInsert = (id: number) =>
    transaction(direct, async (tx, last) => {
      await tx.query('INSERT INTO fact VALUES ($1)', [id])
      last(tx.query('INSERT INTO fact VALUES ($1)', [id + 1]))
      return id
    })
  assert.equal(await lastInsert(100), 100)
  assert.ok((await stored(100)) && (await stored(101)))
  await assert.rejects(lastInsert(99), { code: '23505' })
  assert.equal(await stored(99), false)
  assert.equal(await insert(direct, 99), 99, 'the session is as good as new')
})

const insertIfBegun = (id: number, condition = ifBegun) => `INSERT INTO fact SELECT ${id} WHERE ${condition}`

test('statements that hold `ifBegun` travel with BEGIN, and a last one with COMMIT: two round trips', async () => {
  const pool = openPool({ url: database.url, name: 'round trips', max: 1 })
  await pool.query('SELECT 1')
  const trips = roundTrips(pool)
  const tripsOf = async (...statements: string[]) => {
    const before = trips.count
    await transaction(pool, async (tx, last) => {
      await Promise.all(statements.slice(0, -1).map((text) => tx.query(text)))
      last(tx.query(statements.at(-1)!))
    })
    return trips.count - before
  }
  assert.equal(await tripsOf(insertIfBegun(200), insertIfBegun(201), 'INSERT INTO fact VALUES (202)'), 2)
  assert.ok((await stored(200)) && (await stored(201)) && (await stored(202)))
  assert.equal(
    await tripsOf('SELECT 1', insertIfBegun(203), 'SELECT 1'),
    3,
    'it does not overtake what waits for BEGIN',
  )
  await pool.end()
})

test('rule 1: a BEGIN that is refused while statements travel with it: nothing is stored, and the error is that of BEGIN', async () => {
  const outcomes: unknown[] = []
  const refused = (...statements: string[]) => {
    // The server itself refuses it: it reads another word.
    proxy.fate = (piece) => {
      if (piece.includes('BEGIN')) piece.write('BEGUN', piece.indexOf('BEGIN'))
      return 'through'
    }
    const tried = transaction(proxied, async (tx) => {
      outcomes.push(...(await Promise.allSettled(statements.map((text) => tx.query(text)))))
      return 'as if all were well'
    })
    return assert.rejects(tried, { code: '42601', message: /BEGUN/ })
  }
  await refused(insertIfBegun(210), 'INSERT INTO fact VALUES (211)', insertIfBegun(212))
  const [early, ...late] = outcomes.splice(0) as PromiseSettledResult<pg.QueryResult>[]
  assert.ok(early?.status === 'fulfilled' && early.value.rowCount === 0, 'the server ran it, and it did nothing')
  for (const { status } of late) assert.equal(status, 'rejected')
  assert.deepEqual([await stored(210), await stored(211), await stored(212)], [false, false, false])
  // Without an effective condition the same way would store it.
  await refused(insertIfBegun(213, `(${ifBegun} OR true)`))
  assert.ok(await stored(213))
  proxy.fate = () => 'through'
  assert.equal(await insert(proxied, 214), 214)
})

test('work that throws stores nothing, and the error is its own', async () => {
  await assert.rejects(
    transaction(direct, async (tx) => {
      await tx.query('INSERT INTO fact VALUES (2)')
      throw new Error('changed my mind')
    }),
    /changed my mind/,
  )
  await assert.rejects(insert(direct, 1), (error) => sqlFault(error) === 'row')
  assert.equal(await stored(2), false)
})

test('a failure that the work hides does not make COMMIT a success', async () => {
  const hidden = transaction(direct, async (tx) => {
    await tx.query('INSERT INTO fact VALUES (3)')
    await assert.rejects(tx.query('INSERT INTO fact VALUES (3)'))
  })
  await assert.rejects(hidden, /ROLLBACK/)
  assert.equal(await stored(3), false)
})

test('rule 4: the answer to COMMIT is lost and the row is there: success', async () => {
  commitMeets('answer lost')
  assert.equal(await insert(proxied, 10), 10)
  assert.ok(await stored(10))
})

test('rule 4: COMMIT itself is lost: an error that is not CommitUnknown, and nothing is stored', async () => {
  commitMeets('cut')
  await assert.rejects(insert(proxied, 11), (error) => !(error instanceof CommitUnknown))
  assert.equal(await stored(11), false)
})

test('rule 4: COMMIT is swallowed by a frozen network: decided once the server has dropped the idle transaction', async () => {
  commitMeets('swallowed')
  await assert.rejects(insert(proxied, 12), (error) => !(error instanceof CommitUnknown))
  assert.equal(await stored(12), false)
})

test('rule 4: nobody can be asked until the deadline: CommitUnknown', async () => {
  proxy.fate = (piece) => {
    if (!piece.includes('COMMIT')) return 'through'
    proxy.fate = () => 'swallowed'
    return 'answer lost'
  }
  await assert.rejects(insert(proxied, 13), CommitUnknown)
  proxy.fate = () => 'through'
  assert.ok(await stored(13))
})

test('rule 4: an ERROR in answer to COMMIT is a refusal, not a lost answer', async () => {
  await direct.query('CREATE TABLE later (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)')
  const refused = transaction(direct, (tx) => tx.query('INSERT INTO later VALUES (1), (1)'))
  await assert.rejects(refused, (error) => sqlFault(error) === 'row')
})

test('rule 5: a savepoint takes back its own work only', async () => {
  await transaction(direct, async (tx) => {
    await savepoint(tx, () => tx.query('INSERT INTO fact VALUES (20)'))
    await assert.rejects(savepoint(tx, () => tx.query('INSERT INTO fact VALUES (21), (20)')))
    await savepoint(tx, () => tx.query('INSERT INTO fact VALUES (22)'))
  })
  assert.deepEqual([await stored(20), await stored(21), await stored(22)], [true, false, true])
})

test('a frozen server: a statement ends within its deadline, a new session too, and all recovers by itself', async () => {
  await proxied.query('SELECT 1')
  proxy.fate = () => 'swallowed'
  const began = performance.now()
  await assert.rejects(insert(proxied, 30))
  await assert.rejects(insert(proxied, 31))
  const took = performance.now() - began
  assert.ok(took < 3_000, `${took} ms`)
  proxy.fate = () => 'through'
  assert.equal(await insert(proxied, 32), 32)
  assert.deepEqual([await stored(30), await stored(31)], [false, false])
})

test('a server that goes away between two statements fails the transaction, not the process', async () => {
  const lost = transaction(proxied, async (tx) => {
    await tx.query('INSERT INTO fact VALUES (33)')
    proxy.refuse(true)
    await until('the session is gone', async () => (await sessions('proxied')) === 0)
    await tx.query('SELECT 1')
  })
  await assert.rejects(lost)
  proxy.refuse(false)
  assert.equal(await stored(33), false)
})

test('rule 8: a holder of locks that freezes in its transaction loses them', async () => {
  const { promise: never, resolve } = Promise.withResolvers<void>()
  const frozen = transaction(direct, async (tx) => {
    await tx.query('INSERT INTO fact VALUES (40)')
    await never
    await tx.query('SELECT 1')
  })
  try {
    await until('it holds its lock', async () => (await sessions('direct', 'idle in transaction')) === 1)
    await assert.rejects(insert(proxied, 40), 'the row is locked')
    await until('the lock is free', () => insert(proxied, 40), 5_000)
  } finally {
    resolve()
  }
  await assert.rejects(frozen)
})

async function sessions(name: string, state = 'idle in transaction') {
  const { rows } = await direct.query(
    'SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1 AND state = $2 AND datname = current_database()',
    [name, state],
  )
  return rows[0].n
}

test('a session that was opened while the database was read only is not kept', async () => {
  const name = new URL(database.url).pathname.slice(1)
  const pool = openPool({ url: database.url, name: 'read only', max: 2, deadlineMs: 2_000 })
  await direct.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
  try {
    assert.equal(await takesWrites(pool), false)
    const refused = await Promise.allSettled([insert(pool, 50), insert(pool, 51)])
    for (const { status } of refused) assert.equal(status, 'rejected')
  } finally {
    await direct.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
  }
  assert.equal(await takesWrites(pool), true)
  assert.deepEqual(await Promise.all([insert(pool, 50), insert(pool, 51)]), [50, 51])
  await pool.end()
})

test('a session whose transactions fail three times in a row is not kept', async () => {
  const pool = openPool({ url: database.url, name: 'three failures', max: 1, deadlineMs: 2_000 })
  const session = () => transaction(pool, async (tx) => (await tx.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
  const first = await session()
  for (let n = 0; n < 2; n++) await assert.rejects(insert(pool, 1))
  assert.equal(await session(), first, 'what a value is refused for is not the fault of the session')
  for (let n = 0; n < 3; n++) await assert.rejects(insert(pool, 1))
  assert.notEqual(await session(), first)
  await pool.end()
})

test('a transaction that is not ready for its COMMIT in time is cut, and nothing of it is stored', async () => {
  const pool = openPool({ url: database.url, name: 'overdue', max: 1, deadlineMs: 20_000 })
  const began = performance.now()
  const slow = transaction(
    pool,
    async (tx) => {
      await tx.query('INSERT INTO fact VALUES (60)')
      await tx.query('SELECT pg_sleep(15)')
    },
    { commitBefore: began + 300 },
  )
  await assert.rejects(slow, (error) => !(error instanceof CommitUnknown))
  assert.ok(performance.now() - began < 10_000, 'it did not wait for the statement')
  assert.equal(await insert(pool, 61), 61, 'the pool has a new session')
  assert.equal(await stored(60), false)
  await pool.end()
})
