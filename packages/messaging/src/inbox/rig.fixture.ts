// A database with an inbox, consumers of topics of their own on it, and what they have stored. No Kafka.

import { fileURLToPath } from 'node:url'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Decoder } from '../kafka/decode.ts'
import type { SourceRecord } from '../kafka/record.ts'
import { UnknownSchema } from '../kafka/registry.ts'
import type { BatchContext, Saved } from './apply.ts'
import type { BatchResult } from './batch.ts'
import { Committer } from './commit.ts'
import { entryOf } from './key-state.ts'
import { inboxMetrics } from './metrics.ts'
import type { ModelEvent, ModelKey, ModelRecord } from './model.fixture.ts'
import { makeModelTable, modelHandler, modelRegistry, modelTopic, recordOf } from './model-topic.fixture.ts'
import { Operator } from './operator.ts'
import { parkedEvents } from './parked-listing.ts'

const folder = (name: string) => ({ name, path: fileURLToPath(new URL(`../../migrations/${name}`, import.meta.url)) })

/** Nothing is asked at a scrape. */
export const silent = { lag: () => [], stalled: () => 0, parked: async () => ({ keys: [], oldest: 0 }) }

export type Context = BatchContext<string[], ModelEvent>
export type Result = Pick<BatchResult<string[], ModelEvent>, 'applied' | 'duplicates' | 'healed' | 'late'>
export type InboxRig = Awaited<ReturnType<typeof inboxRig>>

export async function inboxRig() {
  const database = await freshDatabase('inbox')
  await migrate(database.url, [folder('outbox'), folder('inbox'), folder('effects')])
  await makeModelTable(database.url)
  const pool = openPool({ url: database.url, name: 'inbox-test', max: 8, onIdleError: () => {} })

  /** A consumer of a topic of its own, and of keys that nobody else has; and its operator. */
  function consumer(over: Partial<Context> & { registry?: typeof modelRegistry } = {}) {
    const topic = over.topic ?? modelTopic(unique('events'))
    const topicId = crypto.randomUUID()
    const decoder = new Decoder(topic, over.registry ?? modelRegistry)
    const context: Context = { topic, handler: modelHandler, decoder, service: 'test', instance: 'test-1', ...over }
    const redriven: Saved<string[], ModelEvent>[] = []
    const metrics = new Registry()
    const operator = new Operator<string[], ModelEvent>({
      pool,
      context,
      logger: pino({ level: process.env.LOG_LEVEL ?? 'silent' }),
      metrics: inboxMetrics(metrics, silent),
      readRecord: async () => undefined,
      onSaved: (saved) => redriven.push(saved),
    })
    const committer = new Committer(pool, context)
    const commitRecords = async (records: SourceRecord[], from: number, next: number): Promise<Result> => {
      const entries = (await decoder.decodeAll(topicId, records)).map((record) => entryOf(record))
      const spans = new Map([[0, { from: BigInt(from), next: BigInt(next) }]])
      const results: BatchResult<string[], ModelEvent>[] = []
      await committer.commit({ topicId, entries, spans }, (result) => results.push(result))
      return {
        applied: results.flatMap(({ applied }) => applied),
        late: results.flatMap(({ late }) => late),
        duplicates: results.reduce((sum, { duplicates }) => sum + duplicates, 0),
        healed: results.reduce((sum, { healed }) => sum + healed, 0),
      }
    }
    const commit = (records: readonly ModelRecord[], from: number, next: number) =>
      commitRecords(records.map(recordOf), from, next)
    return {
      topic,
      topicId,
      context,
      operator,
      /** What redrives and discards have committed. */
      redriven,
      commitRecords,
      commit,
      /** Commits records whose places are 0, 1, ... in batches that end before these places. */
      async commitCut(records: readonly ModelRecord[], cuts: readonly number[] = []): Promise<Result[]> {
        const results: Result[] = []
        let from = 0
        for (const to of [...cuts, records.length]) {
          if (to <= from) continue
          results.push(await commit(records.slice(from, to), from, to))
          from = to
        }
        return results
      },
      /** As /ops names a record. */
      name: (place: number) => `${topicId}/0/${place}`,
      position: async () =>
        (await pool.query('SELECT next_offset FROM inbox_position WHERE topic_id = $1', [topicId])).rows[0]
          ?.next_offset,
      copies: async () =>
        (await pool.query('SELECT key, value, headers FROM outbox WHERE topic = $1 ORDER BY id', [topic.parkedName]))
          .rows,
    }
  }

  return {
    pool,
    url: database.url,
    consumer,
    async stored(key: string): Promise<ModelKey & { held: boolean }> {
      const keyState = (await pool.query('SELECT * FROM inbox_key WHERE key = $1', [key])).rows[0]
      const state = (await pool.query('SELECT events FROM model_key WHERE key = $1', [key])).rows[0]?.events ?? []
      const parked = await parkedEvents(pool, key)
      return {
        version: Number(keyState?.applied_version ?? 0),
        eventId: keyState?.event_id ?? null,
        state,
        parked: Object.fromEntries(parked.map(({ event, state }) => [event.split('/')[2], state])),
        held: keyState?.held ?? false,
      }
    },
    async close() {
      await pool.end()
      await database.drop()
    },
  }
}

export const event = (
  place: number,
  key: string,
  version: number,
  more: Partial<ModelEvent> = {},
): ModelRecord & { event: ModelEvent } => ({
  place: String(place),
  key,
  event: { id: `${key}-v${version}`, key, version, ...more },
})

export const poison = (place: number, key: string | null): ModelRecord => ({ place: String(place), key })

/** As `event` names them. */
export const ids = (key: string, ...versions: number[]) => versions.map((version) => `${key}-v${version}`)

/** A registry that has lost schema 8, of which `newer` makes records, until it is found. */
export function lossy() {
  let found = false
  return {
    find: () => {
      found = true
    },
    registry: {
      schemaOf: async (id: number) => {
        if (id === 8 && !found) throw new UnknownSchema('the registry has no schema 8')
        return modelRegistry.schemaOf(id)
      },
    },
  }
}

export const newer = (...args: Parameters<typeof event>) => {
  const record = recordOf(event(...args))
  record.value.writeUInt32BE(8, 1)
  return record
}
