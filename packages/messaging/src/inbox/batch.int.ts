import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Tx } from '@inorder/storage/transaction.ts'
import { unique } from '@inorder/testing/parts.ts'
import fc from 'fast-check'
import { OffsetGap } from './batch.ts'
import { modelOf } from './model.fixture.ts'
import { modelHandler, modelTopic, recordOf } from './model-topic.fixture.ts'
import { parkedEvents, parkedKeys } from './parked-listing.ts'
import { someRecords } from './random-records.fixture.ts'
import { type Context, event, inboxRig, poison } from './rig.fixture.ts'
import { TopicKeys } from './topic-keys.ts'

const { pool, consumer, stored, close } = await inboxRig()
after(close)

test('rule 13: a batch is dropped below the position, and refused when it leaves an offset gap', async () => {
  const o = unique('o')
  const { commit, position } = consumer()
  await commit([event(0, o, 1), event(1, o, 2)], 0, 2)
  const again = await commit([event(0, o, 1), event(1, o, 2), event(2, o, 3)], 0, 3)
  assert.equal(again.duplicates, 0, 'below the position records are not even looked at')
  assert.deepEqual((await stored(o)).state, [`${o}-v1`, `${o}-v2`, `${o}-v3`])
  await assert.rejects(commit([event(4, o, 4)], 4, 5), OffsetGap)
  assert.equal((await stored(o)).version, 3)
  assert.equal(await position(), '3')
  await commit([], 3, 9)
  assert.equal(await position(), '9', 'offsets without records are passed too')
  await commit([event(0, o, 1)], 0, 1)
  assert.equal(await position(), '9', 'an owner that comes late moves nothing back')
})

test('rule 14: two owners of a partition at once apply each event once, and park and copy each poison once', async () => {
  const { commitRecords, copies } = consumer()
  for (let round = 0; round < 10; round++) {
    const o = unique('o')
    const from = 3 * round
    const records = [event(from, o, 1), poison(from + 1, o), poison(from + 2, null)].map(recordOf)
    const run = () => commitRecords(records, from, from + 3)
    const results = await Promise.all([run(), run(), run()])
    assert.equal(results.flatMap(({ applied }) => applied).length, 1)
    assert.deepEqual((await stored(o)).state, [`${o}-v1`])
    assert.equal((await copies()).length, 2 * (round + 1))
  }
})

test('rule 14: two owners that bring one key the same events, new or known, wait for its row', async () => {
  const o = unique('o')
  for (let version = 1; version <= 20; version++) {
    const both = [consumer(), consumer()].map(({ commit }) => commit([event(0, o, version)], 0, 1))
    const results = await Promise.all(both)
    assert.equal(results.flatMap(({ applied }) => applied).length, 1)
    assert.equal(
      results.reduce((sum, { duplicates }) => sum + duplicates, 0),
      1,
    )
  }
  assert.equal((await stored(o)).state.length, 20)
})

test('rule 14: an event of the gap and one that parks, by two owners at once, leave nothing parked for ever', async () => {
  for (let round = 0; round < 20; round++) {
    const o = unique('o')
    const [one, other] = [consumer(), consumer()]
    await Promise.all([one.commit([event(0, o, 2)], 0, 1), other.commit([event(0, o, 1)], 0, 1)])
    const { state, parked, held } = await stored(o)
    assert.deepEqual({ state, parked, held }, { state: [`${o}-v1`, `${o}-v2`], parked: {}, held: false })
  }
})

test('rule 15: what waits for a gap applies from its original bytes in the transaction that closes it', async () => {
  const o = unique('o')
  const { commit, topicId } = consumer()
  await commit([event(0, o, 1), event(1, o, 4), event(2, o, 3)], 0, 3)
  assert.deepEqual(await stored(o), {
    version: 1,
    eventId: `${o}-v1`,
    state: [`${o}-v1`],
    parked: { 1: 'waiting', 2: 'waiting' },
    held: true,
  })
  const [waiting] = await parkedEvents(pool, o)
  assert.equal(waiting?.event, `${topicId}/0/1`)
  assert.equal(waiting?.cause, 'gap')
  // Another process: it has never seen the schema.
  const healed = await consumer().commit([event(0, o, 2)], 0, 1)
  assert.equal(healed.healed, 2)
  assert.deepEqual(
    healed.applied.map(({ event }) => event.version),
    [2, 3, 4],
  )
  assert.deepEqual(await stored(o), {
    version: 4,
    eventId: `${o}-v4`,
    state: [1, 2, 3, 4].map((v) => `${o}-v${v}`),
    parked: {},
    held: false,
  })
})

test('rule 15: a conflict is listed and copied, and blocks nothing', async () => {
  const o = unique('o')
  const { commit, copies } = consumer()
  await commit([event(0, o, 1), event(1, o, 1, { id: 'twin' }), event(2, o, 2)], 0, 3)
  const { version, parked, held } = await stored(o)
  assert.deepEqual({ version, parked, held }, { version: 2, parked: { 1: 'conflict' }, held: false })
  assert.equal((await copies()).length, 1)
})

