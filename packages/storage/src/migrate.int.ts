import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { freshDatabase } from '@inorder/testing/parts.ts'
import pg from 'pg'
import { MigrationChanged, migrate } from './migrate.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let path: string
before(async () => {
  database = await freshDatabase('migrate')
  path = await mkdtemp(join(tmpdir(), 'migrations-'))
  await writeFile(join(path, '001.do.first.sql'), 'CREATE TABLE first (id integer);')
})
after(async () => {
  await database.drop()
  await rm(path, { recursive: true })
})

async function rows(sql: string) {
  const client = new pg.Client(database.url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('instances that start at once migrate once', async () => {
  await Promise.all(Array.from({ length: 5 }, () => migrate(database.url, [{ path, name: 'test' }])))
  assert.deepEqual(await rows('SELECT version::int, name FROM migrations_test ORDER BY version'), [
    { version: 0, name: null },
    { version: 1, name: 'first' },
  ])
})

test('a start that fails half-way leaves nothing, and the next goes through once it is mended', async () => {
  const third = join(path, '003.do.third.sql')
  await writeFile(join(path, '002.do.second.sql'), 'CREATE TABLE second (id integer);')
  await writeFile(third, 'CREATE TABLE third (id integer); SELECT nonsense;')
  await assert.rejects(migrate(database.url, [{ path, name: 'test' }]), /nonsense/)
  assert.deepEqual(await rows(`SELECT to_regclass('second') AS second`), [{ second: null }])
  await writeFile(third, 'CREATE TABLE third (id integer);')
  await migrate(database.url, [{ path, name: 'test' }])
  assert.deepEqual(await rows(`SELECT to_regclass('third')::text AS third`), [{ third: 'third' }])
})

test('a migration that was changed after it ran is refused for good, by a name of its own, before anything is made', async () => {
  const next = await mkdtemp(join(tmpdir(), 'migrations-'))
  await writeFile(join(next, '001.do.fourth.sql'), 'CREATE TABLE fourth (id integer);')
  const refused = () =>
    assert.rejects(
      migrate(database.url, [
        { path: next, name: 'next' },
        { path, name: 'test' },
      ]),
      MigrationChanged,
    )
  await writeFile(join(path, '001.do.first.sql'), 'CREATE TABLE first (id bigint);')
  await refused()
  // As squashed files find a database that was made with more of them.
  for (const name of ['002.do.second.sql', '003.do.third.sql']) await rm(join(path, name))
  await refused()
  assert.deepEqual(await rows(`SELECT to_regclass('fourth') AS fourth`), [{ fourth: null }])
  await rm(next, { recursive: true })
})
