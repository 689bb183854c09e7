// Rule 17: whose fault it is that a batch cannot be stored. Keys named `raises-<SQLSTATE>-...` are refused by a trigger.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openPool } from '@inorder/storage/pool.ts'
import { unique } from '@inorder/testing/parts.ts'
import { Decoder } from '../kafka/decode.ts'
import type { BatchResult } from './batch.ts'
import { Committer, PartitionsStuck } from './commit.ts'
import { entryOf } from './key-state.ts'
import type { ModelRecord } from './model.fixture.ts'
import { modelHandler, recordOf } from './model-topic.fixture.ts'
import { parkedEvents } from './parked-listing.ts'
import { type Context, event, type InboxRig, inboxRig } from './rig.fixture.ts'
import { enoughFailures } from './suspects.ts'

let rig: InboxRig

before(async () => {
  rig = await inboxRig()
  await rig.pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.key LIKE 'raises-%' THEN
        RAISE EXCEPTION '% is not welcome', NEW.key USING ERRCODE = split_part(NEW.key, '-', 2);
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON model_key FOR EACH ROW EXECUTE FUNCTION refuse()`)
})
after(() => rig.close())

type Result = BatchResult<string[], NonNullable<ModelRecord['event']>>

/** A consumer of a topic of its own; `commit` commits records of partitions, each from its offset 0 on. */
function consumer(over: Partial<Context> = {}, pool = rig.pool) {
  const { topic, topicId } = rig.consumer()
  const decoder = new Decoder(topic, { schemaOf: async () => '"string"' })
  const context: Context = { topic, handler: modelHandler, decoder, service: 'test', instance: 'test-1', ...over }
  const committer = new Committer(pool, context)
  const applied: string[] = []
  const sizes: number[] = []
  const told = (result: Result) => {
    sizes.push(result.size)
    applied.push(...result.applied.map(({ key }) => key))
  }
  async function commit(partitions: readonly (readonly ModelRecord[])[], isolate = false): Promise<void> {
    const records = partitions.flatMap((some, partition) => some.map((one) => ({ ...recordOf(one), partition })))
    const entries = (await decoder.decodeAll(topicId, records)).map((record) => entryOf(record))
    const spans = new Map(partitions.map((some, partition) => [partition, { from: 0n, next: BigInt(some.length) }]))
    await committer.commit({ topicId, entries, spans }, told, isolate)
  }
  /** Where it is stuck; undefined: it is not. */
  const stuckAt = (...given: Parameters<typeof commit>) =>
    commit(...given).then(
      () => undefined,
      (error) => {
        assert.ok(error instanceof PartitionsStuck, error)
        return error.stuck.map(({ partition, entry }) => [partition, entry?.key])
      },
    )
  return { commit, stuckAt, applied, sizes }
}
const causeOf = async (key: string) => (await parkedEvents(rig.pool, key))[0]?.cause

test('rule 17: a limit of the server (54000) is the data’s fault: parked at once, like a constraint', async () => {
  const [long, fine] = [unique('raises-54000'), unique('fine')]
  await consumer().commit([[event(0, long, 1), event(1, fine, 1)]])
  assert.equal(await causeOf(long), 'constraint')
  assert.equal((await rig.stored(fine)).version, 1)
})

test('rule 17: a refusal of no known class is the record’s own once it failed alone, again and again, while others did not', async () => {
  const [odd, before, behind, beside] = [unique('raises-P0001'), unique('before'), unique('behind'), unique('beside')]
  const { stuckAt, applied } = consumer()
  const batch = [[event(0, before, 1), event(1, odd, 1), event(2, behind, 1)], [event(0, beside, 1)]]
  for (let n = 1; n < enoughFailures; n++) {
    assert.deepEqual(await stuckAt(batch), [[0, odd]], `try ${n}`)
    assert.deepEqual(applied, [before, beside], 'what stands before it, and other partitions, go on')
  }
  assert.equal(await stuckAt(batch), undefined)
  assert.equal(await causeOf(odd), 'refused')
  assert.match((await parkedEvents(rig.pool, odd))[0]!.detail, /P0001.*is not welcome/)
  assert.deepEqual(applied, [before, beside, behind])
  assert.deepEqual((await rig.stored(odd)).parked, { 1: 'head' })
})

test('rule 17: it is found as well where it is all that a batch has: what another key has stored can be written', async () => {
  const [odd, earlier] = [unique('raises-P0001'), unique('earlier')]
  const { commit, stuckAt } = consumer()
  await commit([[], [event(0, earlier, 1)]])
  for (let n = 1; n < enoughFailures; n++) assert.deepEqual(await stuckAt([[event(0, odd, 1)]]), [[0, odd]])
  assert.equal(await stuckAt([[event(0, odd, 1)]]), undefined)
  assert.equal(await causeOf(odd), 'refused')
  assert.deepEqual((await rig.stored(earlier)).state, [`${earlier}-v1`])
})

test('rule 17: a waiting event that fails so when its gap closes is parked, not the one that closed it', async () => {
  const [odd, other] = [unique('o'), unique('other')]
  const { save } = modelHandler
  const mistaken: Context['handler'] = {
    ...modelHandler,
    async save(tx, changed) {
      if (changed.get(odd)?.length === 2) throw new TypeError('a mistake in code')
      await save(tx, changed)
    },
  }
  const { stuckAt } = consumer({ handler: mistaken })
  const batch = [[event(0, odd, 2), event(1, odd, 1), event(2, other, 1)]]
  for (let n = 1; n < enoughFailures; n++) assert.deepEqual(await stuckAt(batch), [[0, odd]])
  assert.equal(await stuckAt(batch), undefined)
  const { state, parked } = await rig.stored(odd)
  assert.deepEqual({ state, parked }, { state: [`${odd}-v1`], parked: { 0: 'head' } })
  assert.equal(await causeOf(odd), 'refused')
  assert.equal((await rig.stored(other)).version, 1)
})

test('rule 17: keys that fail alike in sequence park nothing: the fault is ours', async () => {
  const keys = [0, 1, 2].map(() => unique('raises-P0001'))
  const fine = unique('fine')
  const { stuckAt, applied } = consumer()
  const batch = [[event(0, keys[0]!, 1), event(1, keys[1]!, 1), event(2, fine, 1)], [event(0, keys[2]!, 1)]]
  for (let n = 0; n < 3 * enoughFailures; n++) {
    assert.deepEqual(await stuckAt(batch), [
      [0, keys[0]],
      [1, keys[2]],
    ])
  }
  for (const key of keys) assert.equal(await causeOf(key), undefined)
  assert.deepEqual(applied, [])
})

test('rule 17: nothing to compare with parks nothing', async () => {
  const odd = unique('raises-P0001')
  const { stuckAt } = consumer()
  for (let n = 0; n < 3 * enoughFailures; n++) assert.deepEqual(await stuckAt([[event(0, odd, 1)]]), [[0, odd]])
  assert.equal(await causeOf(odd), undefined)
})

test('rule 17: classes that are never a record’s fault park nothing, also where only one record meets them', async () => {
  for (const state of ['08000', '25006', '28000', '40001', '42P01', '42501', '53100', '55P03', '58030', 'XX000']) {
    const [ours, fine, beside] = [unique(`raises-${state}`), unique('fine'), unique('beside')]
    const { commit, stuckAt, applied } = consumer()
    const batch = [[event(0, ours, 1), event(1, fine, 1)], [event(0, beside, 1)]]
    await assert.rejects(commit(batch), { code: state })
    assert.deepEqual(applied, [])
    // Where this lasts, at least the others go on, and the record is named.
    for (let n = 0; n < enoughFailures + 1; n++) assert.deepEqual(await stuckAt(batch, true), [[0, ours]], state)
    assert.deepEqual(applied, [beside])
    assert.equal(await causeOf(ours), undefined, state)
  }
})

test('rule 17: a table that is away for a while parks nothing, and all is applied when it is back', async () => {
  const keys = [0, 1, 2].map(() => unique('o'))
  const { commit, applied } = consumer()
  const batch = [keys.map((key, n) => event(n, key, 1))]
  await rig.pool.query('ALTER TABLE model_key RENAME TO model_key_away')
  for (let n = 0; n < 2 * enoughFailures; n++) await assert.rejects(commit(batch, n % 2 === 1))
  await rig.pool.query('ALTER TABLE model_key_away RENAME TO model_key')
  await commit(batch)
  assert.deepEqual(applied, keys)
  for (const key of keys) assert.equal(await causeOf(key), undefined)
})

test('rule 17: a time limit makes the batch smaller, down to what it allows, and larger again', async () => {
  const pool = openPool({ url: rig.url, name: 'limited', max: 2, deadlineMs: 600, onIdleError: () => {} })
  try {
    let msEach = 30
    const save: Context['handler']['save'] = async (tx, changed) => {
      await tx.query('SELECT pg_sleep($1)', [(msEach * changed.size) / 1000])
      await modelHandler.save(tx, changed)
    }
    const { commit, sizes } = consumer({ handler: { ...modelHandler, save } }, pool)
    const run = unique('slow')
    await commit([Array.from({ length: 60 }, (_, n) => event(n, `${run}-${n}`, 1))])
    assert.ok(Math.max(...sizes) < 20, `${sizes}`)
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      60,
    )
    const { rows } = await rig.pool.query('SELECT FROM model_key WHERE key LIKE $1', [`${run}%`])
    assert.equal(rows.length, 60)
    assert.equal(await causeOf(`${run}-0`), undefined)

    // Each that keeps the limit may be twice as large.
    msEach = 0
    await commit([Array.from({ length: 260 }, (_, n) => event(n, `${run}-${n}`, 1))])
    const grown = sizes.slice(-4)
    assert.ok(Math.max(...grown) > 60, `${sizes}`)
  } finally {
    await pool.end()
  }
})

test('rule 17: a record that alone is over the time limit is never parked; the one before it is stored', async () => {
  const pool = openPool({ url: rig.url, name: 'limited', max: 2, deadlineMs: 500, onIdleError: () => {} })
  try {
    const [slow, fine] = [unique('slow'), unique('fine')]
    const save: Context['handler']['save'] = async (tx, changed) => {
      if (changed.has(slow)) await tx.query('SELECT pg_sleep(30)')
      await modelHandler.save(tx, changed)
    }
    const { stuckAt, applied } = consumer({ handler: { ...modelHandler, save } }, pool)
    for (let n = 0; n < enoughFailures + 1; n++)
      assert.deepEqual(await stuckAt([[event(0, fine, 1), event(1, slow, 1)]]), [[0, slow]])
    assert.deepEqual(applied, [fine])
    assert.equal(await causeOf(slow), undefined)
  } finally {
    await pool.end()
  }
})

test('rule 17: an effect that cannot be stored parks its event, and no other', async () => {
  const [bad, fine] = [unique('bad'), unique('fine')]
  const { apply } = modelHandler
  const handler: Context['handler'] = {
    ...modelHandler,
    apply: (state, event) => ({
      ...apply(state, event),
      effects: event.key === bad ? [{ kind: 'a\0b', payload: {} }] : [],
    }),
  }
  await consumer({ handler }).commit([[event(0, bad, 1), event(1, fine, 1)]])
  assert.equal(await causeOf(bad), 'constraint')
  assert.equal((await rig.stored(fine)).version, 1)
})

test('rule 18: a redrive of what is refused says that it still fails, and applies it once it does not', async () => {
  const [odd, other] = [unique('o'), unique('other')]
  let mistaken = true
  const save: Context['handler']['save'] = async (tx, changed) => {
    if (mistaken && changed.has(odd)) throw new TypeError('a mistake in code')
    await modelHandler.save(tx, changed)
  }
  const { commit, operator, name } = rig.consumer({ handler: { ...modelHandler, save } })
  const batch = [event(0, odd, 1), event(1, odd, 2), event(2, other, 1)]
  for (let n = 1; n < enoughFailures; n++) await assert.rejects(commit(batch, 0, 3), PartitionsStuck)
  await commit(batch, 0, 3)
  const redrive = () => operator.redrive(odd, { operator: 'ann', dryRun: false })
  assert.deepEqual(await redrive(), { key: odd, applied: 0, remaining: 2, stoppedAt: name(0) })
  assert.equal(await causeOf(odd), 'refused')
  mistaken = false
  assert.deepEqual(await redrive(), { key: odd, applied: 2, remaining: 0 })
})