test('rule 16: poison stops its key and no other; only the head is copied, with its bytes and where it came from', async () => {
  const [o, p] = [unique('o'), unique('p')]
  const { commit, copies, topicId } = consumer()
  await commit([event(0, o, 1), poison(1, o), event(2, p, 1)], 0, 3)
  await commit([event(3, o, 2), poison(4, o), event(5, p, 2)], 3, 6)
  assert.deepEqual((await stored(o)).parked, { 1: 'head', 3: 'behind', 4: 'behind' })
  assert.deepEqual((await stored(o)).state, [`${o}-v1`])
  assert.equal((await stored(p)).version, 2)
  const rows = await copies()
  assert.equal(rows.length, 1)
  assert.equal(rows[0].key.toString(), o)
  assert.equal(rows[0].value.toString(), 'garbage')
  const listed = await parkedKeys(pool, { cause: 'undecodable', limit: 1000 })
  const mine = listed.items.find(({ key }) => key === o)
  assert.deepEqual(mine && { count: mine.count, event: mine.event }, { count: 3, event: `${topicId}/0/1` })
})

test('rule 16: an event that is parked already is not parked again when the log repeats it', async () => {
  const o = unique('o')
  const { commit } = consumer()
  await commit([poison(0, o), event(1, o, 1), event(2, o, 2)], 0, 3)
  const again = await commit([event(3, o, 1), event(4, o, 2), event(5, o, 3)], 3, 6)
  assert.equal(again.duplicates, 2)
  assert.deepEqual((await stored(o)).parked, { 0: 'head', 1: 'behind', 2: 'behind', 5: 'behind' })
})

test('rule 16: a record without a key, or whose key and body disagree, is parked by its place and blocks no key', async () => {
  const o = unique('o')
  const { commit, copies, topic } = consumer()
  const stray = { ...event(2, 'another', 1), key: o }
  await commit([event(0, o, 1), poison(1, null), stray, event(3, o, 2)], 0, 4)
  assert.equal((await stored(o)).version, 2)
  const causes = await Promise.all(
    [1, 2].map(async (n) => (await parkedEvents(pool, `@${topic.name}:0:${n}`))[0]?.cause),
  )
  assert.deepEqual(causes, ['no-key', 'key-mismatch'])
  assert.equal((await copies()).length, 2)
})

test('rule 16: original bytes and headers are kept, also those that no text could hold', async () => {
  const o = unique('o')
  const { commitRecords } = consumer()
  const value = Buffer.from([0, 1, 2, 0, 255])
  await commitRecords([{ ...recordOf(poison(0, o)), value, timestamp: 2n ** 62n }], 0, 1)
  const { rows } = await pool.query('SELECT * FROM parked WHERE key = $1', [o])
  assert.deepEqual(rows[0].record_value, value)
  assert.deepEqual(rows[0].record_key, Buffer.from(o))
  assert.deepEqual(rows[0].headers, [
    [Buffer.from('trace').toString('base64'), Buffer.from([0, 255]).toString('base64')],
  ])
})

test('rule 17: a row that the database refuses is parked, its neighbours and its key before it are saved', async () => {
  const [o, p] = [unique('o'), unique('p')]
  const { commit } = consumer()
  const guilty = event(1, o, 2, { id: `${o}-unsavable`, unsavable: true })
  await commit([event(0, o, 1), guilty, event(2, p, 1), event(3, o, 3)], 0, 4)
  const { state, parked } = await stored(o)
  assert.deepEqual({ state, parked }, { state: [`${o}-v1`], parked: { 1: 'head', 3: 'behind' } })
  assert.equal((await parkedEvents(pool, o))[0]?.cause, 'constraint')
  assert.deepEqual((await stored(p)).state, [`${p}-v1`])
})

test('rule 17: many guilty rows in one batch, offsets without records behind them', async () => {
  const { commit, position } = consumer()
  const run = unique('run')
  const records = Array.from({ length: 130 }, (_, n) =>
    event(n, `${run}-${n}`, 1, n % 3 === 0 ? { id: `${n}-unsavable`, unsavable: true } : {}),
  )
  const { applied } = await commit(records, 0, 135)
  assert.equal(applied.length, 86)
  assert.equal((await parkedKeys(pool, { cause: 'constraint', limit: 1000, after: run })).items.length, 44)
  assert.equal(await position(), '135')
})

