import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { databaseOf } from './databases.ts'
import { socketUrl } from './postgres.ts'

const connection = (data: string) => {
  const { host, port, database, user } = new pg.Client(databaseOf(socketUrl({ data, port: 15_433 }), 'inorder_cart'))
  return { host, port, database, user }
}
const rest = { port: 15_433, database: 'inorder_cart', user: 'postgres' }

test('a service of the local stack comes by the socket, whatever is in its path', () => {
  for (const data of ['/home/me/inorder/.local', '/tmp/clé, d;un/100%2F+ a&b=c'])
    assert.deepEqual(connection(data), { host: `${data}/postgres`, ...rest })
})

test('by TCP where the path has more bytes than a socket may have', () => {
  const longest = 103 - '/postgres/.s.PGSQL.15433'.length
  assert.equal(connection(`/${'d'.repeat(longest - 1)}`).host, `/${'d'.repeat(longest - 1)}/postgres`)
  assert.deepEqual(connection(`/${'d'.repeat(longest - 2)}é`), { host: '127.0.0.1', ...rest })
})
