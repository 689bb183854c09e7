import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { roundTrips } from '@inorder/testing/round-trips.ts'
import { event, inboxRig, poison } from './rig.fixture.ts'
import { TopicKeys } from './topic-keys.ts'

const { pool, consumer, stored, close } = await inboxRig()
after(close)

test('a batch takes four round trips at most, whatever it writes; three where all its keys are new', async () => {
  const { commit } = consumer()
  await commit([], 0, 1)
  const trips = roundTrips(pool)
  let next = 1
  const tripsOf = async (...makers: ((place: number) => ReturnType<typeof poison>)[]) => {
    const before = trips.count
    const from = next
    next += makers.length
    await commit(
      makers.map((make, n) => make(from + n)),
      from,
      next,
    )
    return trips.count - before
  }
  const [a, b, c, d] = [unique('a'), unique('b'), unique('c'), unique('d')]
  const of = (key: string, version: number) => (place: number) => event(place, key, version)
  assert.equal(await tripsOf(of(a, 1), of(b, 1), of(b, 2)), 3)
  assert.equal(await tripsOf(of(a, 2), of(b, 3)), 4)
  assert.equal(await tripsOf(of(a, 3), of(c, 1)), 4, 'some are new')
  const parks = [of(a, 4), of(c, 3), (place: number) => poison(place, d), (place: number) => poison(place, null)]
  assert.equal(await tripsOf(...parks), 4, 'a change, a gap, a head and its copy')
  const { version, held, parked } = await stored(c)
  assert.deepEqual([version, held, Object.values(parked)], [1, true, ['waiting']])
  assert.deepEqual([(await stored(a)).version, (await stored(b)).version], [4, 3])
})

test('rule 14: keys are locked unseen, and of a record that is dropped nothing stays', async () => {
  const { commit, topic, topicId, position } = consumer()
  await commit([], 0, 1)
  const [lost, known, fresh] = [unique('lost'), unique('known'), unique('fresh')]
  await commit([event(1, known, 1)], 1, 2)
  // As an operator does who accepts the loss of records.
  await pool.query('UPDATE inbox_position SET next_offset = 4 WHERE topic_id = $1', [topicId])
  await commit([event(2, lost, 1), event(3, known, 2), event(4, fresh, 1)], 2, 5)
  const { rows } = await pool.query('SELECT key FROM inbox_key WHERE key = ANY($1) ORDER BY key', [
    [lost, known, fresh],
  ])
  assert.deepEqual(rows, [{ key: fresh }, { key: known }])
  assert.deepEqual([(await stored(known)).version, (await stored(fresh)).version, await position()], [1, 1, '5'])
  assert.equal((await new TopicKeys(pool, topic.name).extent()).count, 2)
})
