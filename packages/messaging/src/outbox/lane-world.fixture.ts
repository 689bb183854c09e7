// A small model of what is around a table of lanes: a database in which two instances write, a Kafka that loses answers,
// another leader. A history is a list of numbers that choose, again and again, what happens next among all that can.
import assert from 'node:assert/strict'
import { type Chunk, type Command, type Event, type Failure, type Lane, LaneTable } from './lane-table.ts'
import type { AddedRow } from './outbox.ts'
import type { LaneRows } from './store.ts'

interface Row extends AddedRow {
  id: number
  key: Buffer
  version: number
  large: boolean
  state: 'open' | 'there' | 'aside' | 'gone'
}

/** Of one key, by one instance: locked, with its row, committed, and then (ours) answered. */
interface Transaction {
  key: string
  ours: boolean
  predecessor: string | null
  version: number
  row?: Row
  committed?: boolean
  /** Ours: the table that there was before it began. */
  table: LaneTable | undefined
}

interface Request {
  table: LaneTable
  chunks: readonly Chunk[]
  inLog: boolean
  refused?: Failure
}

interface Read {
  table: LaneTable
  lanes: readonly Lane[]
  acknowledged: ReadonlySet<string>[]
  complete: bigint
  found?: LaneRows[]
}

const keys = ['a', 'b', 'c', 'd']
const partitions = 2
const topic = 't'
const partitionOf = (key: string) => keys.indexOf(key) % partitions

export class World {
  table = new LaneTable(new Map([[topic, partitions]]))
  readonly rows: Row[] = []
  /** Each key as its row says it. */
  readonly #state = new Map<string, { version: number; eventId: string | null }>()
  readonly #transactions: Transaction[] = []
  /** Each key's versions, as they come into the log. */
  readonly log = new Map<string, number[]>()
  readonly #discarded = new Set<string>()
  readonly #requests: Request[] = []
  /** Given up by whoever sent them. */
  readonly #late: Request[] = []
  readonly #reads: Read[] = []
  readonly #timers: { table: LaneTable; event: Event }[] = []
  readonly #setsAside: { table: LaneTable; chunk: Chunk; cause: string }[] = []
  readonly #acknowledged: Chunk[] = []
  readonly #deleted: Chunk[] = []
  readonly #delivered = new Set<string>()
  readonly #sentFor = new Map<LaneTable, Set<string>>()
  /** How many rows went out that had not been read. */
  fromMemory = 0
  readonly #wasRead = new Set<string>()

  constructor() {
    this.#tell(this.table, { type: 'woken' })
  }

