import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { forgetAudit } from '../outbox/audit-expiry.ts'
import { recordOf } from './model-topic.fixture.ts'
import { event, ids, inboxRig, poison } from './rig.fixture.ts'

const { pool, consumer, stored, close } = await inboxRig()
after(close)

const ann = { operator: 'ann', dryRun: false }
const giveUp = (event: string, skipVersion = false) => ({ operator: 'ann', event, reason: 'a test', skipVersion })
const audited = async (key: string) => (await pool.query('SELECT FROM parking_audit WHERE key = $1', [key])).rowCount

test('a discarded garbage head lets go on what stood behind it; the same request again has the same answer', async () => {
  const o = unique('o')
  const { operator, commitCut, commit, name, redriven } = consumer()
  await commitCut([event(0, o, 1), poison(1, o), event(2, o, 2), poison(3, o), event(4, o, 3)])
  const refused = async (event: string) => {
    const answer = await operator.discard(o, giveUp(event))
    return 'refused' in answer ? answer.refused : answer
  }
  for (const event of [name(2), name(3), name(77)]) assert.equal(await refused(event), 'not-the-head')
  const answer = { key: o, applied: 1, remaining: 2, stoppedAt: name(3) }
  const answers = await Promise.all([1, 2, 3].map(() => operator.discard(o, giveUp(name(1)))))
  assert.deepEqual(answers, [answer, answer, answer])
  assert.equal(redriven.length, 1)
  assert.deepEqual(await operator.discard(o, giveUp(name(3))), { key: o, applied: 1, remaining: 0 })
  assert.deepEqual(await operator.discard(o, giveUp(name(1))), answer, 'also when nothing is parked any more')
  assert.equal(await refused(name(4)), 'nothing-parked')
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3))
  await commit([event(5, o, 4)], 5, 6)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3, 4))
  assert.equal(await audited(o), 2)
})

test('a versioned head is discarded with its version, whose late arrival is a duplicate', async () => {
  const o = unique('o')
  const { operator, commitCut, commit, name } = consumer()
  await commitCut([event(0, o, 1), event(1, o, 2, { refused: true }), event(2, o, 3)])
  const kept = await operator.discard(o, giveUp(name(1)))
  assert.equal('refused' in kept && kept.refused, 'version-not-skipped')
  assert.deepEqual((await stored(o)).parked, { 1: 'head', 2: 'behind' })
  assert.deepEqual(await operator.discard(o, giveUp(name(1), true)), { key: o, applied: 1, remaining: 0 })
  assert.deepEqual((await stored(o)).state, ids(o, 1, 3))

  const p = unique('p')
  await commit([event(3, p, 1), event(4, p, 2, { refused: true })], 3, 5)
  assert.deepEqual(await operator.discard(p, giveUp(name(4), true)), { key: p, applied: 0, remaining: 0 })
  const { version, eventId, held } = await stored(p)
  assert.deepEqual({ version, eventId, held }, { version: 2, eventId: null, held: false })
  const late = await commit([event(5, p, 2), event(6, p, 3)], 5, 7)
  assert.equal(late.duplicates, 1)
  assert.deepEqual((await stored(p)).state, ids(p, 1, 3))
})

test('garbage that stood in the place of a version may be discarded with that version', async () => {
  const o = unique('o')
  const { operator, commit, commitCut, name } = consumer()
  await commitCut([event(0, o, 1), poison(1, o), event(2, o, 3)])
  const tooLittle = await operator.discard(o, giveUp(name(2)))
  assert.equal('refused' in tooLittle && tooLittle.refused, 'not-the-head')
  assert.deepEqual(await operator.discard(o, giveUp(name(1), true)), { key: o, applied: 1, remaining: 0 })
  assert.deepEqual((await stored(o)).state, ids(o, 1, 3))

  const p = unique('p')
  await commit([event(3, p, 1), poison(4, p), event(5, p, 2)], 3, 6)
  await operator.discard(p, giveUp(name(4), true))
  assert.deepEqual((await stored(p)).state, ids(p, 1, 2), 'it cannot have been a version that is there')
})

