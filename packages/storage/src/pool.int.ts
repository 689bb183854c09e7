import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { freshDatabase } from '@inorder/testing/parts.ts'
import pg from 'pg'
import { assertSessionPooling, openPool, SharedSessions } from './pool.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
before(async () => {
  database = await freshDatabase('pool')
})
after(() => database.drop())

test('rule 8: every session has its limits', async () => {
  const pool = openPool({ url: database.url, name: 'limits', max: 1, deadlineMs: 4_000 })
  const { rows } = await pool.query(
    `SELECT name, setting::int FROM pg_settings WHERE name IN
     ('idle_in_transaction_session_timeout', 'statement_timeout', 'transaction_timeout') ORDER BY name`,
  )
  assert.deepEqual(
    rows.map(({ name, setting }) => [name, setting]),
    [
      ['idle_in_transaction_session_timeout', 2_000],
      ['statement_timeout', 4_000],
      ['transaction_timeout', 12_000],
    ],
  )
  await pool.end()
})

test('rule 8: sessions of its own pass', async () => {
  const pool = openPool({ url: database.url, name: 'sessions', max: 2 })
  await assertSessionPooling(pool)
  await pool.end()
})

// As such a proxy does: between transactions a server session is anybody's.
for (const [turn, next] of [
  ['last', (free: pg.Client[]) => free.pop()],
  ['first', (free: pg.Client[]) => free.shift()],
] as const) {
  test(`rule 8: a transaction-pooling proxy that gives out the session used ${turn} is refused`, async () => {
    const sessions = [1, 2, 3].map(() => new pg.Client(database.url))
    await Promise.all(sessions.map((client) => client.connect()))
    const free = [...sessions]
    const client = {
      async query(text: string, values?: unknown[]) {
        const session = next(free)!
        const result = await session.query(text, values)
        free.push(session)
        return result
      },
      release() {},
    }
    const pool: Pick<pg.Pool, 'connect'> = { connect: async () => client as never }
    await assert.rejects(assertSessionPooling(pool), SharedSessions)
    await Promise.all(sessions.map((session) => session.end()))
  })
}

test('a server that has a connection for one only: the look at its sessions gives that one back', async () => {
  const pool = openPool({ url: database.url, name: 'scarce', max: 2 })
  let connects = 0
  const scarce = {
    connect: async () => {
      if (++connects > 1) throw new Error('too many clients already')
      return pool.connect()
    },
  }
  await assert.rejects(assertSessionPooling(scarce as Pick<pg.Pool, 'connect'>), /too many clients/)
  assert.equal(pool.totalCount, 0)
  await pool.end()
})
