// Records whose bytes are not kept: over the bound, or of a batch that cannot be read.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { recordOf } from './model-topic.fixture.ts'
import { parkedEvents } from './parked-listing.ts'
import { event, type InboxRig, ids, inboxRig, poison } from './rig.fixture.ts'

let rig: InboxRig
let consumer: InboxRig['consumer']
let stored: InboxRig['stored']

before(async () => {
  rig = await inboxRig()
  ;({ consumer, stored } = rig)
})
after(() => rig.close())

const unreadable = {
  cause: 'batch-unreadable',
  detail: 'the batch is too large when it is unpacked',
  bytes: 60_000,
  sha256: 'ab'.repeat(32),
} as const

test('rule 16: a batch that cannot be read is parked under its place, blocks no key, and is copied as a reference', async () => {
  const o = unique('o')
  const { commitRecords, topic, name, copies, operator } = consumer()
  const batch = { ...recordOf(poison(1, null)), value: null, headers: [], reference: unreadable }
  await commitRecords([recordOf(event(0, o, 1)), batch, recordOf(event(9, o, 2))], 0, 10)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2))
  const nowhere = `@${topic.name}:0:1`
  const [parked] = await parkedEvents(rig.pool, nowhere)
  assert.deepEqual([parked?.event, parked?.cause, parked?.detail], [name(1), unreadable.cause, unreadable.detail])
  const [copy] = await copies()
  const { bytes, sha256 } = unreadable
  assert.deepEqual(JSON.parse(copy.value), { source: name(1), bytes, sha256 })
  assert.equal(copy.headers['inorder-reference'], 'batch-unreadable')
  const answer = await operator.discard(nowhere, {
    operator: 'ann',
    event: name(1),
    reason: 'a test',
    skipVersion: false,
  })
  assert.deepEqual(answer, { key: nowhere, applied: 0, remaining: 0 })
})