test('conflicts, and records that belong to no key, are discarded by their names; what waits is not', async () => {
  const o = unique('o')
  const { operator, commitCut, name, topic } = consumer()
  await commitCut([event(0, o, 1), event(1, o, 1, { id: 'twin' }), poison(2, null), event(3, o, 3)])
  const waiting = await operator.discard(o, giveUp(name(3)))
  assert.equal('refused' in waiting && waiting.refused, 'not-the-head')
  const answer = { key: o, applied: 0, remaining: 1, stoppedAt: name(3) }
  assert.deepEqual(await operator.discard(o, giveUp(name(1), true)), answer)
  assert.equal((await stored(o)).version, 1, 'there is no version to skip')

  const nowhere = `@${topic.name}:0:2`
  assert.deepEqual(await operator.redrive(nowhere, ann), {
    key: nowhere,
    applied: 0,
    remaining: 1,
    stoppedAt: name(2),
  })
  const gone = { key: nowhere, applied: 0, remaining: 0 }
  const thrice = [1, 2, 3].map(() => operator.discard(nowhere, giveUp(name(2))))
  assert.deepEqual(await Promise.all(thrice), [gone, gone, gone])
  assert.equal(await audited(nowhere), 2, 'the redrive, and one discard')
  assert.deepEqual(await operator.discard(nowhere, giveUp(name(2))), gone)
})

test('rule 18: an event of another producer is dropped while it waits; the key goes on with its own, and the log brings it no more', async () => {
  const o = unique('o')
  const { operator, commitCut, commit, name } = consumer()
  const foreign = event(1, o, 4, { id: 'foreign' })
  await commitCut([event(0, o, 1), foreign])
  const drop = (event: string) => operator.discard(o, { ...giveUp(event), dropWaiting: true })
  const answer = { key: o, applied: 0, remaining: 0 }
  assert.deepEqual(await Promise.all([drop(name(1)), drop(name(1))]), [answer, answer])
  const { version, held } = await stored(o)
  assert.deepEqual({ version, held }, { version: 1, held: false })
  await commit([foreign, event(2, o, 2), event(3, o, 3), event(4, o, 4)], 1, 5)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3, 4))

  const p = unique('p')
  await commit([event(5, p, 1), poison(6, p), event(7, p, 2)], 5, 8)
  const behind = await operator.discard(p, { ...giveUp(name(7)), dropWaiting: true })
  assert.equal('refused' in behind && behind.refused, 'not-the-head', 'what is behind a head waits for that alone')
})

test('a key may have the very name of a record that belongs to none: neither holds up the other', async () => {
  const { operator, commit, topic, name, copies } = consumer()
  const o = `@${topic.name}:0:0`
  await commit([poison(0, null), event(1, o, 1), event(2, o, 2)], 0, 3)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2))
  await commit([event(3, o, 4)], 3, 4)
  await commit([event(4, o, 3)], 4, 5)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3, 4), 'a gap heals')
  await commit([poison(5, o), event(6, o, 5)], 5, 7)
  assert.deepEqual((await stored(o)).parked, { 0: 'head', 5: 'head', 6: 'behind' })
  assert.equal((await copies()).length, 2)
  const answer = { key: o, applied: 1, remaining: 1, stoppedAt: name(0) }
  assert.deepEqual(await operator.discard(o, giveUp(name(5))), answer)
  const { state, held } = await stored(o)
  assert.deepEqual({ state, held }, { state: ids(o, 1, 2, 3, 4, 5), held: false })
  await commit([event(7, o, 6)], 7, 8)
  assert.deepEqual(await operator.discard(o, giveUp(name(0))), { key: o, applied: 0, remaining: 0 })
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3, 4, 5, 6))
})

test('a tombstone’s copy has no value either', async () => {
  const { commitRecords, copies } = consumer()
  await commitRecords([{ ...recordOf(poison(0, unique('o'))), value: null }], 0, 1)
  assert.equal((await copies())[0].value, null)
})

