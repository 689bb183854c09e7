// Rule 12: judges orders by all that was read of them in the log, some at a time, each group in a transaction.
import { sqlFault, type Tx, transaction } from '@inorder/storage/transaction.ts'
import type { Pool } from 'pg'
import { type Decoder, SchemasMissing } from '../kafka/decode.ts'
import {
  markUnreadable,
  nextStaged,
  removeStaged,
  type Staged,
  type StagedRecord,
  stagedRecords,
} from './recovery-staging.ts'
import { dropRows, removeRows, unpublishedOf } from './recovery-store.ts'
import { type Evidence, judge, type Range, type Verdict } from './recovery-verdict.ts'

/** Why nothing may be written to an order until an operator decides. */
export interface Hold {
  /** `refused`: the database does not take what the log holds of it. */
  cause: 'gap' | 'undecodable' | 'refused'
  /** For a person. */
  detail: string
  missing: Range[]
  /** The highest version that the log holds and that can be read, if it is above the order's. */
  newest: number | null
}

/** What becomes of an order. */
export interface Recovered<Event> {
  orderId: string
  /** It becomes what this says; undefined: it stays what it is. */
  event: Event | undefined
  hold: Hold | undefined
}

/** The orders of the service, as recovery meets them. */
export interface OrderTable<Event> {
  /** Their versions, locked until the transaction ends. What does not exist is made first, at version 0, so that nobody else makes it. */
  lock(tx: Tx, orderIds: readonly string[]): Promise<Map<string, number>>
  save(tx: Tx, orders: readonly Recovered<Event>[]): Promise<void>
}

export interface RecoverOptions<Event> {
  pool: Pool
  topicName: string
  topicId: string
  decoder: Decoder<Event>
  orders: OrderTable<Event>
  /** Throws where the transaction is in another database than the one whose records are judged. */
  assertSame(tx: Tx): void
  /** After each commit. */
  onRecovered(recovered: RecoveredGroup<Event>): void
}

export interface RecoveredGroup<Event> {
  orders: readonly Recovered<Event>[]
  dropped: readonly { orderId: string; eventId: string }[]
}

/** Bounds a group's memory, and how long its orders are locked. */
const mostTogether = 5_000

export async function recoverOrders<Event>(options: RecoverOptions<Event>): Promise<void> {
  let after = ''
  for (;;) {
    const { staged, more } = await nextStaged(options.pool, after, mostTogether)
    if (staged.length === 0) return
    const { orders } = await recoverGroup(options, staged)
    // The rest of a long order comes next; of one that is held everything stays.
    if (!more || orders[0]?.hold) after = staged.at(-1)!.orderId
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
    if (error instanceof Unreadable) {
      const { id, message } = error
      await markUnreadable(options.pool, id, message)
      const unread = { version: null, eventId: null, detail: message }
      return recoverGroup(
        options,
        staged.map((record) => (record.id === id ? { ...record, ...unread } : record)),
      )
    }
    if (sqlFault(error) !== 'row') throw error
    // As in rule 17: an order that the database refuses does not hold up all others.
    const byOrder = [...Map.groupBy(staged, ({ orderId }) => orderId)]
    const [[orderId]] = byOrder as [[string, Staged[]]]
    if (byOrder.length === 1) group = await holdRefused(options, orderId, staged, error as Error)
    else {
      const alone = []
      for (const [, records] of byOrder) alone.push(await recoverGroup(options, records))
      return { orders: alone.flatMap(({ orders }) => orders), dropped: alone.flatMap(({ dropped }) => dropped) }
    }
  }
  options.onRecovered(group)
  return group
}

async function recoverLocked<Event>(
  tx: Tx,
  { topicName, topicId, decoder, orders, assertSame }: RecoverOptions<Event>,
  staged: readonly Staged[],
): Promise<RecoveredGroup<Event>> {
  assertSame(tx)
  const byOrder = Map.groupBy(staged, ({ orderId }) => orderId)
  const orderIds = [...byOrder.keys()]
  const versions = await orders.lock(tx, orderIds)
  const unpublished = await unpublishedOf(tx, topicName, orderIds)

  const judged = orderIds.map((orderId) => {
    const version = versions.get(orderId) ?? 0
    const evidence = evidenceOf(version, unpublished.get(orderId) ?? [], byOrder.get(orderId)!)
    return { orderId, version, evidence, verdict: judge(evidence) }
  })
  const adopted = judged.flatMap(({ evidence, verdict }) =>
    verdict.adopt === undefined ? [] : evidence.log.get(verdict.adopt)!.at,
  )
  const events = eventsOf(decoder, topicId, adopted.length > 0 ? await stagedRecords(tx, adopted) : [])
  const recovered = judged.map(({ orderId, version, evidence, verdict }) => ({
    orderId,
    event: verdict.adopt === undefined ? undefined : events.get(orderId),
    hold: verdict.hold && holdOf(verdict, verdict.adopt ?? version, evidence, byOrder.get(orderId)!),
  }))
  const dropped = judged.flatMap(({ orderId, verdict }) => verdict.dropped.map((eventId) => ({ orderId, eventId })))

  await orders.save(tx, recovered)
  await removeRows(
    tx,
    judged.flatMap(({ verdict }) => verdict.published),
  )
  await dropRows(
    tx,
    dropped.map(({ eventId }) => eventId),
  )
  // What a held order was judged by is looked at again, with what comes later.
  const done = judged.filter(({ verdict }) => !verdict.hold).flatMap(({ orderId }) => byOrder.get(orderId)!)
  await removeStaged(
    tx,
    done.map(({ id }) => id),
  )
  return { orders: recovered, dropped }
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

/** By order. They were read when they were staged. */
function eventsOf<Event>(
  decoder: Decoder<Event>,
  topicId: string,
  records: readonly StagedRecord[],
): Map<string, Event> {
  const events = new Map<string, Event>()
  for (const record of records) {
    const { orderId, decoded, fault } = decoder.decode(topicId, record)
    if (!decoded) throw new Unreadable(record.id, `${fault?.cause}: ${fault?.detail}`)
    events.set(orderId, decoded.event)
  }
  return events
}

/** A record that was read before, perhaps by another process: its schema is gone since. */
class Unreadable extends Error {
  override readonly name = 'Unreadable'
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
  { pool, orders, assertSame }: RecoverOptions<Event>,
  orderId: string,
  staged: readonly Staged[],
  refusal: Error,
): Promise<RecoveredGroup<Event>> {
  const newest = Math.max(0, ...staged.map(({ version }) => version ?? 0))
  const detail = `the database refuses what the log holds of it: ${refusal.message}`
  const hold = { cause: 'refused' as const, missing: [], newest, detail }
  return transaction(pool, async (tx) => {
    assertSame(tx)
    await orders.lock(tx, [orderId])
    const held = [{ orderId, event: undefined, hold }]
    await orders.save(tx, held)
    return { orders: held, dropped: [] }
  })
}
