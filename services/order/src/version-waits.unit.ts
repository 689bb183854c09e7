import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import { VersionWaits } from './version-waits.ts'

/** A database whose versions the test sets. */
function waitsOn(
  versions: Map<string, number>,
  options: { limit?: number; pollMs?: number; fail?: () => boolean } = {},
  held: string[] = [],
) {
  const polls: string[][] = []
  const failures: unknown[] = []
  const waits = new VersionWaits({
    versionsOf: async (orderIds) => {
      polls.push(orderIds)
      if (options.fail?.()) throw new Error('the database is away')
      return new Map([...versions].filter(([orderId]) => orderIds.includes(orderId)))
    },
    heldAmong: async (orderIds) => orderIds.filter((orderId) => held.includes(orderId)),
    onPollFailed: (error) => failures.push(error),
    ...options,
  })
  return { waits, polls, failures }
}

const forEver = 3_600_000

test('a commit of this process wakes those who wait for its version, and no others', async () => {
  const { waits } = waitsOn(new Map(), { pollMs: forEver })
  const woken: string[] = []
  const wait = async (orderId: string, minVersion: number) => {
    const one = waits.expect(orderId, minVersion)
    await one.within(forEver)
    woken.push(`${orderId} ${minVersion}`)
    one.forget()
  }
  const all = [wait('a', 1), wait('a', 2), wait('a', 3), wait('b', 1)]
  waits.applied('a', 2)
  await Promise.all(all.slice(0, 2))
  assert.deepEqual(woken.sort(), ['a 1', 'a 2'])
  waits.applied('a', 3)
  await all[2]
  waits.close()
  await all[3]
})

test('a version that comes between registering and waiting is not missed', async () => {
  const { waits } = waitsOn(new Map(), { pollMs: forEver })
  const wait = waits.expect('a', 1)
  waits.applied('a', 1)
  await wait.within(forEver)
  wait.forget()
})

test("another instance's commit is found in the database, with one query for all who wait", async () => {
  const versions = new Map<string, number>()
  let away = true
  const { waits, polls, failures } = waitsOn(versions, { pollMs: 5, fail: () => away })
  const waiting = ['a', 'b'].map((orderId) => waits.expect(orderId, 2))
  const woken = Promise.all(waiting.map((wait) => wait.within(forEver)))
  await until('a poll has failed', () => failures.length > 0)
  away = false
  versions.set('a', 2).set('b', 7)
  await woken
  assert.deepEqual(polls[0], ['a', 'b'])
  for (const wait of waiting) wait.forget()
  const { length } = polls
  await waits.expect('c', 1).within(0)
  assert.ok(polls.length <= length + 1, 'nobody is asked for when nobody waits')
  waits.close()
})

test('the time ends a wait', async () => {
  const { waits } = waitsOn(new Map())
  const wait = waits.expect('a', 1)
  await wait.within(1)
  wait.forget()
})

test('the number of those who wait is bounded, and given back once', () => {
  const { waits } = waitsOn(new Map(), { limit: 2 })
  const first = waits.expect('a', 1)
  waits.expect('a', 2)
  assert.ok(waits.full)
  first.forget()
  first.forget()
  assert.ok(!waits.full)
  waits.expect('b', 1)
  assert.ok(waits.full)
})

test('an order that is held while one waits ends the wait', async () => {
  const held: string[] = []
  const { waits, polls } = waitsOn(new Map(), { pollMs: 5 }, held)
  const wait = waits.expect('a', 1)
  const ended = wait.within(forEver)
  await until('it is asked for', () => polls.length > 1)
  held.push('a')
  await ended
  wait.forget()
  waits.close()
})