test('the audit says who did what, with before and after, the newest first', async () => {
  const o = unique('o')
  const { operator, commitCut, name } = consumer()
  await commitCut([event(0, o, 1), poison(1, o), event(2, o, 2)])
  await operator.redrive(o, { operator: 'bob', dryRun: false })
  await operator.discard(o, giveUp(name(1)))
  const { items, next } = await operator.audit({ limit: 1 })
  const [discarded] = items
  assert.ok(discarded && next)
  const { id: _, at, before, ...rest } = discarded
  assert.ok(Math.abs(Date.now() - Date.parse(at)) < 60_000)
  assert.deepEqual(rest, {
    operator: 'ann',
    action: 'discard',
    key: o,
    event: name(1),
    reason: 'a test',
    after: { appliedVersion: 2, parked: 0, event: null },
  })
  const { event: head, ...then } = before
  assert.deepEqual(then, { appliedVersion: 1, parked: 2 })
  assert.deepEqual([head?.event, head?.state, head?.cause, head?.attempts], [name(1), 'head', 'undecodable', 2])
  const [earlier] = (await operator.audit({ limit: 1, after: Number(next) })).items
  assert.deepEqual([earlier?.operator, earlier?.action, earlier?.event], ['bob', 'redrive', null])
})

test('rule 18: versions that never come are skipped with the first event that waits, which is applied with what follows', async () => {
  const o = unique('o')
  const { operator, commit, commitCut, name, redriven } = consumer()
  await commitCut([event(0, o, 1), event(1, o, 5), event(2, o, 4), event(3, o, 8)])
  const refused = async (event: string, skip: boolean) => {
    const answer = await operator.discard(o, giveUp(event, skip))
    return 'refused' in answer ? answer.refused : answer
  }
  assert.equal(await refused(name(1), true), 'not-the-head', 'version 5 is not the first that waits')
  assert.equal(await refused(name(2), false), 'not-the-head')
  const answer = { key: o, applied: 2, remaining: 1, stoppedAt: name(3), skipped: [2, 3] }
  assert.deepEqual(await operator.discard(o, giveUp(name(2), true)), answer)
  assert.deepEqual(await operator.discard(o, giveUp(name(2), true)), answer, 'a repeat answers the same')
  assert.deepEqual((await stored(o)).state, ids(o, 1, 4, 5))
  assert.equal(redriven.length, 1)

  const late = await commit([event(4, o, 3), event(5, o, 1), event(6, o, 3)], 4, 7)
  assert.deepEqual(
    late.late.map(({ offset }) => offset),
    [4n, 6n],
    'version 3 is told of, version 1 is a plain duplicate',
  )
  assert.equal(late.duplicates, 3)
  await commit([event(4, o, 3)], 7, 8)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 4, 5), 'a skipped version is not applied later')
  const { items } = await operator.audit({ limit: 10 })
  const told = items.filter(({ key, action }) => key === o && action === 'skipped-arrived')
  assert.deepEqual(told.map(({ event }) => event).sort(), [name(4), name(6)])
})

test('rule 18: an event behind skipped versions that fails is a head; only another request gives it up too', async () => {
  const o = unique('o')
  const { operator, commitCut, name } = consumer()
  await commitCut([event(0, o, 1), event(1, o, 3, { refused: true }), event(2, o, 4)])
  const answer = { key: o, applied: 0, remaining: 2, stoppedAt: name(1), skipped: [2] }
  for (let n = 0; n < 2; n++) assert.deepEqual(await operator.discard(o, giveUp(name(1), true)), answer)
  assert.deepEqual((await stored(o)).parked, { 1: 'head', 2: 'behind' })
  const other = { ...giveUp(name(1), true), reason: 'it is no use either' }
  assert.deepEqual(await operator.discard(o, other), { key: o, applied: 1, remaining: 0 })
  assert.deepEqual((await stored(o)).state, ids(o, 1, 4))
})

