import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Waiters } from './waiters.ts'

test('rule 7: delivered before anybody waits: who waits then is told at once', async () => {
  const waiters = new Waiters(() => false)
  const waiter = waiters.expect('e')
  waiters.delivered('e')
  assert.equal(await waiter.within(60_000), 'delivered')
  assert.equal(waiters.size, 0)
})

test('delivered counts more than away', async () => {
  const waiters = new Waiters(() => true)
  const waiter = waiters.expect('e')
  waiters.delivered('e')
  assert.equal(await waiter.within(60_000), 'delivered')
})

test('while Kafka is away nobody waits, and who waits when it goes away is answered at once', async () => {
  let away = false
  const waiters = new Waiters(() => away)
  const early = waiters.expect('e').within(60_000)
  away = true
  waiters.giveUp()
  assert.equal(await early, 'pending')
  assert.equal(await waiters.expect('e').within(60_000), 'pending')
  assert.equal(waiters.size, 0)
})

test('a wait ends at its time, and one of no time is none', async () => {
  const waiters = new Waiters(() => false)
  assert.equal(await waiters.expect('e').within(0), 'pending')
  assert.equal(await waiters.expect('e').within(5), 'pending')
  assert.equal(waiters.size, 0)
})

test('whatever becomes of the others that wait for an event, those who are left hear of it, and nothing is kept', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('waits', 'forgets', 'no time'), { maxLength: 8 }), async (ends) => {
      const waiters = new Waiters(() => false)
      const all = ends.map((end) => ({ end, waiter: waiters.expect('e') }))
      const outcomes = all.map(({ end, waiter }) => {
        if (end === 'forgets') waiter.forget()
        return end === 'forgets' ? 'pending' : waiter.within(end === 'waits' ? 60_000 : 0)
      })
      waiters.delivered('e')
      const expected = ends.map((end) => (end === 'waits' ? 'delivered' : 'pending'))
      assert.deepEqual(await Promise.all(outcomes), expected)
      assert.equal(waiters.size, 0)
    }),
  ))

test('rule 24: the lanes under which an event was expected are known until it is delivered, and not of those who join later', () => {
  const isAcknowledged = () => false
  let lanes = { isAcknowledged }
  const waiters = new Waiters(
    () => false,
    () => lanes,
  )
  const own = waiters.expect('e')
  const first = lanes
  lanes = { isAcknowledged }
  const joined = waiters.join('e')
  assert.equal(waiters.lanesOf('e'), first)
  waiters.delivered('e')
  waiters.join('e')
  assert.equal(waiters.lanesOf('e'), undefined)
  joined.forget()
  own.forget()
})

test('rule 6: who joins when Kafka has the event already, and its row is not deleted yet, is told at once', async () => {
  const waiters = new Waiters(
    () => false,
    () => ({ isAcknowledged: (eventId) => eventId === 'e' }),
  )
  assert.equal(await waiters.join('e').within(60_000), 'delivered')
  assert.equal(await waiters.join('another').within(0), 'pending')
  assert.equal(waiters.size, 0)
})
