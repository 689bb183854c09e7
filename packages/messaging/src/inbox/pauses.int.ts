// Pauses against batches that stand at their COMMIT. Inboxes broken by hand, which must fail here: pauses.mutants.ts.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { Committer } from './commit.ts'
import { CommitsHeld } from './commits-held.fixture.ts'
import { entryOf } from './key-state.ts'
import { recordOf } from './model-topic.fixture.ts'
import { ann, inbox, ofKey, pausesOf } from './pauses-rig.fixture.ts'
import { event, ids, inboxRig, poison } from './rig.fixture.ts'
import { dueKeys } from './store.ts'

const { pool, consumer, stored, close } = await inboxRig()
after(close)
const { pauses, waits } = pausesOf(pool)

const auditOf = async (key: string) =>
  (await pool.query('SELECT action, operator, reason FROM parking_audit WHERE key = $1 ORDER BY id', [key])).rows
const isPaused = { name: 'InboxPaused' }

/** An instance whose batches stand at their COMMIT. */
function standing() {
  const held = new CommitsHeld(pool)
  const of = consumer()
  const committer = new Committer(held.pool, of.context)
  return {
    ...of,
    held,
    async begin(...records: ReturnType<typeof event>[]): Promise<{ done: Promise<void> }> {
      const decoded = await of.context.decoder.decodeAll(of.topicId, records.map(recordOf))
      const spans = new Map([[0, { from: 0n, next: BigInt(records.length) }]])
      const done = committer.commit(
        { topicId: of.topicId, entries: decoded.map((one) => entryOf(one)), spans },
        () => {},
      )
      await held.isAtCommit()
      return { done }
    },
  }
}

/** As each instance does every second. */
async function goOn(operator: { goOn(key: string): Promise<void> }): Promise<void> {
  await pauses.endPassed()
  for (const key of await dueKeys(pool, 100)) await operator.goOn(key)
}

test('rule 25: a pause waits for the batch that is under way; after its answer no instance applies anything', async () => {
  const [one, other] = [standing(), consumer()]
  const [o, p] = [unique('o'), unique('p')]
  await other.commit([event(0, p, 1)], 0, 1)
  const batch = await one.begin(event(0, o, 1))
  const pausing = pauses.pause(inbox, ann)
  const waited = await waits(pausing)
  one.held.end()
  await batch.done
  assert.ok(waited, 'the pause was answered while a batch was under way')
  assert.equal((await pausing)?.what, 'inbox')
  assert.equal((await stored(o)).version, 1)

  await assert.rejects(one.commit([event(1, o, 2)], 1, 2), isPaused)
  await assert.rejects(other.commit([event(1, p, 2), event(2, o, 2)], 1, 3), isPaused)
  await assert.rejects(other.commit([], 1, 9), isPaused, 'positions stand still too')
  await assert.rejects(consumer().commit([event(0, unique('new'), 1)], 0, 1), isPaused, 'of a topic that is new too')
  assert.deepEqual([(await stored(o)).version, (await stored(p)).version, await other.position()], [1, 1, '1'])

  await pauses.resume(inbox, ann)
  await one.commit([event(1, o, 2)], 1, 2)
  await other.commit([event(1, p, 2)], 1, 2)
  assert.deepEqual([(await stored(o)).state, (await stored(p)).state], [ids(o, 1, 2), ids(p, 1, 2)])
})

test('rule 25: a batch that begins while the inbox is being paused waits, and applies nothing', async () => {
  const held = new CommitsHeld(pool)
  const { commit } = consumer()
  const o = unique('o')
  const pausing = pausesOf(held.pool).pauses.pause(inbox, ann)
  await held.isAtCommit()
  const batch = commit([event(0, o, 1)], 0, 1)
  const waited = await waits(batch)
  held.end()
  await pausing
  await assert.rejects(batch, isPaused)
  assert.ok(waited, 'the batch went on beside the pause')
  assert.equal((await stored(o)).version, 0)
  await pauses.resume(inbox, ann)
  await commit([event(0, o, 1)], 0, 1)
  assert.equal((await stored(o)).version, 1)
})