  /** Does one of all the things that could happen now, as likely as they may be. */
  step(choice: number): void {
    const steps = [
      ...weighted(3, this.#begins()),
      ...weighted(15, this.#ongoing()),
      ...weighted(2, this.#faults()),
      () => this.#tell(this.table, { type: 'look' }),
      () => this.#otherLeader(),
    ]
    steps[choice % steps.length]!()
  }

  /** Everything is answered, and nothing fails any more. */
  settle(): void {
    for (let n = 0; n < 5_000; n++) {
      const [first] = this.#ongoing()
      if (first) first()
      else if (this.rows.some((row) => row.state === 'there' && !this.#isBehind(row)))
        this.#tell(this.table, { type: 'woken' })
      else return
    }
    assert.fail('rule 9, all of it goes out: rows wait for ever')
  }

  #begins(): (() => void)[] {
    const isFree = (key: string, ours: boolean) =>
      !this.#transactions.some((one) => one.key === key && ((one.ours && ours) || !one.committed))
    return keys.flatMap((key) =>
      [true, true, false].flatMap((ours) => (isFree(key, ours) ? [() => this.#begin(key, ours)] : [])),
    )
  }

  /** What is under way goes on, and well. */
  #ongoing(): (() => void)[] {
    return [
      ...this.#transactions.map((one) => () => this.#goOn(one)),
      ...this.#reads.map((read) => () => this.#read(read)),
      ...this.#requests.map((request) => () => this.#send(request)),
      ...this.#timers.map((timer) => () => this.#tell(timer.table, take(this.#timers, timer).event)),
      ...this.#setsAside.map((one) => () => this.#setAside(one, false)),
      ...this.#late.map((request) => () => this.#append(take(this.#late, request))),
      ...(this.#acknowledged.length > 0 ? [() => this.#delete()] : []),
      ...(this.#deleted.length > 0
        ? [() => this.#tell(this.table, { type: 'deleted', chunks: this.#deleted.splice(0) })]
        : []),
    ]
  }

  #faults(): (() => void)[] {
    const aside = this.rows.filter(({ state }) => state === 'aside')
    return [
      () => this.#tell(this.table, { type: 'woken' }),
      () => this.#tell(this.table, { type: 'Kafka answers again' }),
      ...this.#requests.flatMap((request) => this.#sendFaults(request)),
      ...this.#reads.map((read) => () => {
        take(this.#reads, read)
        this.#timers.push({ table: read.table, event: { type: 'not read', lanes: read.lanes } })
      }),
      // A commit of ours whose outcome stays unknown.
      ...this.#transactions
        .filter(({ ours, committed }) => ours && committed)
        .map((one) => () => take(this.#transactions, one)),
      ...this.#transactions.filter(({ committed }) => !committed).map((one) => () => this.#abort(one)),
      ...this.#setsAside.map((one) => () => this.#setAside(one, true)),
      ...aside.map((row) => () => Object.assign(row, { state: 'there', large: false })),
      ...aside.map((row) => () => {
        row.state = 'gone'
        this.#discarded.add(row.eventId)
      }),
    ]
  }

  #begin(key: string, ours: boolean): void {
    const { version, eventId } = this.#state.get(key) ?? { version: 0, eventId: null }
    this.#transactions.push({
      key,
      ours,
      predecessor: eventId,
      version: version + 1,
      table: ours ? this.table : undefined,
    })
  }

  #goOn(one: Transaction): void {
    const { key, version, predecessor } = one
    if (!one.row) {
      const waits = this.rows.some(
        ({ eventId, state }) => eventId === predecessor && (state === 'there' || state === 'aside'),
      )
      const eventId = `${key}${version}-${this.rows.length}`
      one.row = {
        ...{ eventId, topic, hash: partitionOf(key), after: waits ? predecessor : null },
        ...{ key: Buffer.from(key), value: null, fingerprint: null, headers: '{}', bytes: 100, origin: 'us' },
        ...{ id: this.rows.length + 1, version, large: this.rows.length % 31 === 17, state: 'open' },
      }
      this.rows.push(one.row)
    } else if (!one.committed) {
      one.committed = true
      one.row.state = 'there'
      this.#state.set(key, { version, eventId: one.row.eventId })
      if (!one.ours) take(this.#transactions, one)
    } else {
      take(this.#transactions, one)
      const isExpected = one.table === this.table && !this.#delivered.has(one.row.eventId)
      this.#tell(this.table, isExpected ? { type: 'committed', rows: [one.row] } : { type: 'woken' })
    }
  }

  #abort(one: Transaction): void {
    take(this.#transactions, one)
    if (one.row) one.row.state = 'gone'
    if (one.row) this.#discarded.add(one.row.eventId)
  }

  /** First the statement, then its answer. */
  #read(read: Read): void {
    if (read.found) {
      const { table, lanes, found, complete } = take(this.#reads, read) as Required<Read>
      this.#tell(table, { type: 'read', lanes, found, complete })
      return
    }
    read.found = read.lanes.map((lane, n) => {
      const ofLane = this.#there(lane.partition)
      const aside = ofLane.filter(({ state }) => state === 'aside')
      const asideIds = aside.map(({ id }) => String(id))
      const from = lane.knownAside.every((id) => asideIds.includes(id)) ? lane.floor : lane.base
      const all = ofLane.filter(
        (row) =>
          row.id >= from && row.state === 'there' && !read.acknowledged[n]!.has(row.eventId) && !this.#isBehind(row),
      )
      const fits = (_: Row, i: number) => i < 3 && (i === 0 || (i + 1) * 100 <= lane.maxBytes)
      const rows = all.filter(fits)
      for (const { eventId } of rows) this.#wasRead.add(eventId)
      const first = rows[0] && { first: BigInt(rows[0].id) }
      return { rows, ...first, more: rows.length < all.length, aside: asideIds }
    })
  }

  #there = (partition: number) =>
    this.rows.filter(({ hash, state }) => hash === partition && (state === 'there' || state === 'aside'))

  #isBehind = (row: Row) => this.rows.some((one) => one.state === 'aside' && one.key.equals(row.key))

  /** It arrives, or is answered. */
  #send(request: Request): void {
    const { inLog, refused, chunks } = request
    if (inLog) this.#acknowledge(request)
    else if (refused) this.#fail(request, refused)
    else if (chunks.some(({ rows }) => rows.some((row) => (row as Row).large))) request.refused = 'too large'
    else this.#append(request)
  }

  #sendFaults(request: Request): (() => void)[] {
    const timeOut = () => this.#fail(request, 'unavailable')
    if (request.inLog || request.refused) return [timeOut]
    const refuse = () => {
      request.refused = 'refused'
    }
    // It arrives all the same, when it is tried again already.
    const late = () => {
      timeOut()
      this.#late.push(request)
    }
    return [timeOut, refuse, late]
  }

  #append(request: Request): void {
    request.inLog = true
    for (const { rows } of request.chunks) for (const row of rows) this.#intoLog(row as Row)
  }

  #intoLog({ key, version }: Row): void {
    const versions = this.log.get(key.toString()) ?? []
    const earlier = this.rows.filter(
      (row) => row.key.equals(key) && row.version < version && !this.#discarded.has(row.eventId),
    )
    for (const row of earlier)
      assert.ok(versions.includes(row.version), `rule 10, in order: ${key} has ${versions}, and then ${version}`)
    this.log.set(key.toString(), [...versions, version])
  }

  #acknowledge(request: Request): void {
    take(this.#requests, request)
    const { table, chunks } = request
    this.#acknowledged.push(...chunks)
    for (const { rows } of chunks)
      for (const { eventId } of rows) {
        this.#delivered.add(eventId)
        this.#sentFor.get(table)?.add(eventId) ?? this.#sentFor.set(table, new Set([eventId]))
      }
    this.#tell(table, { type: 'acknowledged', chunks })
  }

  #fail(request: Request, failure: Failure): void {
    take(this.#requests, request)
    this.#tell(request.table, { type: 'failed', chunks: request.chunks, failure, cause: 'of the model' })
  }

  #setAside(one: { table: LaneTable; chunk: Chunk; cause: string }, fails: boolean): void {
    const { table, chunk } = take(this.#setsAside, one)
    const [row] = chunk.rows as [Row]
    if (!fails && row.state === 'there') row.state = 'aside'
    const failed = { type: 'failed', chunks: [chunk], failure: 'refused', cause: 'of the model' } as const
    this.#tell(table, fails ? failed : { type: 'retry', lane: chunk.lane, failures: chunk.lane.failures })
  }

  #delete(): void {
    const chunks = this.#acknowledged.splice(0)
    for (const { rows } of chunks) for (const row of rows) (row as Row).state = 'gone'
    this.#deleted.push(...chunks)
  }

  /** Publishes what waits, some of it without deleting it; then we lead again. What we have sent may still arrive. */
  #otherLeader(): void {
    this.table.on({ type: 'dropped' })
    for (let partition = 0; partition < partitions; partition++)
      for (const row of this.#there(partition))
        if (row.state === 'there' && !row.large && !this.#isBehind(row)) {
          const waits = this.rows.some(
            (one) => one.key.equals(row.key) && one.version < row.version && one.state === 'there',
          )
          if (waits) continue
          this.#intoLog(row)
          row.state = 'gone'
          this.#delivered.add(row.eventId)
        }
    this.table = new LaneTable(new Map([[topic, partitions]]))
    this.#tell(this.table, { type: 'woken' })
  }

  #tell(table: LaneTable, event: Event): void {
    for (const command of table.on(event)) this.#carryOut(table, command)
    this.#check()
  }

