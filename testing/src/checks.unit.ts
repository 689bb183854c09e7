import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberErrors } from './checks.ts'

test('two migrations of a folder that have one number are found, and one that has none', () => {
  const folder = 'packages/a/migrations/inbox'
  const good = [`${folder}/001.do.inbox.sql`, `${folder}/002.do.more.sql`, 'services/b/migrations/001.do.orders.sql']
  assert.equal(numberErrors(good), undefined)
  assert.equal(
    numberErrors([...good, `${folder}/002.do.other.sql`, `${folder}/3.do.third.sql`]),
    [
      `${folder}/002.do.more.sql and ${folder}/002.do.other.sql have one number`,
      `${folder}/3.do.third.sql is not named 001.do.what-it-makes.sql`,
    ].join('\n'),
  )
})
