// Which database a session leads to. A restart and a recovery need a server of their own.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { databaseUrl, postgres } from '@inorder/stack/postgres.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { until } from '@inorder/testing/until.ts'
import type pg from 'pg'
import { DatabaseRun, NotCompared, runIdentity } from './database-run.ts'
import { currentRun } from './recovery-store.ts'

let data: string
let port: number
let server: ChildProcess
let pool: pg.Pool
const run = new DatabaseRun()

async function start(...settings: string[]) {
  const { command, isReady } = await postgres({ data, port, stopping: new AbortController().signal })
  const args = [...command.args, ...settings.flatMap((setting) => ['-c', setting])]
  await until('the server is up', async () => {
    if (server?.exitCode !== null || server.signalCode !== null)
      server = spawn(command.file, args, { ...command, stdio: 'ignore' })
    return isReady()
  })
}

async function stop() {
  const ended = once(server, 'exit')
  server.kill('SIGINT')
  await ended
}

before(async () => {
  data = await mkdtemp(join(tmpdir(), 'run-'))
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  port = (listener.address() as { port: number }).port
  await new Promise((resolve) => listener.close(resolve))
  await start()
  pool = openPool({
    url: databaseUrl(port),
    name: 'run',
    max: 3,
    identity: runIdentity,
    onSession: (identity) => run.met(identity),
    accepts: (identity) => run.accepts(identity),
    onIdleError: () => {},
  })
})

after(async () => {
  await pool.end()
  await stop()
  await rm(data, { recursive: true })
})

const write = () => transaction(run.compareFirst(pool), (tx) => tx.query('SELECT'))
const compare = async () => run.compare((await currentRun(pool)).identity)

test('rule 12: nothing is written before the database was compared, nor after another one has taken its place', async () => {
  await pool.query('CREATE TABLE outbox_run (only_row boolean PRIMARY KEY DEFAULT true, identity text NOT NULL)')
  await assert.rejects(write(), NotCompared)
  await compare()
  await write()

  // A restart is no other database.
  await stop()
  await start()
  await until('it is written to again', () => write().then(() => true))
  assert.equal(run.swapped, false)

  // Recovered to a point in time, or a standby that was promoted: the same server, a new timeline.
  await stop()
  await writeFile(join(data, 'postgres', 'recovery.signal'), '')
  await start('restore_command=false')
  await until('it is noticed', () =>
    write().then(
      () => assert.fail(),
      () => run.swapped,
    ),
  )
  await assert.rejects(write(), NotCompared)
  await compare()
  await write()
})

test('rule 12: tables that were made anew under a session that lives on are noticed by the look of each second', async () => {
  const session = await pool.connect()
  await run.look(session)
  assert.equal(run.swapped, false)
  await session.query('DROP TABLE outbox_run')
  await session.query('CREATE TABLE outbox_run (only_row boolean PRIMARY KEY DEFAULT true, identity text NOT NULL)')
  await run.look(session)
  session.release()
  assert.equal(run.swapped, true)
  await assert.rejects(write(), Error, 'sessions of before are thrown away')
  await assert.rejects(write(), NotCompared)
})
