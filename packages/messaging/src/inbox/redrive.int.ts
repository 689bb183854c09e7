import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { unique } from '@inorder/testing/parts.ts'
import { RegistryUnavailable, UnknownSchema } from '../kafka/registry.ts'
import { modelHandler, recordOf } from './model-topic.fixture.ts'
import type { Redrive } from './ops.ts'
import { parkedEvents } from './parked-listing.ts'
import { event, ids, inboxRig, lossy, newer, poison } from './rig.fixture.ts'

const { pool, consumer, stored, close } = await inboxRig()
after(close)

const ann = { operator: 'ann', dryRun: false }
const auditOf = async (key: string) =>
  (await pool.query('SELECT * FROM parking_audit WHERE key = $1 ORDER BY id', [key])).rows

const redriveAll = async (operator: ReturnType<typeof consumer>['operator'], cause: string, redrive: Redrive) => {
  const all = await operator.redriveAll(cause, redrive)
  assert.ok('items' in all)
  return all
}

test('once its cause is gone, a redrive applies all that waited, in order, and leaves nothing behind', async () => {
  const o = unique('o')
  const { registry, find } = lossy()
  const { operator, commitRecords, commit, copies, redriven, name } = consumer({ registry })
  await commitRecords([recordOf(event(0, o, 1)), newer(1, o, 2), recordOf(event(2, o, 3))], 0, 3)
  const still = await operator.redrive(o, ann)
  assert.deepEqual(still, { key: o, applied: 0, remaining: 2, stoppedAt: name(1) })
  assert.deepEqual((await stored(o)).parked, { 1: 'head', 2: 'behind' })
  assert.equal((await parkedEvents(pool, o))[0]?.attempts, 2)
  find()
  await commit([event(3, o, 4)], 3, 4)
  assert.deepEqual(await operator.redrive(o, ann), { key: o, applied: 3, remaining: 0 })
  const { state, parked, held, version } = await stored(o)
  assert.deepEqual({ state, parked, held, version }, { state: ids(o, 1, 2, 3, 4), parked: {}, held: false, version: 4 })
  assert.deepEqual(
    redriven.flatMap(({ applied }) => applied).map((one) => one.event.id),
    ids(o, 2, 3, 4),
  )
  assert.equal((await copies()).length, 1, 'the head was copied when it was parked, not again')
  assert.deepEqual(await operator.redrive(o, ann), { refused: 'nothing-parked', detail: `Nothing is parked of ${o}.` })
})

test('a redrive stops at the first that still fails; what the database refuses is found among what it takes', async () => {
  const o = unique('o')
  const { registry, find } = lossy()
  const { operator, commitRecords, name, copies } = consumer({ registry })
  const guilty = event(3, o, 4, { id: `${o}-unsavable`, unsavable: true })
  const records = [recordOf(event(0, o, 1)), newer(1, o, 2), ...[event(2, o, 3), guilty, event(4, o, 5)].map(recordOf)]
  await commitRecords(records, 0, 5)
  find()
  assert.deepEqual(await operator.redrive(o, ann), { key: o, applied: 2, remaining: 2, stoppedAt: name(3) })
  assert.deepEqual((await stored(o)).parked, { 3: 'head', 4: 'behind' })
  assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3))
  const [head] = await parkedEvents(pool, o)
  assert.deepEqual([head?.cause, head?.version, head?.attempts], ['constraint', 4, 1])
  assert.equal((await copies()).length, 2, 'the new head is copied')

  await pool.query('ALTER TABLE model_key DROP CONSTRAINT model_key_events_check')
  try {
    assert.deepEqual(await operator.redrive(o, ann), { key: o, applied: 2, remaining: 0 })
    assert.deepEqual((await stored(o)).state, [...ids(o, 1, 2, 3), `${o}-unsavable`, `${o}-v5`])
  } finally {
    await pool.query(`ALTER TABLE model_key ADD CONSTRAINT model_key_events_check
      CHECK (array_to_string(events, ' ') NOT LIKE '%unsavable%') NOT VALID`)
  }
})

test('a head that can be read by now and still fails has its version, and is known when it comes again', async () => {
  const o = unique('o')
  const { registry, find } = lossy()
  const { operator, commitRecords, name } = consumer({ registry })
  await commitRecords([recordOf(event(0, o, 1)), newer(1, o, 2, { refused: true })], 0, 2)
  find()
  assert.deepEqual(await operator.redrive(o, ann), { key: o, applied: 0, remaining: 1, stoppedAt: name(1) })
  const [head] = await parkedEvents(pool, o)
  assert.deepEqual([head?.cause, head?.version], ['apply-failed', 2])
  assert.equal((await commitRecords([newer(2, o, 2, { refused: true })], 2, 3)).duplicates, 1)
})

