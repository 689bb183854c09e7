// A crash needs a server of its own.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { databaseUrl, postgres } from '@inorder/stack/postgres.ts'
import { until } from '@inorder/testing/until.ts'
import type pg from 'pg'
import { CommitUnknown, outcomeOf } from './commit-outcome.ts'
import { identityOf, openPool } from './pool.ts'

let data: string
let port: number
let server: ChildProcess
let pool: pg.Pool

async function start() {
  const { command, isReady } = await postgres({ data, port, stopping: new AbortController().signal })
  await until('the server is up', async () => {
    if (server?.exitCode !== null || server.signalCode !== null)
      server = spawn(command.file, command.args, { ...command, stdio: 'ignore' })
    return isReady()
  })
  pool = openPool({ url: databaseUrl(port), name: 'test', max: 3, onIdleError: () => {} })
}

before(async () => {
  data = await mkdtemp(join(tmpdir(), 'crash-'))
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  port = (listener.address() as { port: number }).port
  await new Promise((resolve) => listener.close(resolve))
  await start()
})

after(async () => {
  await pool.end()
  const ended = once(server, 'exit')
  server.kill('SIGINT')
  await ended
  await rm(data, { recursive: true })
})

test('rule 4: a transaction id that a crashed server gave away again is not taken for ours', async () => {
  await pool.query('CREATE TABLE fact (id integer)')
  const lost = await pool.connect()
  lost.on('error', () => {})
  await lost.query('BEGIN')
  await lost.query('INSERT INTO fact VALUES (1)')
  const { rows } = await lost.query(
    'SELECT pg_current_xact_id()::text AS xid, pg_stat_get_bgwriter_stat_reset_time()::text AS run',
  )
  const crashed = once(server, 'exit')
  server.kill('SIGKILL')
  await crashed
  lost.release(true)
  await pool.end()
  await start()

  assert.equal(await outcomeOf(pool, rows[0]), 'aborted', 'the id is in the future')

  await until('the id is used again', async () => {
    await pool.query('INSERT INTO fact VALUES (2)')
    const status = 'SELECT pg_xact_status($1::xid8) AS status WHERE $1::xid8 < pg_snapshot_xmax(pg_current_snapshot())'
    return (await pool.query(status, [rows[0].xid])).rows[0]?.status === 'committed'
  })
  assert.equal((await pool.query('SELECT FROM fact WHERE id = 1')).rowCount, 0)
  await assert.rejects(outcomeOf(pool, rows[0]), CommitUnknown)
})

test('rule 4: a commit in a database whose place another one has taken is not taken for one in that', async () => {
  await pool.query('CREATE DATABASE swapped')
  const url = databaseUrl(port).replace(/postgres$/, 'swapped')
  const before = openPool({ url, name: 'before', max: 1, onIdleError: () => {} })
  await before.query('CREATE TABLE fact (id integer)')
  const client = await before.connect()
  await client.query('BEGIN; INSERT INTO fact VALUES (1)')
  const { rows } = await client.query(
    'SELECT pg_current_xact_id()::text AS xid, pg_stat_get_bgwriter_stat_reset_time()::text AS run',
  )
  const begun = { ...rows[0], identity: identityOf(client) }
  await client.query('COMMIT')
  client.release()
  assert.equal(await outcomeOf(before, begun), 'committed')
  await before.end()

  // The same server, and so the same ids of transactions.
  await pool.query('ALTER DATABASE swapped RENAME TO swapped_before')
  await pool.query('CREATE DATABASE swapped')
  const swapped = openPool({ url, name: 'swapped', max: 1, onIdleError: () => {} })
  await assert.rejects(outcomeOf(swapped, begun), CommitUnknown)
  await swapped.end()
})
