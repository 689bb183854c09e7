// The inbox and its operator as a history drives them: real, on a real database, which each history finds empty.

import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Decoder } from '../kafka/decode.ts'
import { UnknownSchema } from '../kafka/registry.ts'
import type { BatchContext } from './apply.ts'
import { Committer } from './commit.ts'
import type { Applied } from './inbox.ts'
import { InterruptedPool } from './interrupted-pool.fixture.ts'
import { entryOf } from './key-state.ts'
import { inboxMetrics } from './metrics.ts'
import { apply, type DiscardOf, type ModelEvent, type ModelRecord, repaired, topicName } from './model.fixture.ts'
import { modelRegistry, modelTopic, recordOfHistory } from './model-topic.fixture.ts'
import { Operator } from './operator.ts'
import type { causes } from './random-history.fixture.ts'
import { type InboxRig, silent } from './rig.fixture.ts'
import { dueKeys, placePosition } from './store.ts'

const named = { '': {}, skip: { skipVersion: true }, drop: { dropWaiting: true } }

type Context = BatchContext<string[], ModelEvent>
export type Subject = Awaited<ReturnType<typeof historySubject>>

const topic = modelTopic(topicName)
const topicId = '0198a000-0000-7000-8000-000000000001'
const knownSchema = 7
const operatorName = { operator: 'ann' }

/** No power cut is played here: thousands of commits need not wait for the disk. */
export const makeHistoryTable = ({ pool }: InboxRig) =>
  pool.query(`CREATE TABLE history_key (key text PRIMARY KEY, events text[], bad boolean CHECK (NOT bad));
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)

const empty = [
  'inbox_position',
  'inbox_key',
  'parked',
  'topic_keys',
  'parking_audit',
  'discarded',
  'outbox',
  'history_key',
]
  .map((table) => `DELETE FROM ${table}`)
  .join(';')

/** All that is stored and that the model knows, in one query. */
const everything = `SELECT
  (SELECT next_offset::int FROM inbox_position) AS position,
  (SELECT coalesce(json_object_agg(k.key, json_build_object(
     'version', applied_version, 'eventId', event_id, 'held', held, 'events', coalesce(events, '{}'))), '{}')
   FROM inbox_key AS k LEFT JOIN history_key AS h USING (key)) AS "keyStates",
  (SELECT coalesce(json_object_agg(key || CASE WHEN keyless THEN ' - ' ELSE ' ' END || record_offset,
     json_build_object('state', state, 'cause', cause, 'version', version, 'tries', CASE state WHEN 'head' THEN attempts END)
     ), '{}') FROM parked) AS parked,
  (SELECT coalesce(array_agg(split_part(headers ->> 'inorder-source', '/', 3) ORDER BY id), '{}') FROM outbox) AS copies`

export interface Stored {
  position: number | null
  keyStates: Record<string, { version: number; eventId: string | null; held: boolean; events: string[] }>
  /** By key and place; ` - ` between them: it belongs to no key. */
  parked: Record<string, { state: string; cause: string; version: number | null; tries: number | null }>
  copies: string[]
}

export async function historySubject(rig: InboxRig) {
  await rig.pool.query(empty)
  // As the first assignment does.
  await placePosition(rig.pool, { id: topicId, name: topic.name }, 0, 0n)
  const interrupted = new InterruptedPool(rig.pool)
  const { pool } = interrupted
  const repairs: number[] = []
  /** What the service was told of: of a batch, and by a redrive. */
  const told: Applied<string[], ModelEvent>[] = []

  const registry = {
    schemaOf: async (id: number) => {
      if (id !== knownSchema && !repairs.includes(id - knownSchema)) throw new UnknownSchema(`no schema ${id}`)
      return modelRegistry.schemaOf(id)
    },
  }
  const isBad = (events: string[]) =>
    events.some((id) => {
      const repair = /-unsavable-(\d)/.exec(id)?.[1]
      return repair !== undefined && !repairs.includes(Number(repair))
    })
  const handler: Context['handler'] = {
    async load(tx, keys) {
      const { rows } = await tx.query('SELECT key, events FROM history_key WHERE key = ANY($1)', [keys])
      return new Map(rows.map((row) => [row.key, row.events]))
    },
    apply: (state, event) => ({ state: apply(state, repaired(repairs, event)) }),
    async save(tx, changed) {
      const rows = [...changed].map(([key, events]) => ({ key, events, bad: isBad(events) }))
      await tx.query(
        `INSERT INTO history_key SELECT * FROM json_to_recordset($1) AS r (key text, events text[], bad boolean)
         ON CONFLICT (key) DO UPDATE SET events = excluded.events, bad = excluded.bad`,
        [JSON.stringify(rows)],
      )
    },
  }

  function start() {
    const context: Context = {
      topic,
      handler,
      decoder: new Decoder(topic, registry),
      service: 'test',
      instance: 'test-1',
    }
    const operator = new Operator<string[], ModelEvent>({
      pool,
      context,
      logger: pino({ level: process.env.LOG_LEVEL ?? 'silent' }),
      metrics: inboxMetrics(new Registry(), silent),
      readRecord: async () => undefined,
      onSaved: (saved) => told.push(...saved.applied),
    })
    return { context, operator, committer: new Committer(pool, context) }
  }
  let { context, operator, committer } = start()

  return {
    interrupted,
    told,
    /** As if the registry's last answer were forgotten, which takes 5 s. */
    async repair(repair: number): Promise<void> {
      repairs.push(repair)
      await context.decoder.learn([knownSchema + repair])
    },
    restart() {
      ;({ context, operator, committer } = start())
    },
    /** Gives the positions that it said were stored. */
    async batch(from: number, next: number, records: readonly ModelRecord[]): Promise<number[]> {
      const decoded = await context.decoder.decodeAll(topicId, records.map(recordOfHistory))
      const entries = decoded.map((record) => entryOf(record))
      const spans = new Map([[0, { from: BigInt(from), next: BigInt(next) }]])
      const positions: number[] = []
      const batch = committer.commit({ topicId, entries, spans }, (result) => {
        told.push(...result.applied)
        for (const position of result.positions.values()) positions.push(Number(position))
      })
      return batch.then(
        () => positions,
        (error) => Promise.reject(Object.assign(error, { positions })),
      )
    },
    redrive: (key: string, dryRun: boolean) => operator.redrive(key, { ...operatorName, dryRun }),
    async redriveAll(cause: (typeof causes)[number], dryRun: boolean) {
      const all = await operator.redriveAll(cause, { ...operatorName, dryRun })
      if ('refused' in all) throw new Error(all.detail)
      return all
    },
    discard: (key: string, place: string, how: DiscardOf) =>
      operator.discard(key, { ...operatorName, event: `${topicId}/0/${place}`, reason: 'a test', ...named[how] }),
    /** What keys are due for. */
    async goOn(): Promise<void> {
      for (const key of await dueKeys(rig.pool, 100)) await operator.goOn(key)
    },
    rewind: (position: number) => rig.pool.query('UPDATE inbox_position SET next_offset = $1', [position]),
    async stored(): Promise<Stored> {
      return (await rig.pool.query({ name: 'everything', text: everything })).rows[0]
    },
  }
}
