import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answered } from './answered.ts'

test('the first that failed counts, in the sequence of sending, whichever failure is known first', async () => {
  const { promise: first, reject } = Promise.withResolvers<void>()
  const told = answered([Promise.resolve(), first, Promise.reject(new Error('the transaction is aborted'))])
  reject(new Error('it was refused'))
  await assert.rejects(told, { message: 'it was refused' })
  await answered([])
  await answered([Promise.resolve(1), Promise.resolve(2)])
})
