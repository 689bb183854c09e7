import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Changes, judge, noChanges, settle, type Tried } from './decide.ts'
import { type Entry, isHeld, type KeyState, newKeyState } from './key-state.ts'
import { apply, type ModelEvent, type ModelKey, type ModelRecord, modelOf } from './model.fixture.ts'
import { someRecords } from './random-records.fixture.ts'

type TestKeyState = KeyState<string[], ModelEvent>

function entryOf({ place, key, event }: ModelRecord): Entry<ModelEvent> {
  return {
    key: key ?? place,
    keyless: key === null,
    topicId: 'topic',
    partition: 0,
    offset: BigInt(place),
    version: event?.version ?? null,
    eventId: event?.id ?? null,
    record: undefined,
    decoded: event && { eventId: event.id, version: event.version, event },
    fault: event ? undefined : { cause: 'undecodable', detail: 'garbage' },
    before: undefined,
    parking: undefined,
  }
}

function attempt(keyState: TestKeyState, { decoded }: Entry<ModelEvent>): Tried<string[]> {
  if (!decoded) return { fault: { cause: 'undecodable', detail: 'garbage' } }
  try {
    return { state: apply(keyState.state, decoded.event) }
  } catch (error) {
    return { fault: { cause: 'apply-failed', detail: String(error) } }
  }
}

/** Runs records of one key through judge and settle, as the batch does. */
function run(records: readonly ModelRecord[]): { keyState: TestKeyState; changes: Changes<string[], ModelEvent> } {
  const keyState: TestKeyState = newKeyState('o')
  const changes = noChanges<string[], ModelEvent>()
  for (const record of records) {
    let candidate = judge(keyState, entryOf(record), changes)
    while (candidate) candidate = settle(keyState, candidate, attempt(keyState, candidate), changes)
  }
  return { keyState, changes }
}

function seen({ keyState, changes }: ReturnType<typeof run>): ModelKey {
  const parked = [...changes.moved].flatMap(({ offset, parking }) => (parking ? [[String(offset), parking.state]] : []))
  return {
    version: keyState.version,
    eventId: keyState.eventId,
    state: keyState.state ?? [],
    parked: Object.fromEntries(parked),
  }
}

const event = (place: number, version: number, more: Partial<ModelEvent> = {}): ModelRecord => ({
  place: String(place),
  key: 'o',
  event: { id: `v${version}`, key: 'o', version, ...more },
})
const poison = (place: number): ModelRecord => ({ place: String(place), key: 'o' })

test('rule 15: the next version applies, a lower one is a duplicate, so is the same event again', () => {
  const { keyState, changes } = run([event(0, 1), event(1, 2), event(2, 1), event(3, 2)])
  assert.deepEqual(keyState.state, ['v1', 'v2'])
  assert.equal(changes.duplicates, 2)
  assert.equal(changes.moved.size, 0)
})

test('rule 15: another event of the applied version is a conflict, and blocks nothing', () => {
  const result = seen(run([event(0, 1), event(1, 1, { id: 'other' }), event(2, 2)]))
  assert.deepEqual(result, { version: 2, eventId: 'v2', state: ['v1', 'v2'], parked: { 1: 'conflict' } })
})

test('rule 15: another first event means that the key was used a second time, and the conflict says so', () => {
  const detailOf = (version: number) => {
    const keyState: TestKeyState = { ...newKeyState('o'), version, eventId: 'known' }
    const entry = entryOf(event(0, version))
    judge(keyState, entry, noChanges<string[], ModelEvent>())
    return entry.parking?.detail
  }
  assert.equal(detailOf(1), 'version 1 is already applied, by event known: the key was used a second time')
  assert.equal(detailOf(2), 'version 2 is already applied, by event known')
})

test('rule 15: a version skipped by hand has no event id, and its late arrival is a duplicate', () => {
  const keyState: TestKeyState = { ...newKeyState('o'), version: 3, eventId: null }
  const changes = noChanges<string[], ModelEvent>()
  assert.equal(judge(keyState, entryOf(event(9, 3)), changes), undefined)
  assert.equal(changes.duplicates, 1)
  assert.equal(changes.moved.size, 0)
})

test('rule 15: higher versions wait, whatever their order, and apply when the missing one comes', () => {
  const gap = run([event(0, 1), event(1, 4), event(2, 3)])
  assert.deepEqual(seen(gap).parked, { 1: 'waiting', 2: 'waiting' })
  assert.equal(isHeld(gap.keyState), true)
  const { keyState, changes } = run([event(0, 1), event(1, 4), event(2, 3), event(3, 2)])
  assert.deepEqual(keyState.state, ['v1', 'v2', 'v3', 'v4'])
  assert.equal(isHeld(keyState), false)
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
    fc.property(someRecords({ keys: ['o'], keyless: false }), (records) => {
      assert.deepEqual(seen(run(records)), modelOf(records).keyStates.o ?? seen(run([])))
    }),
    { numRuns: 2_000 },
  )
})