test('rule 18: a discard holds when the log is read again; another record at that place is judged anew', async () => {
  const o = unique('o')
  const { operator, commit, commitRecords, name, topic, topicId } = consumer()
  const records = [event(0, o, 1), poison(1, o), event(2, o, 2), poison(3, null), event(4, o, 2, { id: `${o}-twin` })]
  await commit(records, 0, 5)
  for (const [key, place] of [
    [o, 1],
    [`@${topic.name}:0:3`, 3],
    [o, 4],
  ] as const)
    assert.ok('applied' in (await operator.discard(key, giveUp(name(place)))))
  const rewind = () => pool.query('UPDATE inbox_position SET next_offset = 0 WHERE topic_id = $1', [topicId])
  await rewind()
  const again = await commit(records, 0, 5)
  assert.equal(again.duplicates, 5)
  const { state, parked, held } = await stored(o)
  assert.deepEqual({ state, parked, held }, { state: ids(o, 1, 2), parked: {}, held: false })
  assert.equal((await stored(`@${topic.name}:0:3`)).parked[3], undefined)

  await rewind()
  const other = { ...recordOf(poison(1, o)), value: Buffer.from('other garbage') }
  await commitRecords([recordOf(event(0, o, 1)), other], 0, 2)
  assert.deepEqual((await stored(o)).parked, { 1: 'head' })
})

test('rule 18: a discarded record that comes again leaves its key held by what waits', async () => {
  const o = unique('o')
  const { operator, commit, name, topicId } = consumer()
  const records = [event(0, o, 1), poison(1, o), event(2, o, 4)]
  await commit(records, 0, 3)
  await operator.discard(o, giveUp(name(1), true))
  await pool.query('UPDATE inbox_position SET next_offset = 1 WHERE topic_id = $1', [topicId])
  await commit(records.slice(1, 2), 1, 2)
  const { version, parked, held } = await stored(o)
  assert.deepEqual({ version, parked, held }, { version: 2, parked: { 2: 'waiting' }, held: true })
  await commit([event(3, o, 3)], 2, 4)
  assert.deepEqual((await stored(o)).state, ids(o, 1, 3, 4))
})

test('what is too old leaves the audit; decisions stay: a discard that is repeated, and a version that is late, are known', async () => {
  const [o, p] = [unique('o'), unique('p')]
  const { operator, commit, commitCut, name, topicId } = consumer()
  await commitCut([event(0, o, 1), event(1, o, 3), poison(2, o), poison(3, p)])
  const garbage = await operator.discard(o, giveUp(name(2)))
  const skipping = await operator.discard(o, giveUp(name(1), true))
  await commit([event(4, o, 2)], 4, 5)
  for (let n = 0; n < 2; n++) await operator.redrive(p, ann)
  const forget = () => forgetAudit(pool, 'parking_audit', 30)
  const agedBy = (days: number) => pool.query('UPDATE parking_audit SET at = now() - make_interval(days => $1)', [days])

  await agedBy(29)
  assert.equal(await forget(), 0)
  await agedBy(31)
  await pool.query('UPDATE inbox_key SET due = (SELECT max(id) FROM parking_audit) WHERE key = $1', [p])
  await forget()
  assert.deepEqual([await audited(o), await audited(p)], [0, 1], 'a key is due for that one')
  await pool.query('UPDATE inbox_key SET due = NULL WHERE key = $1', [p])
  assert.deepEqual([await forget(), await audited(p)], [1, 0])
  const kept = await pool.query('SELECT key, action, event FROM audit_decision WHERE key = ANY ($1) ORDER BY id', [
    [o, p],
  ])
  assert.deepEqual(kept.rows, [
    { key: o, action: 'discard', event: name(2) },
    { key: o, action: 'discard', event: name(1) },
    { key: o, action: 'skipped-arrived', event: name(4) },
  ])

  assert.deepEqual(await operator.discard(o, giveUp(name(2))), garbage)
  assert.deepEqual(await operator.discard(o, giveUp(name(1), true)), skipping)
  await pool.query('UPDATE inbox_position SET next_offset = 4 WHERE topic_id = $1', [topicId])
  await commit([event(4, o, 2)], 4, 5)
  assert.equal(await audited(o), 0, 'it is not told of again')
  assert.deepEqual((await stored(o)).state, ids(o, 1, 3))
})