test('what arrived swapped, twice, or with a twin, behind a poison comes out sorted, once, and as a conflict', async () => {
  const o = unique('o')
  const { registry, find } = lossy()
  const { operator, commitRecords } = consumer({ registry })
  const late = [event(2, o, 4), event(3, o, 3), event(5, o, 3, { id: `${o}-twin` })].map(recordOf)
  await commitRecords([recordOf(event(0, o, 1)), newer(1, o, 2), ...late, newer(6, o, 2)], 0, 7)
  find()
  assert.deepEqual(await operator.redrive(o, ann), { key: o, applied: 3, remaining: 1 })
  const { state, parked, held } = await stored(o)
  assert.deepEqual({ state, parked, held }, { state: ids(o, 1, 2, 3, 4), parked: { 5: 'conflict' }, held: false })
})

test('nothing passes what still cannot be read; a gap waits for its version', async () => {
  const o = unique('o')
  const { operator, commitCut, name, commit } = consumer()
  await commitCut([event(0, o, 1), event(1, o, 3), poison(2, o), event(3, o, 2)])
  assert.deepEqual(await operator.redrive(o, ann), { key: o, applied: 0, remaining: 3, stoppedAt: name(2) })
  assert.deepEqual((await stored(o)).parked, { 1: 'waiting', 2: 'head', 3: 'behind' })

  const p = unique('p')
  await commit([event(4, p, 1), event(5, p, 4), event(6, p, 3)], 4, 7)
  assert.deepEqual(await operator.redrive(p, ann), { key: p, applied: 0, remaining: 2, stoppedAt: name(6) })
  await commit([event(7, p, 2)], 7, 8)
  assert.deepEqual((await stored(p)).state, ids(p, 1, 2, 3, 4), 'it heals after a redrive as before')
})

test('a record whose key and body disagree, now that it can be read, leaves the key, which goes on', async () => {
  const o = unique('o')
  const { registry, find } = lossy()
  const { operator, commitRecords, topic } = consumer({ registry })
  const stray = { ...newer(1, 'another', 2), key: Buffer.from(o) }
  await commitRecords([recordOf(event(0, o, 1)), stray, recordOf(event(2, o, 2))], 0, 3)
  find()
  assert.deepEqual(await operator.redrive(o, ann), { key: o, applied: 1, remaining: 0 })
  assert.equal((await stored(o)).held, false)
  const [kept] = await parkedEvents(pool, `@${topic.name}:0:1`)
  assert.equal(kept?.cause, 'key-mismatch')
})

test('a dry run says what each event would do, and changes nothing', async () => {
  const o = unique('o')
  const { registry, find } = lossy()
  const { operator, commitRecords, name, redriven } = consumer({ registry })
  const refused = event(4, o, 4, { refused: true })
  const behind = [event(2, o, 3), refused, event(5, o, 5)].map(recordOf)
  await commitRecords([recordOf(event(0, o, 1)), newer(1, o, 2), ...behind, newer(6, o, 2)], 0, 7)
  find()
  const all = async () => {
    const tables = ['inbox_key', 'parked', 'model_key', 'outbox', 'parking_audit', 'inbox_position']
    return Promise.all(tables.map(async (table) => (await pool.query(`SELECT * FROM ${table} ORDER BY 1, 2`)).rows))
  }
  const before = await all()
  const tried = await operator.redrive(o, { ...ann, dryRun: true })
  assert.ok('applied' in tried)
  const { events, ...answer } = tried
  assert.deepEqual(answer, { key: o, applied: 2, remaining: 2, stoppedAt: name(4) })
  assert.deepEqual(
    events?.map(({ event, version, becomes, cause }) => [event, version, becomes, cause]),
    [
      [name(1), 2, 'applied', null],
      [name(6), 2, 'duplicate', null],
      [name(2), 3, 'applied', null],
      [name(4), 4, 'head', 'apply-failed'],
      [name(5), 5, 'behind', 'behind'],
    ],
  )
  const together = await redriveAll(operator, 'unknown-schema', { ...ann, dryRun: true })
  assert.deepEqual(
    together.items.find(({ key }) => key === o),
    tried,
  )
  assert.deepEqual(await all(), before)
  assert.equal(redriven.length, 0)
  assert.deepEqual(await operator.redrive(o, ann), answer)
})

test('a registry that is away is a refusal, not poison', async () => {
  const o = unique('o')
  let trouble: Error = new UnknownSchema('unknown')
  const registry = { schemaOf: () => Promise.reject(trouble) }
  const { operator, commitRecords } = consumer({ registry })
  await commitRecords([newer(0, o, 1)], 0, 1)
  trouble = new RegistryUnavailable('GET /schemas/ids/8: refused')
  const before = await parkedEvents(pool, o)
  const answer = await operator.redrive(o, ann)
  assert.equal('refused' in answer && answer.refused, 'registry-away')
  assert.deepEqual(await parkedEvents(pool, o), before)
})

test('rule 14: redrives at the same time apply each event once', async () => {
  for (let round = 0; round < 10; round++) {
    const o = unique('o')
    const { registry, find } = lossy()
    const { operator, commitRecords, redriven } = consumer({ registry })
    await commitRecords([recordOf(event(0, o, 1)), newer(1, o, 2), recordOf(event(2, o, 3))], 0, 3)
    find()
    const answers = await Promise.all([1, 2, 3].map(() => operator.redrive(o, ann)))
    assert.equal(answers.filter((answer) => 'refused' in answer).length, 2)
    assert.equal(redriven.flatMap(({ applied }) => applied).length, 2)
    assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3))
  }
})

