// Rule 18: an operator lets an order go on, with or without the record that holds it up. One transaction an order, under
// the row that its batches lock too, with their decisions: whoever comes second finds what the first has left.
import type { Discard, Redriven, Refused, Standing } from '@inorder/contracts/ops.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import { applyEntries, type Saved } from '../inbox/apply.ts'
import type { BatchContext } from '../inbox/batch.ts'
import { type Entry, placeName } from '../inbox/order.ts'
import { lockOrder } from '../inbox/store.ts'
import { addAudit, discardAnswer } from './audit.ts'
import { lockParked, type ParkedRecord, savePlaces } from './store.ts'

export interface Action {
  readonly orderId: string
  readonly operator: string
  /** The answer alone is wanted: not audited, and the caller rolls back. */
  readonly dryRun: boolean
  readonly discard?: Discard
}

export interface Done<State, Event> {
  readonly answer: Redriven
  /** Undefined: it was done before, and this is the answer that it got. */
  readonly saved: Saved<State, Event> | undefined
}

export async function redriveOrder<State, Event>(
  tx: Tx,
  action: Action,
  context: BatchContext<State, Event>,
  singly: boolean,
): Promise<Done<State, Event> | Refused> {
  const { orderId, discard } = action
  // 1. The order's row; in the next statement what is parked of it (rule 14).
  const locked = await lockOrder<State, Event>(tx, orderId)
  const order = locked.orders.get(orderId)!
  // What belongs to none may bear the name of an order that arrives only now, which nobody has locked: not ours to touch.
  const isLocked = locked.created.length === 0
  const parked = (await lockParked(tx, orderId)).filter((row) => row.orderless || isLocked)
  const read = ({ topicId, record, place }: ParkedRecord) => context.decoder.entry(topicId, record, place)

  // 2. What is discarded, if it may be.
  const target = discard && parked.find((row) => nameOf(row) === discard.event)
  if (discard && !target) {
    const answer = await discardAnswer(tx, orderId, discard.event)
    if (answer) return { answer, saved: undefined }
  }
  if (parked.length === 0) return { refused: 'nothing-parked', detail: `Nothing is parked of ${orderId}.` }
  const before = standing(order.version, parked, target)
  const own = parked.filter((row) => row !== target && isOfOrder(row)).map(read)
  if (discard) {
    if (!target || !mayGo(target)) return notHead(discard, parked)
    const version = isHead(target) ? (read(target).version ?? target.version) : 0
    const next = order.version + 1
    if (version === next && !discard.skipVersion) {
      const detail = `${discard.event} is version ${next}: without it the order goes on only with skipVersion: true.`
      return { refused: 'version-not-skipped', detail }
    }
    // A head that cannot be read may have been the next version, if that is not among the others.
    const mayBeNext = version === null && own.every((entry) => entry.version !== next)
    if (discard.skipVersion && (version === next || mayBeNext)) {
      order.version = next
      order.eventId = null
    }
  }

  // 3. The others, read anew. One whose key and body disagree, now that it can be read, moves out of the order.
  const strays = own.filter((entry) => entry.orderless)
  const turns = inTurn(own.filter((entry) => !entry.orderless))
  const gone = [...(target ? [read(target)] : []), ...strays].map((entry) => ({ ...entry, orderId, place: undefined }))
  await savePlaces(tx, context.topic.name, gone)
  const moving = strays.map((entry) => ({ ...entry, before: undefined, place: undefined }))
  const saved = await applyEntries(tx, [...turns, ...moving], locked, context, singly)

  // 4. What to answer, and to remember.
  const entries = new Map([...turns, ...gone].map((entry) => [nameOfEntry(entry), entry]))
  const left = parked.flatMap((row) => {
    const entry = entries.get(nameOf(row))
    if (!entry) return row
    return entry.place ? { ...row, place: entry.place, version: entry.version } : []
  })
  const stopped = holdsUp(left)
  const answer: Redriven = {
    orderId,
    applied: saved.applied.length,
    remaining: left.length,
    ...(stopped && { stoppedAt: nameOf(stopped) }),
  }
  if (action.dryRun) {
    const applied = new Set(saved.applied.map(({ event }) => event))
    const events = [...turns, ...moving].map((entry) => foreseen(entry, applied))
    return { answer: { ...answer, events }, saved }
  }
  await addAudit(tx, action, before, standing(order.version, left), answer)
  return { answer, saved }
}

const nameOf = ({ topicId, record }: ParkedRecord) => placeName(topicId, record)
const nameOfEntry = <Event>(entry: Entry<Event>) => placeName(entry.topicId, entry)
/** Conflicts, and what only bears the order's name, are nobody's turn: they stay until they are discarded. */
const isOfOrder = ({ orderless, place }: ParkedRecord) => !orderless && place.state !== 'conflict'
const isHead = ({ orderless, place }: ParkedRecord) => !orderless && place.state === 'head'
const mayGo = (row: ParkedRecord) => isHead(row) || !isOfOrder(row)

/** What cannot be read has no trusted version: it keeps its place, and nothing that came after it may pass. */
function inTurn<Event>(entries: readonly Entry<Event>[]): Entry<Event>[] {
  const poison = entries.findIndex(({ decoded }) => !decoded)
  const end = poison < 0 ? entries.length : poison
  const versionOf = ({ version }: Entry<Event>) => version ?? 0
  return [...entries.slice(0, end).sort((a, b) => versionOf(a) - versionOf(b)), ...entries.slice(end)]
}

/** The head, or the first that waits for a missing version. */
function holdsUp(rows: readonly ParkedRecord[]): ParkedRecord | undefined {
  const waiting = rows.filter(({ orderless, place }) => !orderless && place.state === 'waiting')
  const [first] = waiting.sort((a, b) => (a.version ?? 0) - (b.version ?? 0))
  return rows.find(isHead) ?? first ?? rows.find(({ orderless }) => orderless)
}

function standing(appliedVersion: number, rows: readonly ParkedRecord[], row = holdsUp(rows)): Standing {
  const event = row && {
    event: nameOf(row),
    ...row.place,
    version: row.version,
    parkedAt: row.parkedAt.toISOString(),
  }
  return { appliedVersion, parked: rows.length, event: event ?? null }
}

function notHead({ event }: Discard, parked: readonly ParkedRecord[]): Refused {
  const head = parked.find(isHead)
  const instead = head ? `the head is ${nameOf(head)}` : 'the order has no head'
  return { refused: 'not-the-head', detail: `${event} is no head, conflict or record without an order; ${instead}.` }
}

function foreseen<Event>(entry: Entry<Event>, applied: ReadonlySet<Event>) {
  const { version, decoded, place } = entry
  const becomes = place?.state ?? (decoded && applied.has(decoded.event) ? 'applied' : 'duplicate')
  return { event: nameOfEntry(entry), version, becomes, cause: place?.cause ?? null, detail: place?.detail ?? null }
}