  #carryOut(table: LaneTable, command: Command): void {
    switch (command.do) {
      case 'read': {
        const open = this.rows.filter(({ state }) => state === 'open').map(({ id }) => id)
        const complete = BigInt(open.length > 0 ? Math.min(...open) - 1 : this.rows.length)
        const acknowledged = command.lanes.map((lane) => new Set(lane.acknowledged))
        this.#reads.push({ table, lanes: command.lanes, acknowledged, complete })
        break
      }
      case 'send': {
        const all = command.chunks.flatMap(({ rows }) => rows)
        assert.equal(new Set(all).size, all.length, 'rule 24, sent once: an event is twice in a request')
        for (const { lane, rows } of command.chunks) {
          const busy = this.#requests.some(
            (one) => one.table === table && one.chunks.some((chunk) => chunk.lane === lane),
          )
          assert.ok(!busy, 'rule 9, one send in flight: a lane has two')
          for (const { eventId } of rows) {
            assert.ok(
              !this.#sentFor.get(table)?.has(eventId),
              `rule 24, sent once: ${eventId} was acknowledged already`,
            )
            if (!this.#wasRead.has(eventId)) this.fromMemory++
          }
        }
        this.#requests.push({ table, chunks: command.chunks, inLog: false })
        break
      }
      case 'set aside':
        this.#setsAside.push({ table, chunk: command.chunk, cause: command.cause })
        break
      case 'back off':
        this.#timers.push({ table, event: { type: 'retry', lane: command.lane, failures: command.failures } })
    }
  }

  /** Below a floor nothing is left that could be read. */
  #check(): void {
    for (const { partition, floor, base, acknowledged } of this.table.lanes)
      for (const row of this.rows) {
        if (row.hash !== partition || row.state === 'gone' || acknowledged.has(row.eventId)) continue
        const isHidden = row.state === 'aside' || this.#isBehind(row)
        assert.ok(
          row.id >= (isHidden ? base : floor) || this.#wasHidden(row),
          `rule 9, floors: ${row.id} is below ${floor}`,
        )
      }
  }

  /** Set aside when the floor passed it: the next read begins at the base. */
  #wasHidden = (row: Row) => {
    const lane = this.table.lanes.find(({ partition }) => partition === row.hash)!
    const aside = this.rows.filter(({ state }) => state === 'aside').map(({ id }) => String(id))
    return row.id >= lane.base && !lane.knownAside.every((id) => aside.includes(id))
  }
}

const weighted = <T>(weight: number, ones: readonly T[]): T[] => Array.from({ length: weight }, () => ones).flat()

function take<T>(from: T[], one: T): T {
  from.splice(from.indexOf(one), 1)
  return one
}
