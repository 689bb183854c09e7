import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { databaseDenial } from './database-denied.ts'

test("a denial names the setting and the SQLSTATE, and shows nothing of the server's own message", () => {
  const refused = new pg.DatabaseError('role "cart_owner" of 10.1.2.3 may not\ndo this', 0, 'error')
  for (const [code, setting] of [
    ['28P01', /PGPASSWORD/],
    ['28000', /sslmode/],
    ['3D000', /DATABASE_URL/],
    ['42501', /MIGRATE=off/],
  ] as const) {
    const denial = databaseDenial(new AggregateError([Object.assign(refused, { code })]))
    assert.match(denial ?? '', setting)
    assert.match(denial ?? '', new RegExp(`\\(SQLSTATE ${code}\\)$`))
    assert.doesNotMatch(denial ?? '', /cart_owner|10\.1|\n/)
  }
  assert.equal(databaseDenial(Object.assign(refused, { code: '57P03' })), undefined)
})
