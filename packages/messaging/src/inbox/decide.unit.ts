import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Changes, judge, noChanges, type Outcome, settle } from './decide.ts'
import { apply, type ModelEvent, type ModelOrder, type ModelRecord, modelOf } from './model.fixture.ts'
import { type Entry, isHeld, newOrder, type Order } from './order.ts'
import { someRecords } from './random-records.fixture.ts'

type TestOrder = Order<string[], ModelEvent>

function entryOf({ place, orderId, event }: ModelRecord): Entry<ModelEvent> {
  return {
    orderId: orderId ?? place,
    orderless: orderId === null,
    topicId: 'topic',
    partition: 0,
    offset: BigInt(place),
    version: event?.version ?? null,
    eventId: event?.id ?? null,
    record: undefined,
    decoded: event && { eventId: event.id, version: event.version, event },
    fault: event ? undefined : { cause: 'undecodable', detail: 'garbage' },
    before: undefined,
    place: undefined,
  }
}

function attempt(order: TestOrder, { decoded }: Entry<ModelEvent>): Outcome<string[]> {
  if (!decoded) return { fault: { cause: 'undecodable', detail: 'garbage' } }
  try {
    return { state: apply(order.state, decoded.event) }
  } catch (error) {
    return { fault: { cause: 'apply-failed', detail: String(error) } }
  }
}

/** Runs records of one order through judge and settle, as the batch does. */
function run(records: readonly ModelRecord[]): { order: TestOrder; changes: Changes<string[], ModelEvent> } {
  const order: TestOrder = newOrder('o')
  const changes = noChanges<string[], ModelEvent>()
  for (const record of records) {
    let candidate = judge(order, entryOf(record), changes)
    while (candidate) candidate = settle(order, candidate, attempt(order, candidate), changes)
  }
  return { order, changes }
}

function seen({ order, changes }: ReturnType<typeof run>): ModelOrder {
  const parked = [...changes.moved].flatMap(({ offset, place }) => (place ? [[String(offset), place.state]] : []))
  return {
    version: order.version,
    eventId: order.eventId,
    state: order.state ?? [],
    parked: Object.fromEntries(parked),
  }
}

const event = (place: number, version: number, more: Partial<ModelEvent> = {}): ModelRecord => ({
  place: String(place),
  orderId: 'o',
  event: { id: `v${version}`, orderId: 'o', version, ...more },
})
const poison = (place: number): ModelRecord => ({ place: String(place), orderId: 'o' })

test('rule 15: the next version applies, a lower one is a duplicate, so is the same event again', () => {
  const { order, changes } = run([event(0, 1), event(1, 2), event(2, 1), event(3, 2)])
  assert.deepEqual(order.state, ['v1', 'v2'])
  assert.equal(changes.duplicates, 2)
  assert.equal(changes.moved.size, 0)
})

test('rule 15: another event of the applied version is a conflict, and blocks nothing', () => {
  const result = seen(run([event(0, 1), event(1, 1, { id: 'other' }), event(2, 2)]))
  assert.deepEqual(result, { version: 2, eventId: 'v2', state: ['v1', 'v2'], parked: { 1: 'conflict' } })
})

test('rule 15: another first event is another order under the same id, and the conflict says so', () => {
  const detailOf = (version: number) => {
    const order: TestOrder = { ...newOrder('o'), version, eventId: 'known' }
    const entry = entryOf(event(0, version))
    judge(order, entry, noChanges<string[], ModelEvent>())
    return entry.place?.detail
  }
  assert.equal(
    detailOf(1),
    'version 1 is already applied, by event known: the order id was used again for another order',
  )
  assert.equal(detailOf(2), 'version 2 is already applied, by event known')
})

test('rule 15: a version skipped by hand has no event id, and its late arrival is a duplicate', () => {
  const order: TestOrder = { ...newOrder('o'), version: 3, eventId: null }
  const changes = noChanges<string[], ModelEvent>()
  assert.equal(judge(order, entryOf(event(9, 3)), changes), undefined)
  assert.equal(changes.duplicates, 1)
  assert.equal(changes.moved.size, 0)
})

test('rule 15: higher versions wait, whatever their order, and apply when the missing one comes', () => {
  const gap = run([event(0, 1), event(1, 4), event(2, 3)])
  assert.deepEqual(seen(gap).parked, { 1: 'waiting', 2: 'waiting' })
  assert.equal(isHeld(gap.order), true)
  const { order, changes } = run([event(0, 1), event(1, 4), event(2, 3), event(3, 2)])
  assert.deepEqual(order.state, ['v1', 'v2', 'v3', 'v4'])
  assert.equal(isHeld(order), false)
  assert.equal(changes.healed, 2)
})

test('rule 15: of two events that wait for one version the first to come applies, the other is a conflict', () => {
  const result = seen(run([event(0, 2, { id: 'a' }), event(1, 2, { id: 'b' }), event(2, 1)]))
  assert.deepEqual(result, { version: 2, eventId: 'a', state: ['v1', 'a'], parked: { 1: 'conflict' } })
})

test('rule 16: poison stays where its offset puts it: what comes later waits behind it, even the next version', () => {
  const result = seen(run([event(0, 1), poison(1), event(2, 2), poison(3), event(4, 4)]))
  assert.deepEqual(result.parked, { 1: 'head', 2: 'behind', 3: 'behind', 4: 'behind' })
  assert.deepEqual(result.state, ['v1'])
})

test('rule 16: what apply refuses is poison too, also when a gap that heals brings it', () => {
  const result = seen(run([event(0, 3), event(1, 2, { refused: true }), event(2, 1), event(3, 4)]))
  assert.deepEqual(result.parked, { 0: 'waiting', 1: 'head', 3: 'behind' })
  assert.deepEqual(result.state, ['v1'])
})

test('rules 15 and 16: any sequence ends as the model says', () => {
  fc.assert(
    fc.property(someRecords({ orders: ['o'], orderless: false }), (records) => {
      assert.deepEqual(seen(run(records)), modelOf(records).orders.o ?? seen(run([])))
    }),
    { numRuns: 2_000 },
  )
})
