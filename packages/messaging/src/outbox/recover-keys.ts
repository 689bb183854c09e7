// Rule 12: judges keys by all that was read of them in the log, some at a time, each group in a transaction.
import { sqlFault, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { type Decoder, SchemasMissing } from '../kafka/decode.ts'
import {
  nextStaged,
  removeStaged,
  type Staged,
  type StagedRecord,
  stagedRecords,
  updateStaged,
} from './recovery-staging.ts'
import { dropRows, removeRows, unpublishedOf } from './recovery-store.ts'
import { type Evidence, judge, type Range, type Verdict } from './recovery-verdict.ts'

/** Why nothing may be written to a key until an operator decides. */
export interface Hold {
  /** `refused`: the database does not take what the log holds of it. */
  cause: 'gap' | 'undecodable' | 'refused'
  /** For a person. */
  detail: string
  missing: Range[]
  /** The highest version that the log holds and that can be read, if it is above the key's. */
  newest: number | null
}

/** What becomes of a key. */
interface Recovered<Event> {
  key: string
  /** It becomes what this says; undefined: it stays what it is. */
  event: Event | undefined
  hold: Hold | undefined
}

/** The keys of the service, as recovery meets them. */
export interface KeyTable<Event> {
  /** Their versions, locked until the transaction ends. What does not exist is made first, at version 0, so that nobody else makes it. */
  lock(tx: Tx, keys: readonly string[]): Promise<Map<string, number>>
  save(tx: Tx, recovered: readonly Recovered<Event>[]): Promise<void>
}

interface RecoverOptions<Event> {
  pool: Pool
  topic: { name: string; versionHeader: string }
  topicId: string
  decoder: Decoder<Event>
  table: KeyTable<Event>
  /** Throws where the transaction is in another database than the one whose records are judged. */
  assertSame(tx: Tx): void
  /** After each commit. */
  onRecovered(recovered: RecoveredGroup<Event>): void
}

export interface RecoveredGroup<Event> {
  recovered: readonly Recovered<Event>[]
  dropped: readonly { key: string; eventId: string }[]
}

/** Bounds a group's memory, and how long its keys are locked. */
const mostTogether = 5_000

export async function recoverKeys<Event>(options: RecoverOptions<Event>): Promise<void> {
  let after = ''
  for (;;) {
    const { staged, more } = await nextStaged(options.pool, after, mostTogether)
    if (staged.length === 0) return
    const { recovered } = await recoverGroup(options, staged)
    // The rest of a key with many records comes next; of one that is held everything stays.
    if (!more || recovered[0]?.hold) after = staged.at(-1)!.key
  }
}

async function recoverGroup<Event>(
  options: RecoverOptions<Event>,
  staged: readonly Staged[],
): Promise<RecoveredGroup<Event>> {
  let group: RecoveredGroup<Event>
  try {
    group = await transaction(options.pool, (tx) => recoverLocked(tx, options, staged))
  } catch (error) {
    if (error instanceof SchemasMissing) {
      await options.decoder.learn(error.ids)
      return recoverGroup(options, staged)
    }
    if (error instanceof SchemaGone) {
      const { id, message } = error
      const unread = { version: null, eventId: null, detail: message }
      await updateStaged(options.pool, { id, ...unread })
      return recoverGroup(
        options,
        staged.map((record) => (record.id === id ? { ...record, ...unread } : record)),
      )
    }
    if (sqlFault(error) !== 'row') throw error
    // As in rule 17: a key that the database refuses does not hold up all others.
    const byKey = [...Map.groupBy(staged, ({ key }) => key)]
    const [[key]] = byKey as [[string, Staged[]]]
    if (byKey.length === 1) group = await holdRefused(options, key, staged, error as Error)
    else {
      const results = []
      for (const [, records] of byKey) results.push(await recoverGroup(options, records))
      return {
        recovered: results.flatMap(({ recovered }) => recovered),
        dropped: results.flatMap(({ dropped }) => dropped),
      }
    }
  }
  options.onRecovered(group)
  return group
}

async function recoverLocked<Event>(
  tx: Tx,
  { topic, topicId, decoder, table, assertSame }: RecoverOptions<Event>,
  staged: readonly Staged[],
): Promise<RecoveredGroup<Event>> {
  assertSame(tx)
  const byKey = Map.groupBy(staged, ({ key }) => key)
  const keys = [...byKey.keys()]
  const versions = await table.lock(tx, keys)
  const unpublished = await unpublishedOf(tx, topic, keys)

  const judged = keys.map((key) => {
    const version = versions.get(key) ?? 0
    const evidence = evidenceOf(version, unpublished.get(key) ?? [], byKey.get(key)!)
    return { key, version, evidence, verdict: judge(evidence) }
  })
  const takenOver = judged.flatMap(({ evidence, verdict }) =>
    verdict.becomes === undefined ? [] : evidence.log.get(verdict.becomes)!.at,
  )
  const events = eventsOf(decoder, topicId, takenOver.length > 0 ? await stagedRecords(tx, takenOver) : [])
  const recovered = judged.map(({ key, version, evidence, verdict }) => ({
    key,
    event: verdict.becomes === undefined ? undefined : events.get(key),
    hold: verdict.hold && holdOf(verdict, verdict.becomes ?? version, evidence, byKey.get(key)!),
  }))
  const dropped = judged.flatMap(({ key, verdict }) => verdict.dropped.map((eventId) => ({ key, eventId })))

  await table.save(tx, recovered)
  const published = judged.flatMap(({ verdict }) => verdict.published)
  await removeRows(tx, published)
  const droppedIds = dropped.map(({ eventId }) => eventId)
  await dropRows(tx, droppedIds)
  // What a held key was judged by is looked at again, with what comes later.
  const done = judged.filter(({ verdict }) => !verdict.hold).flatMap(({ key }) => byKey.get(key)!.map(({ id }) => id))
  await removeStaged(tx, done)
  return { recovered, dropped }
}

function evidenceOf(version: number, unpublished: Evidence['unpublished'], staged: readonly Staged[]): Evidence {
  const log = new Map<number, { eventId: string; at: number }>()
  const unreadable: number[] = []
  for (const { id, version, eventId } of staged) {
    if (version === null || eventId === null) unreadable.push(id)
    else if (!log.has(version)) log.set(version, { eventId, at: id })
  }
  return { version, unpublished, log, unreadable }
}

/** By key. They were read when they were staged. */
function eventsOf<Event>(
  decoder: Decoder<Event>,
  topicId: string,
  records: readonly StagedRecord[],
): Map<string, Event> {
  const events = new Map<string, Event>()
  for (const record of records) {
    const { key, decoded, fault } = decoder.decode(topicId, record)
    if (!decoded) throw new SchemaGone(record.id, `${fault?.cause}: ${fault?.detail}`)
    events.set(key, decoded.event)
  }
  return events
}

/** A record that was read before, perhaps by another process: its schema is gone since. */
class SchemaGone extends Error {
  override readonly name = 'SchemaGone'
  readonly id: number

  constructor(id: number, detail: string) {
    super(detail)
    this.id = id
  }
}

function holdOf({ hold }: Verdict, version: number, { log }: Evidence, staged: readonly Staged[]): Hold {
  const { cause, missing } = hold!
  const newest = Math.max(0, ...log.keys())
  const above = newest > version ? newest : null
  const gaps = missing.map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`)).join(', ')
  const gap = gaps && `the log holds version ${newest}, and these versions below it are missing: ${gaps}`
  const unread = staged.findLast(({ version }) => version === null)?.detail
  return { cause, missing, newest: above, detail: [cause === 'undecodable' && unread, gap].filter(Boolean).join('; ') }
}

async function holdRefused<Event>(
  { pool, table, assertSame }: RecoverOptions<Event>,
  key: string,
  staged: readonly Staged[],
  refusal: Error,
): Promise<RecoveredGroup<Event>> {
  const newest = Math.max(0, ...staged.map(({ version }) => version ?? 0))
  const detail = `the database refuses what the log holds of it: ${refusal.message}`
  const hold = { cause: 'refused' as const, missing: [], newest, detail }
  return transaction(pool, async (tx) => {
    assertSame(tx)
    await table.lock(tx, [key])
    const held = [{ key, event: undefined, hold }]
    await table.save(tx, held)
    return { recovered: held, dropped: [] }
  })
}