test('rule 25: events of a paused key are held, those of others go on; resumed, all are applied once, in order', async () => {
  const { commit, operator, copies, name } = consumer()
  const [o, fresh, other] = [unique('o'), unique('fresh'), unique('other')]
  await commit([event(0, o, 1)], 0, 1)
  for (const key of [o, fresh]) await pauses.pause(ofKey(key), ann)
  const arriving = [event(1, o, 2), event(2, other, 1), event(3, o, 3), event(4, fresh, 1), event(5, o, 4)]
  await commit(arriving, 1, 6)
  await commit([...arriving, event(6, o, 2)], 1, 7)
  const parked = { 1: 'head', 3: 'behind', 5: 'behind' }
  const { version, held, ...now } = await stored(o)
  assert.deepEqual([version, held, now.parked, now.state], [1, true, parked, ids(o, 1)])
  assert.equal((await stored(other)).version, 1)
  const listed = (await operator.list({ cause: 'paused' })).items.map(({ key, count }) => [key, count])
  assert.deepEqual(listed, [
    [fresh, 1],
    [o, 3],
  ])
  assert.deepEqual(await copies(), [], 'nothing is wrong with them')

  // Nobody gets past it.
  const redriven = await operator.redrive(o, { ...ann, dryRun: false })
  const discarded = await operator.discard(o, { ...ann, event: name(1), reason: 'a test', skipVersion: true })
  for (const answer of [redriven, discarded]) assert.equal('refused' in answer && answer.refused, 'paused')
  await goOn(operator)
  assert.equal((await stored(o)).version, 1)

  await pauses.resume(ofKey(o), ann)
  await commit([event(7, o, 5)], 7, 8)
  await goOn(operator)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3, 4, 5))
  assert.deepEqual([(await stored(o)).parked, (await stored(o)).held], [{}, false])
  assert.deepEqual((await stored(fresh)).parked, { 4: 'head' }, 'it is paused by itself')
  await pauses.resume(ofKey(fresh), ann)
  await goOn(operator)
  assert.deepEqual((await stored(fresh)).state, ids(fresh, 1))
})

test('rule 25: a key is resumed after the batch that holds its events for the pause, and nothing stays behind', async () => {
  const one = standing()
  const o = unique('o')
  await pauses.pause(ofKey(o), ann)
  const batch = await one.begin(event(0, o, 1))
  const resuming = pauses.resume(ofKey(o), ann)
  const waited = await waits(resuming)
  one.held.end()
  await Promise.all([batch.done, resuming])
  await goOn(one.operator)
  assert.deepEqual((await stored(o)).state, ids(o, 1))
  assert.ok(waited, 'the key was resumed while a batch was under way')
})

test('rule 25: a gap, poison and what is parked already stay what they are while their key is paused', async () => {
  const { commit, operator, copies } = consumer()
  const [gap, bad, broken] = [unique('gap'), unique('bad'), unique('broken')]
  await commit([event(0, gap, 1), event(1, gap, 3), poison(2, bad), event(3, bad, 1)], 0, 4)
  for (const key of [gap, bad, broken]) await pauses.pause(ofKey(key), ann)
  await commit([event(4, gap, 3), event(5, bad, 2), event(6, broken, 1, { refused: true }), event(7, broken, 2)], 4, 8)
  assert.deepEqual((await stored(gap)).parked, { 1: 'waiting' })
  assert.equal((await stored(gap)).held, true)
  assert.equal((await copies()).length, 1)
  await commit([event(8, gap, 2), poison(9, gap)], 8, 10)
  assert.deepEqual((await stored(gap)).parked, { 1: 'waiting', 8: 'head', 9: 'behind' })
  for (const key of [gap, bad, broken]) await pauses.resume(ofKey(key), ann)
  await goOn(operator)
  assert.deepEqual([(await stored(gap)).state, (await stored(gap)).parked], [ids(gap, 1, 2, 3), { 9: 'head' }])
  assert.deepEqual((await stored(bad)).parked, { 2: 'head', 3: 'behind', 5: 'behind' })
  assert.deepEqual((await stored(broken)).parked, { 6: 'head', 7: 'behind' })
  assert.equal((await copies()).length, 3, 'what fails when it is tried is copied then')
  assert.equal((await operator.of(broken))?.events[0]?.cause, 'apply-failed')
})

