import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shared } from './health.ts'

test('who asks while somebody looks has that answer; the next one looks again', async () => {
  let looks = 0
  let look = Promise.withResolvers<number>()
  const ask = shared(() => {
    looks++
    return look.promise
  })
  const first = Array.from({ length: 1_000 }, ask)
  look.resolve(1)
  assert.deepEqual(new Set(await Promise.all(first)), new Set([1]))
  assert.equal(looks, 1)

  look = Promise.withResolvers()
  const second = [ask(), ask()]
  look.reject(new Error('the database does not answer'))
  for (const { status } of await Promise.allSettled(second)) assert.equal(status, 'rejected')
  look = Promise.withResolvers()
  look.resolve(3)
  assert.equal(await ask(), 3)
  assert.equal(looks, 3)
})