test('rule 14: beside the live traffic of its key a redrive loses, repeats and overtakes nothing', async () => {
  for (let round = 0; round < 10; round++) {
    const o = unique('o')
    const { registry, find } = lossy()
    const { operator, commitRecords, commit, redriven } = consumer({ registry })
    await commitRecords([recordOf(event(0, o, 1)), newer(1, o, 2), recordOf(event(2, o, 3))], 0, 3)
    find()
    const live = async () => {
      const results = []
      for (let n = 3; n < 9; n++) results.push(await commit([event(n, o, n + 1)], n, n + 1))
      return results
    }
    const [results] = await Promise.all([live(), operator.redrive(o, ann), operator.redrive(o, ann)])
    const { state, parked, held } = await stored(o)
    const all = ids(o, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert.deepEqual({ state, parked, held }, { state: all, parked: {}, held: false })
    const told = [...redriven, ...results].flatMap(({ applied }) => applied.map((one) => one.event.id))
    assert.deepEqual(told.sort(), all.slice(1).sort())
  }
})

test('killed at any point, a redrive has done nothing, and the next one does it all', async () => {
  await pool.query(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$`)
  for (const table of ['model_key', 'inbox_key', 'parked', 'outbox', 'parking_audit']) {
    const o = unique('o')
    const { registry, find } = lossy()
    const { operator, commitRecords, name, redriven } = consumer({ registry })
    const rest = [event(2, o, 3), event(3, o, 4, { refused: true }), event(4, o, 5)].map(recordOf)
    await commitRecords([recordOf(event(0, o, 1)), newer(1, o, 2), ...rest], 0, 5)
    find()
    const before = await stored(o)
    await pool.query(`CREATE TRIGGER die AFTER INSERT OR UPDATE OR DELETE ON ${table} EXECUTE FUNCTION die()`)
    await assert.rejects(operator.redrive(o, ann), table)
    await pool.query(`DROP TRIGGER die ON ${table}`)
    assert.deepEqual(await stored(o), before, table)
    assert.deepEqual(await auditOf(o), [])
    assert.equal(redriven.length, 0)
    assert.deepEqual(await operator.redrive(o, ann), { key: o, applied: 2, remaining: 2, stoppedAt: name(3) })
    assert.deepEqual((await stored(o)).state, ids(o, 1, 2, 3))
  }
})

test('many keys of one cause, redriven at once under their live traffic: none overtaken, none twice', async () => {
  const run = unique('run')
  // One call takes up to 1,000 (REDRIVE_KEYS).
  const many = Number(process.env.REDRIVE_KEYS ?? 200)
  const keys = Array.from({ length: many }, (_, n) => `${run}-${n}`)
  const { registry, find } = lossy()
  const broken = keys[many / 2]!
  const handler = {
    ...modelHandler,
    // One key cannot be saved now, through no fault of its events: the next redrive will do.
    save: async (...[tx, changed]: Parameters<typeof modelHandler.save>) => {
      if (fails && changed.size === 1 && changed.has(broken)) await tx.query('SELECT * FROM a_forgotten_migration')
      await modelHandler.save(tx, changed)
    },
  }
  let fails = true
  const { operator, commitRecords, redriven } = consumer({ registry, handler })
  let at = 0
  const commitAll = async (recordsOf: (place: number, key: string) => ReturnType<typeof recordOf>) => {
    const from = at
    const records = keys.map((key) => recordsOf(at++, key))
    return commitRecords(records, from, at)
  }
  const results = [
    await commitAll((place, o) => recordOf(event(place, o, 1))),
    await commitAll((place, o) => newer(place, o, 2)),
    await commitAll((place, o) => recordOf(event(place, o, 3))),
  ]
  find()
  const live = async () => {
    for (const version of [4, 5, 6, 7]) results.push(await commitAll((place, o) => recordOf(event(place, o, version))))
  }
  // What the tests before have left is not counted among those of one call.
  await pool.query('DELETE FROM parked WHERE key <> ALL ($1)', [keys])
  const begun = performance.now()
  const [all] = await Promise.all([redriveAll(operator, 'unknown-schema', ann), live()])
  const seconds = (performance.now() - begun) / 1000
  const mine = all.items.filter(({ key }) => key.startsWith(run))
  assert.equal(mine.length, many)
  assert.deepEqual(
    mine.filter(({ error }) => error !== undefined).map(({ key, applied }) => [key, applied]),
    [[broken, 0]],
  )
  fails = false
  assert.equal((await redriveAll(operator, 'unknown-schema', ann)).totals.failed, 0)

  for (const key of keys) {
    const { state, parked, held } = await stored(key)
    assert.deepEqual({ state, parked, held }, { state: ids(key, 1, 2, 3, 4, 5, 6, 7), parked: {}, held: false })
  }
  const told = [...results, ...redriven].flatMap(({ applied }) => applied).filter((one) => one.key.startsWith(run))
  assert.equal(told.length, 7 * many)
  console.log(`${many} keys redriven beside ${4 * many} live events: ${seconds.toFixed(1)} s`)
})