test('a key that goes on in steps stops while it is paused, and goes on after that', async () => {
  const { commit, operator } = consumer()
  const o = unique('o')
  await pauses.pause(ofKey(o), ann)
  await commit([event(0, o, 1), event(1, o, 2)], 0, 2)
  await pauses.resume(ofKey(o), ann)
  await pauses.pause(ofKey(o), ann)
  assert.deepEqual(await dueKeys(pool, 100), [])
  await operator.goOn(o)
  await commit([event(2, o, 3)], 2, 3)
  assert.equal((await stored(o)).version, 0)
  await pauses.pause(inbox, ann)
  await pauses.resume(ofKey(o), ann)
  await goOn(operator)
  assert.equal((await stored(o)).version, 0, 'all of the inbox is paused')
  await pauses.resume(inbox, ann)
  await goOn(operator)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3))
})

test('rule 25: what has an end passes by itself, for batches at once, and is resumed by whoever looks first', async () => {
  const { commit, operator } = consumer()
  const [o, p] = [unique('o'), unique('p')]
  const until = '2101-01-01T00:00:00.000Z'
  await pauses.pause(ofKey(o), { ...ann, until })
  await commit([event(0, o, 1)], 0, 1)
  await pauses.pause(inbox, { ...ann, until })
  await assert.rejects(commit([event(1, p, 1)], 1, 2), isPaused)
  await goOn(operator)
  assert.equal((await pauses.list({ limit: 10 })).items.length, 2)
  await pool.query(`UPDATE paused SET until = now()`)
  assert.deepEqual(await pauses.list({ limit: 10 }), { items: [], next: null })
  await commit([event(1, p, 1), event(2, o, 2)], 1, 3)
  assert.deepEqual([(await stored(p)).version, (await stored(o)).version], [1, 0], 'nothing passes what was held')
  await Promise.all([goOn(operator), goOn(operator)])
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2))
  assert.equal((await pool.query('SELECT FROM paused')).rowCount, 0)
  const [, resumed, ...more] = await auditOf(o)
  assert.deepEqual([resumed, more], [{ action: 'resume', operator: 'test-1', reason: 'its time is over' }, []])
})

test('the same again changes nothing; another end or reason is told and audited', async () => {
  const o = unique('o')
  const [until, later] = ['2101-01-01T00:00:00.000Z', '2102-01-01T00:00:00.000Z']
  const first = await pauses.pause(ofKey(o), { ...ann, until, reason: 'fraud?' })
  assert.deepEqual(
    { ...first, since: '' },
    { what: 'key', kind: null, key: o, since: '', until, reason: 'fraud?', operator: 'ann' },
  )
  const both = await Promise.all([1, 2].map(() => pauses.pause(ofKey(o), { operator: 'bob', until, reason: 'fraud?' })))
  assert.deepEqual(both, [first, first])
  const longer = await pauses.pause(ofKey(o), { operator: 'bob', until: later })
  assert.deepEqual(longer, { ...first, until: later, reason: null, operator: 'bob' })
  assert.equal(await pauses.pause(ofKey(o), { ...ann, until: '2001-01-01T00:00:00.000Z' }), undefined)
  const others = [
    ofKey(unique('a')),
    { what: 'effects', name: 'call' } as const,
    { what: 'effects', name: '' } as const,
  ]
  for (const target of others) await pauses.pause(target, ann)
  const page = await pauses.list({ limit: 3 })
  const rest = await pauses.list({ limit: 3, after: page.next! })
  const shown = [...page.items, ...rest.items].map(({ what, kind, key }) => [what, kind, key])
  assert.deepEqual(shown, [
    ['effects', null, null],
    ['effects', 'call', null],
    ['key', null, others[0]!.name],
    ['key', null, o],
  ])
  assert.equal(rest.next, null)
  for (const target of [ofKey(o), ofKey(o), ...others]) await pauses.resume(target, { operator: 'cid', reason: 'no' })
  assert.deepEqual(await pauses.list({ limit: 10 }), { items: [], next: null })
  assert.deepEqual(await auditOf(o), [
    { action: 'pause', operator: 'ann', reason: 'fraud?' },
    { action: 'pause', operator: 'bob', reason: null },
    { action: 'resume', operator: 'cid', reason: 'no' },
  ])
  assert.equal((await auditOf('@effects:call')).length, 2)
})
