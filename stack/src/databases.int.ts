import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientOf } from '@inorder/storage/connection.ts'
import { serverUrl } from '@inorder/testing/parts.ts'
import { makeDatabases } from './databases.ts'

test('where every database is there, a role that may make none is enough', async (t) => {
  const admin = clientOf(serverUrl(), {})
  await admin.connect()
  await admin.query('CREATE ROLE may_make_none LOGIN')
  t.after(async () => {
    await admin.query('DROP ROLE may_make_none')
    await admin.end()
  })
  const url = Object.assign(new URL(serverUrl()), { username: 'may_make_none' }).href
  await makeDatabases(url, ['postgres'])
  const name = 'inorder_not_there'
  await assert.rejects(makeDatabases(url, ['postgres', name]), /^StartFailure: the databases could not be made on/)
  assert.deepEqual((await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).rows, [])
})

test('where the server lets nobody in, the line names the setting', async () => {
  const url = Object.assign(new URL(serverUrl()), { pathname: '/inorder_not_there' }).href
  await assert.rejects(makeDatabases(url, ['postgres']), /^StartFailure: .*: mend DATABASE_URL \(SQLSTATE 3D000\): /)
})
