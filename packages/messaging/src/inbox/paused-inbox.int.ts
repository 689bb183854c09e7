import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '@inorder/testing/until.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { ann, inbox, ofKey } from './pauses-rig.fixture.ts'
import { assertComplete, caughtUp, service, someKeys, versions } from './running-inbox.fixture.ts'

test('rule 25: two instances under load: nothing is applied after the answer, through kills; then all of it once, in order', async () => {
  const { pool, applied, start, stop, sendEvents, untilVersion } = await service()
  const keys = someKeys(60)
  /** An instance, and whether it has met the pause since it began. */
  const instance = async () => {
    const told: string[] = []
    const metrics = new Registry()
    const running = await start({ metrics, logger: pino({}, { write: (line: string) => told.push(line) }) })
    const value = async (name: string, labels: object = {}) =>
      (await metrics.getSingleMetric(name)!.get()).values.find((one) =>
        Object.entries(labels).every(([label, is]) => one.labels[label] === is),
      )?.value
    return {
      running,
      value,
      isPaused: () => told.some((line) => line.includes('the inbox is paused')),
    }
  }
  const one = await instance()
  const other = await instance()
  await Promise.all([one.running.ready, other.running.ready])
  await sendEvents(keys, [1])
  await untilVersion(keys, 1)

  const sending = sendEvents(keys, [2, 3, 4, 5])
  await one.running.ops.pauses.pause(inbox, { ...ann, reason: 'a test' })
  const [before] = await Promise.all([versions(pool), sending])
  await sendEvents(keys, [6])
  await until('both have work in hand, and do not do it', () => one.isPaused() && other.isPaused())
  assert.deepEqual(await versions(pool), before)
  assert.deepEqual([one.running.missing(), other.running.missing()], [[], []])
  assert.deepEqual(
    [await one.value('inorder_inbox_retries_total'), await other.value('inorder_inbox_retries_total')],
    [0, 0],
  )
  assert.equal(await other.value('inorder_paused', { what: 'inbox' }), 1)
  assert.equal((await one.running.pauseOf('o-7'))?.reason, 'a test')

  await pool
    .query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()')
    .catch((error) => assert.equal(error.code, '57P01'))
  await stop(one.running)
  const third = await instance()
  await third.running.ready
  await until('the new one has work in hand too', () => third.isPaused())
  assert.deepEqual(await versions(pool), before)
  assert.deepEqual(third.running.missing(), [])

  await third.running.ops.pauses.pause(ofKey('o-7'), ann)
  await other.running.ops.pauses.resume(inbox, ann)
  await untilVersion(
    keys.filter((key) => key !== 'o-7'),
    6,
  )
  await until('something is held for the key', async () => (await other.running.ops.of('o-7')) !== undefined)
  await pool.query('UPDATE paused SET until = now()')
  await untilVersion(keys, 6)
  await caughtUp(third.running)
  await assertComplete(pool, keys, 6)
  assert.equal(applied.length, 6 * keys.length)
})