test('rule 17: the search one by one takes several transactions, each of which a slow day leaves time for', async () => {
  const ofTransaction = new Map<string, number>()
  const save: Context['handler']['save'] = async (tx, changed) => {
    await modelHandler.save(tx, changed)
    const { rows } = await tx.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
    ofTransaction.set(rows[0]!.xid, (ofTransaction.get(rows[0]!.xid) ?? 0) + changed.size)
  }
  const { commit } = consumer({ handler: { ...modelHandler, save } })
  const run = unique('run')
  const records = Array.from({ length: 300 }, (_, n) => event(n, `${run}-${n}`, 1))
  records[299] = event(299, `${run}-299`, 1, { id: 'unsavable', unsavable: true })
  const { applied } = await commit(records, 0, 300)
  assert.equal(applied.length, 299)
  const saved = [...ofTransaction.values()]
  assert.equal(
    saved.reduce((sum, n) => sum + n),
    299,
  )
  assert.ok(Math.max(...saved) <= 100, `${saved} of them in one transaction each`)
})

test('rule 17: what is not the row’s fault fails the whole batch, and stores nothing of it', async () => {
  const o = unique('o')
  const save = async (tx: Tx) => void (await tx.query('SELECT * FROM a_forgotten_migration'))
  const { commit, position } = consumer({ handler: { ...modelHandler, save } })
  await assert.rejects(commit([event(0, o, 1)], 0, 1), { code: '42P01' })
  assert.equal((await stored(o)).version, 0)
  assert.equal(await position(), undefined)
})

test('rule 17: looking for the guilty one by one, what is not the row’s fault still fails the whole batch', async () => {
  const [o, p] = [unique('o'), unique('p')]
  const { save } = modelHandler
  const handler: Context['handler'] = {
    ...modelHandler,
    save: async (tx, changed) => {
      if (changed.size === 1 && changed.has(p)) await tx.query('SELECT * FROM a_forgotten_migration')
      await save(tx, changed)
    },
  }
  const { commit } = consumer({ handler })
  const guilty = event(0, o, 1, { id: `${o}-unsavable`, unsavable: true })
  await assert.rejects(commit([guilty, event(1, p, 1)], 0, 2), { code: '42P01' })
  assert.deepEqual([(await stored(o)).parked, (await stored(p)).parked], [{}, {}])
})

test('rule 20: a pager that runs beside many writers misses no id and sees none twice', async () => {
  const topic = modelTopic(unique('events'))
  const ids = new TopicKeys(pool, topic.name)
  const writers = 4
  let running = writers
  const write = async (writer: number) => {
    const { commit } = consumer({ topic })
    for (let n = 0; n < 50; n++) {
      await commit(
        [event(n, `${topic.name}-${writer}-${n}`, 1), event(n, `${topic.name}-${writer}-${n}-b`, 1)],
        n,
        n + 1,
      )
    }
    running--
  }
  const seen: string[] = []
  const page = async () => {
    for (let cursor = 0, last = false; !last; ) {
      last = running === 0
      const extent = await ids.extent(cursor)
      let count = 0
      for await (const text of ids.pages(cursor, extent.last, 7)) {
        const page: string[] = JSON.parse(`[${text}]`)
        seen.push(...page)
        count += page.length
      }
      assert.equal(count, extent.count, 'the count announced is that of the pages')
      cursor = extent.last
    }
  }
  await Promise.all([page(), ...Array.from({ length: writers }, (_, writer) => write(writer))])
  assert.equal(seen.length, writers * 100)
  assert.equal(new Set(seen).size, seen.length)
})

test('rules 15 to 17 and 21: any records, however they are cut into batches, end as the model says', async () => {
  await fc.assert(
    fc.asyncProperty(
      someRecords({ keys: ['a', 'b', 'c'], keyless: true, unsavable: true }),
      fc.array(fc.nat(40)),
      async (plain, cuts) => {
        const round = unique('r')
        const records = plain.map(({ place, key, event }) => ({
          place,
          key: key && `${round}-${key}`,
          ...(event && { event: { ...event, key: `${round}-${event.key}` } }),
        }))
        const { commitCut, copies, topic } = consumer()
        const results = await commitCut(
          records,
          [...cuts].sort((x, y) => x - y),
        )
        const { keyStates, keyless } = modelOf(records)
        for (const [key, model] of Object.entries(keyStates)) {
          const { held, ...keyState } = await stored(key)
          assert.deepEqual(keyState, model)
          assert.equal(
            held,
            Object.values(model.parked).some((state) => state !== 'conflict'),
          )
        }
        for (const place of keyless) assert.equal((await parkedEvents(pool, `@${topic.name}:0:${place}`)).length, 1)
        // Each event reaches the service's readers once, in its key's order.
        for (const [key, { state }] of Object.entries(keyStates)) {
          const told = results.flatMap(({ applied }) => applied).filter((one) => one.key === key)
          assert.deepEqual(
            told.map(({ event }) => event.id),
            state,
          )
        }
        const heads = Object.values(keyStates).flatMap(({ parked }) =>
          Object.values(parked).filter((state) => state === 'head' || state === 'conflict'),
        )
        assert.equal((await copies()).length, heads.length + keyless.length)
        const ids = await new TopicKeys(pool, topic.name).extent()
        assert.equal(ids.count, Object.keys(keyStates).length)
      },
    ),
    { numRuns: 75 },
  )
})
