// Batches of several partitions that stand at their COMMIT until a history lets them go, and who reads the topic's keys
// meanwhile. Inboxes broken by hand, which must fail here: topic-keys.mutants.ts.
import assert from 'node:assert/strict'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import fc from 'fast-check'
import pg from 'pg'
import { Decoder } from '../kafka/decode.ts'
import { Committer } from './commit.ts'
import { CommitsHeld } from './commits-held.fixture.ts'
import { same } from './invariants.fixture.ts'
import { entryOf } from './key-state.ts'
import { modelHandler, modelRegistry, modelTopic, recordOf } from './model-topic.fixture.ts'
import { event, type InboxRig, inboxRig } from './rig.fixture.ts'
import { makePositions } from './store.ts'
import { addTopicKeys, TopicKeys } from './topic-keys.ts'

let rig: InboxRig
let foreign: pg.Client[]

/** Transactions of others, older than all of ours, here and in another database, which end when all is done. */
before(async () => {
  rig = await inboxRig()
  const elsewhere = new URL(rig.url)
  elsewhere.pathname = '/postgres'
  foreign = [rig.url, elsewhere.href].map((connectionString) => new pg.Client({ connectionString }))
  for (const client of foreign) {
    await client.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT pg_current_xact_id()')
  }
})
after(async () => {
  for (const client of foreign) await client.end()
  await rig.close()
})

type Step = { do: 'begin'; partition: number; keys: number } | { do: 'commit'; partition: number } | { do: 'read' }

const waiting = `SELECT pid, pg_blocking_pids(pid) AS behind, wait_event, query FROM pg_stat_activity
  WHERE datname = current_database() AND pg_blocking_pids(pid) && $1::int[]`

const partition = fc.nat(2)
const someStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('begin'), partition, keys: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('commit'), partition }),
  fc.constant({ do: 'read' }),
)

test('rule 20: in whatever sequence partitions commit, no batch waits for another, and pages miss none and stay as they were', async () => {
  const seed = Number(process.env.INBOX_SEED ?? Date.now() % 2 ** 31)
  const numRuns = Number(process.env.INBOX_SEQUENCES ?? 40)
  const begin = (partition: number): Step => ({ do: 'begin', partition, keys: 2 })
  const commit = (partition: number): Step => ({ do: 'commit', partition })
  // The one that added its keys first commits last.
  const examples: [Step[]][] = [[[begin(0), begin(1), commit(1), { do: 'read' }, commit(0), { do: 'read' }]]]
  await fc.assert(fc.asyncProperty(fc.array(someStep, { maxLength: 20 }), run), {
    seed,
    numRuns,
    examples,
    endOnFailure: process.env.INBOX_SHRINK === 'no',
  })
})

async function run(steps: Step[]): Promise<void> {
  const topic = modelTopic(unique('events'))
  const keys = new TopicKeys(rig.pool, topic.name)
  const decoder = new Decoder(topic, modelRegistry)
  const context = { topic, handler: modelHandler, decoder, service: 'test', instance: 'test-1' }
  const topicId = crypto.randomUUID()
  const committed: string[] = []
  /** What one reader has read, page after page. */
  const read: string[] = []
  const pools = [0, 1, 2].map(() => new CommitsHeld(rig.pool))
  const waitingForCommit = async () => (await rig.pool.query(waiting, [pools.flatMap(({ pid }) => pid ?? [])])).rows
  const lanes = pools.map((held, partition) => {
    const committer = new Committer(held.pool, context)
    let next = 0
    let batch: { keys: string[]; done: Promise<void> } | undefined
    return {
      async begin(count: number): Promise<void> {
        if (batch) return
        const names = Array.from({ length: count }, (_, n) => `${topic.name}-${partition}-${next + n}`)
        const records = names.map((key, n) => ({ ...recordOf(event(next + n, key, 1)), partition }))
        const entries = (await decoder.decodeAll(topicId, records)).map((record) => entryOf(record))
        const span = { from: BigInt(next), next: BigInt(next + count) }
        next += count
        const done = committer.commit({ topicId, entries, spans: new Map([[partition, span]]) }, () => {})
        batch = { keys: names, done }
        let stands = false
        const standing = Promise.race([held.isAtCommit(), done]).then(() => {
          stands = true
        })
        while (!stands) same('rule 20, sessions that wait for the commit of a batch', await waitingForCommit(), [])
        await standing
      },
      async commit(): Promise<void> {
        if (!batch) return
        held.letGo()
        await batch.done
        committed.push(...batch.keys)
        batch = undefined
      },
      async end(): Promise<void> {
        held.end()
        await batch?.done.catch(() => {})
      },
    }
  })
  const readOn = async () => {
    // Several number at once.
    const [extent] = await Promise.all([keys.extent(read.length), keys.number(), keys.number()])
    for await (const page of keys.pages(read.length, extent.last, 2)) read.push(...JSON.parse(`[${page}]`))
    same('rule 20, the count that was announced', read.length, extent.last)
    same('rule 20, pages hold what is committed, each key once', [...read].sort(), [...committed].sort())
    const all: string[] = []
    for await (const page of keys.pages(0, read.length)) all.push(...JSON.parse(`[${page}]`))
    same('rule 20, pages that were read stay as they were', all, read)
    for (const [n, key] of read.entries()) same('rule 20, the cursor of a key', await keys.cursorOf(key), n + 1)
  }
  try {
    for (const step of [...steps, ...[0, 1, 2].map((partition): Step => ({ do: 'commit', partition }))]) {
      if (step.do === 'begin') await lanes[step.partition]!.begin(step.keys)
      else if (step.do === 'commit') await lanes[step.partition]!.commit()
      else await readOn()
    }
    await readOn()
  } finally {
    await Promise.all(lanes.map((lane) => lane.end()))
  }
}

test('rule 20: keys that the release before has numbered stay where they are, and new ones come after them', async (t) => {
  const database = await freshDatabase('numbered')
  const pool = openPool({ url: database.url, name: 'numbered', max: 2 })
  t.after(() => pool.end().then(database.drop))
  const path = fileURLToPath(new URL('../../migrations/inbox', import.meta.url))
  const first = await mkdtemp(join(tmpdir(), 'inbox-'))
  t.after(() => rm(first, { recursive: true }))
  await copyFile(join(path, '001.do.inbox.sql'), join(first, '001.do.inbox.sql'))
  await migrate(database.url, [{ name: 'inbox', path: first }])
  await pool.query(`INSERT INTO topic_keys (topic, last, keys) VALUES ('t', 2, '{a,b}'), ('t', 3, '{c}')`)
  await migrate(database.url, [{ name: 'inbox', path }])
  const topic = { id: crypto.randomUUID(), name: 't' }
  await makePositions(pool, topic, [0])
  await addTopicKeys(pool, topic, 0, ['d', 'e'])
  const keys = new TopicKeys(pool, 't')
  assert.deepEqual(await keys.extent(), { count: 5, last: 5, more: false })
  assert.deepEqual(await Array.fromAsync(keys.pages(0, 5)), ['"a","b","c","d","e"'])
})
