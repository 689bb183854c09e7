import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { migrationsOf } from '@inorder/service/migrations.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { transaction } from '@inorder/storage/transaction.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import { until } from '@inorder/testing/until.ts'
import fc from 'fast-check'
import pg from 'pg'
import { pino } from 'pino'
import { allocate } from './allocation.ts'
import { mostChanges, readRound, writeRound } from './allocation-store.ts'
import { Allocator, allocateRound } from './allocator.ts'
import type { Line } from './demand.ts'
import { demandHandler } from './handlers.ts'
import { orderEvent } from './orders.fixture.ts'
import { StockModel, served } from './stock-model.fixture.ts'
import { findReservation, findStock, setOnHand } from './store.ts'

const silent = pino({ level: 'silent' })
let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: pg.Pool

before(async () => {
  database = await freshDatabase('inventory')
  await migrate(database.url, migrationsOf('inventory', new URL('../migrations', import.meta.url)))
  pool = openPool({ url: database.url, name: 'test', max: 4 })
})
after(async () => {
  await pool.end()
  await database.drop()
})

interface Happening {
  orderId: string
  status: string
  lines: readonly Line[]
}

/** One batch of the inbox: its events applied in order, the states they lead to saved once. */
const batch = (...events: Happening[]) => transaction(pool, (tx) => applyBatch(tx, events))

async function applyBatch(tx: Pick<pg.ClientBase, 'query'>, events: readonly Happening[]): Promise<void> {
  const states = await demandHandler.load(
    tx,
    events.map(({ orderId }) => orderId),
  )
  const changed = new Map<string, typeof states extends Map<string, infer S> ? S : never>()
  for (const { orderId, status, lines } of events) {
    const { state } = demandHandler.apply(
      changed.get(orderId) ?? states.get(orderId),
      orderEvent(orderId, status, lines),
    )
    changed.set(orderId, state)
  }
  await demandHandler.save(tx, changed, [])
}

/** The allocator's rounds, until there is nothing to do; how many there were. */
async function look(limit = mostChanges): Promise<number> {
  let rounds = 0
  while (await allocateRound(pool, limit)) rounds++
  return rounds
}

const of = (itemId: string, quantity = 1): Line => ({ itemId, quantity })
const fresh = (orderId: string, ...lines: Line[]): Happening => ({ orderId, status: 'new', lines })
const statusOf = async (orderId: string) => (await findReservation(pool, orderId))?.status
const stockOf = async (itemId: string) => {
  const { onHand, reserved } = (await findStock(pool, itemId)) ?? assert.fail(`no ${itemId}`)
  return [onHand, reserved]
}

interface StockRow {
  id: string
  on_hand: number
  reserved: number
  received: number
  shipped: number
}
interface OrderRow {
  id: string
  state: string
  lines: Line[]
  status: string
  short: Line[]
}

/** What must hold of everything whose id begins like this, when the allocator has nothing to do. */
async function assertSound(prefix: string): Promise<{ orders: OrderRow[]; stock: StockRow[] }> {
  const { rows: stock } = await pool.query<StockRow>(
    `SELECT item_id AS id, on_hand::float8, reserved::float8, received::float8, shipped::float8
     FROM stock WHERE starts_with(item_id, $1)`,
    [prefix],
  )
  const { rows: orders } = await pool.query<OrderRow>(
    `SELECT order_id AS id, state, lines, status, short FROM demand LEFT JOIN reservation USING (order_id)
     WHERE starts_with(order_id, $1) ORDER BY arrival`,
    [prefix],
  )
  const sum = (rows: OrderRow[], itemId: string, of: 'lines' | 'short' = 'lines') =>
    rows.flatMap((row) => row[of]).reduce((total, line) => total + (line.itemId === itemId ? line.quantity : 0), 0)
  const withStatus = (status: string) => orders.filter((order) => order.status === status)
  for (const { id, on_hand, reserved, received, shipped } of stock) {
    assert.ok(on_hand - reserved >= 0, `available of ${id}`)
    assert.equal(reserved, sum(withStatus('reserved'), id), `reserved of ${id}`)
    assert.equal(shipped, sum(withStatus('shipped'), id) - sum(withStatus('shipped'), id, 'short'), `shipped of ${id}`)
    assert.equal(on_hand + shipped, received, `conserved: ${id}`)
  }
  for (const { id, state, status } of orders) {
    const possible = { open: ['reserved', 'backordered'], shipped: ['shipped'], cancelled: ['released'] }[state]
    assert.ok(possible?.includes(status), `${id} is ${state} and ${status}`)
  }
  const open = orders.filter(({ state }) => state === 'open')
  const has = served(open, new Map(stock.map(({ id, on_hand }) => [id, on_hand])))
  assert.deepEqual(
    open.map(({ id, status }) => [id, status]),
    open.map(({ id }, n) => [id, has[n] ? 'reserved' : 'backordered']),
    'first come, first served',
  )
  const { rows: waiting } = await pool.query(
    'SELECT order_id, item_id FROM waiting WHERE starts_with(order_id, $1) ORDER BY arrival, item_id',
    [prefix],
  )
  const queues = withStatus('backordered').flatMap(({ id, lines }) => lines.map(({ itemId }) => `${id} ${itemId}`))
  assert.deepEqual(waiting.map((row) => `${row.order_id} ${row.item_id}`).sort(), queues.sort())
  return { orders, stock }
}

// Few items and many orders: without contention any allocator would do. Biased numbers would leave most orders out.
const orderCount = 16
const itemCount = 3
const anyOf = (count: number) => fc.noBias(fc.nat(count - 1))
const anyLines = fc.uniqueArray(fc.record({ item: anyOf(itemCount), quantity: fc.integer({ min: 1, max: 5 }) }), {
  selector: ({ item }) => item,
  minLength: 1,
  maxLength: itemCount,
})
const anyStatus = fc.constantFrom('new', 'new', 'new', 'new', 'paid', 'shipped', 'delivered', 'cancelled')
const anyStep = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.array(fc.record({ order: anyOf(orderCount), status: anyStatus }), { minLength: 1, maxLength: 6 }),
  },
  { weight: 2, arbitrary: fc.record({ item: anyOf(itemCount), onHand: anyOf(20) }) },
  { weight: 5, arbitrary: fc.constant('look' as const) },
)
const anyHistory = [
  fc.array(anyLines, { minLength: orderCount, maxLength: orderCount }),
  fc.array(anyStep, { minLength: 20, maxLength: 40 }),
] as const
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never
type Wanted = typeof anyLines extends fc.Arbitrary<infer L> ? L : never

/**
 * Plays a history on ids of its own, with rounds of at most `limit` changes. Where one round has all there is, it must
 * come to what the model says; smaller ones may differ in what was short, and so in what is there.
 */
async function play(wanted: Wanted[], steps: Step[], limit: number): Promise<void> {
  const prefix = unique('p')
  const itemId = (n: number) => `${prefix}-i${n}`
  const model = limit === mostChanges ? new StockModel() : undefined
  for (const step of [...steps, 'look' as const]) {
    if (step === 'look') {
      await look(limit)
      const { orders, stock } = await assertSound(prefix)
      model?.look()
      if (model) assertEqual(orders, stock, model)
    } else if (Array.isArray(step)) {
      const events = step.map(({ order, status }) => ({
        orderId: `${prefix}-o${order}`,
        status,
        lines: wanted[order]!.map(({ item, quantity }) => of(itemId(item), quantity)),
      }))
      await batch(...events)
      model?.batch(events)
    } else {
      const set = await setOnHand(pool, itemId(step.item), step.onHand)
      if (model) assert.equal(set !== undefined, model.put(itemId(step.item), step.onHand))
    }
  }
}

function assertEqual(orders: OrderRow[], stock: StockRow[], model: StockModel): void {
  assert.deepEqual(
    orders.map(({ id, status, short }) => [id, status, short]),
    [...model.orders].map(([id, { status, short }]) => [id, status, short]),
  )
  assert.deepEqual(
    stock.map(({ id, on_hand, reserved, received }) => [id, on_hand, reserved, received]).sort(),
    [...model.onHand].map(([id, onHand]) => [id, onHand, model.reserved(id), model.received.get(id)]).sort(),
  )
}

test('rule 21: whatever happens to orders and stock, in any batches: what the model says', async () => {
  await fc.assert(
    fc.asyncProperty(...anyHistory, (wanted, steps) => play(wanted, steps, mostChanges)),
    { numRuns: 25 },
  )
})

test('rounds too small for all there is come to a sound end too', async () => {
  await fc.assert(fc.asyncProperty(...anyHistory, fc.integer({ min: 1, max: 4 }), play), { numRuns: 15 })
})

test('an order arrives when it is committed: one that was numbered before, and committed after, is behind', async () => {
  const p = unique('late')
  await transaction(pool, async (tx) => {
    await applyBatch(tx, [fresh(`${p}-slow`, of(p))])
    await batch(fresh(`${p}-quick`, of(p)))
    await look()
  })
  await look()
  await setOnHand(pool, p, 1)
  await look()
  assert.deepEqual([await statusOf(`${p}-quick`), await statusOf(`${p}-slow`)], ['reserved', 'backordered'])
  await assertSound(p)
})

test('stock that is set while a round looks at it waits for the round, and is looked at after it', async () => {
  const p = unique('amid')
  await setOnHand(pool, p, 1)
  await batch(fresh(`${p}-1`, of(p, 2)))
  let set: Promise<unknown> | undefined
  await transaction(pool, async (tx) => {
    const round = (await readRound(tx, mostChanges)) ?? assert.fail('nothing to do')
    set = setOnHand(pool, p, 2)
    const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO stock%'`
    await until('it waits', async () => (await pool.query(waits)).rowCount === 1, 1_500)
    await writeRound(tx, round, allocate(round.orders, round.available, round.ahead))
  })
  await set
  await look()
  assert.equal(await statusOf(`${p}-1`), 'reserved')
})

/** Counts statements, and changes of rows of stock, of what it runs. */
async function cost(work: () => Promise<unknown>): Promise<{ statements: number; rows: number }> {
  await pool.query(`
    CREATE TABLE stock_updates (item_id text);
    CREATE FUNCTION note_update() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO stock_updates VALUES (new.item_id); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION note_update()`)
  let statements = 0
  const { query } = pg.Client.prototype
  pg.Client.prototype.query = function counted(this: pg.Client, ...args: unknown[]) {
    statements++
    return Reflect.apply(query, this, args)
  } as typeof query
  try {
    await work()
  } finally {
    pg.Client.prototype.query = query
  }
  const { rows } = await pool.query('SELECT count(*)::int FROM stock_updates')
  await pool.query('DROP TRIGGER note ON stock; DROP FUNCTION note_update; DROP TABLE stock_updates')
  return { statements, rows: rows[0].count }
}

test('a hot item: a thousand orders are a few statements and a few changes of its row', async () => {
  const p = unique('hot')
  const orders = Array.from({ length: 1_000 }, (_, n) => fresh(`${p}-${String(n).padStart(3, '0')}`, of(p)))
  await setOnHand(pool, p, 600)
  await look()
  await batch(...orders)
  const reserving = await cost(() => look())
  assert.deepEqual(await stockOf(p), [600, 600])
  assert.deepEqual([await statusOf(`${p}-599`), await statusOf(`${p}-600`)], ['reserved', 'backordered'])

  await batch(...orders.slice(0, 300).map((order) => ({ ...order, status: 'cancelled' })))
  await batch(...orders.slice(300, 600).map((order) => ({ ...order, status: 'shipped' })))
  const moving = await cost(() => look())
  assert.deepEqual(await stockOf(p), [300, 300])
  for (const { statements, rows } of [reserving, moving]) {
    assert.ok(statements <= 60, `${statements} statements`)
    assert.ok(rows > 0 && rows <= 8, `${rows} changes of the item's row`)
  }
  await assertSound(p)
})

test('queues longer than a round, and more of them than a round looks at, are served to their end', async () => {
  const p = unique('long')
  const others = Array.from({ length: 250 }, (_, n) => fresh(`${p}-x${n}`, of(`${p}-i${n}`), of(`${p}-j${n}`)))
  await batch(...Array.from({ length: 2_500 }, (_, n) => fresh(`${p}-${n}`, of(p))), ...others)
  await look()
  await setOnHand(pool, p, 2_400)
  for (let n = 0; n < 250; n++) await setOnHand(pool, `${p}-i${n}`, 1)
  assert.ok((await look()) < 40)
  assert.deepEqual(await stockOf(p), [2_400, 2_400])
  for (let n = 0; n < 250; n++) await setOnHand(pool, `${p}-j${n}`, 1)
  assert.ok((await look()) < 40)
  const { orders } = await assertSound(p)
  assert.equal(orders.filter(({ status }) => status === 'reserved').length, 2_650)
})

test('killed amid its writes it leaves nothing half done, and another instance takes it up', async (t) => {
  const p = unique('killed')
  const holder = new pg.Client(database.url)
  await holder.connect()
  t.after(() => holder.end())
  const blocked = (name: string, event: string) =>
    until(`${name} waits`, async () => {
      const sessions = 'SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = $2'
      return (await pool.query(sessions, [name, event])).rowCount === 1
    })

  // The stock is changed before the queues are.
  await holder.query('BEGIN; LOCK TABLE waiting IN SHARE MODE')
  await setOnHand(pool, p, 1)
  await batch(fresh(`${p}-1`, of(p)), fresh(`${p}-2`, of(p)))
  const first = startAllocator('alloc-first')
  await blocked('alloc-first', 'relation')
  const second = startAllocator('alloc-second')
  t.after(() => second.close())
  await blocked('alloc-second', 'advisory')
  const closed = first.close()
  await pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'alloc-first'`)
  await closed
  assert.deepEqual(await stockOf(p), [1, 0])
  await holder.query('ROLLBACK')
  await until('the other one has done it', async () => (await statusOf(`${p}-2`)) === 'backordered')
  assert.deepEqual(await stockOf(p), [1, 1])
  await assertSound(p)
})

test('what an instance recorded that did not live to allocate it is found', async (t) => {
  const p = unique('left')
  const allocator = startAllocator('alloc-left')
  t.after(() => allocator.close())
  await batch(fresh(`${p}-1`, of(p)))
  await until('it is looked at', async () => (await statusOf(`${p}-1`)) === 'backordered')
  await setOnHand(pool, p, 1)
  await until('the stock is given', async () => (await statusOf(`${p}-1`)) === 'reserved')
})

test('a round that fails is tried again with less', async (t) => {
  const p = unique('large')
  await pool.query(`
    CREATE FUNCTION refuse_many() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF (SELECT count(*) FROM added) > 100 THEN RAISE 'too many'; END IF; RETURN NULL; END $$;
    CREATE TRIGGER refuse AFTER INSERT ON reservation REFERENCING NEW TABLE AS added EXECUTE FUNCTION refuse_many()`)
  t.after(() => pool.query('DROP TRIGGER refuse ON reservation; DROP FUNCTION refuse_many'))
  await batch(...Array.from({ length: 300 }, (_, n) => fresh(`${p}-${n}`, of(p))))
  const allocator = startAllocator('alloc-large')
  t.after(() => allocator.close())
  await until('all are decided', async () => {
    allocator.wake()
    return (await pool.query('SELECT FROM demand_change')).rowCount === 0
  })
  await assertSound(p)
})

function startAllocator(name: string): Allocator {
  const own = openPool({ url: database.url, name, max: 2, onIdleError: () => {} })
  const allocator = new Allocator(own, silent)
  allocator.start()
  const close = allocator.close.bind(allocator)
  let closed: Promise<void> | undefined
  allocator.close = () => {
    closed ??= close().then(() => own.end())
    return closed
  }
  return allocator
}

test('two allocators and two writers at once, sessions killed amid: nothing is given twice, nothing is lost', async (t) => {
  const p = unique('both')
  const item = (n: number) => `${p}-i${n % 5}`
  const allocators = [startAllocator('alloc-1'), startAllocator('alloc-2')]
  t.after(() => Promise.all(allocators.map((one) => one.close())))
  const killOne = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name LIKE 'alloc-_' AND state <> 'idle' LIMIT 1`
  let killed = 0
  let random = 7_016
  const next = (below: number) => {
    random = (random * 48_271) % 2_147_483_647
    return random % below
  }
  const writer = async (w: number) => {
    for (let n = 0; n < 60; n++) {
      const orders = Array.from({ length: 20 }, (_, k) =>
        fresh(`${p}-${w}-${n}-${k}`, of(item(next(5)), 1 + next(3)), of(`${p}-s${next(40)}`, 1)),
      )
      await batch(...orders)
      allocators[w]?.wake()
      const ending = orders.filter(() => next(2) === 0)
      await batch(...ending.map((order) => ({ ...order, status: ['shipped', 'cancelled', 'paid'][next(3)]! })))
      await setOnHand(pool, item(next(5)), next(400))
      await setOnHand(pool, `${p}-s${next(40)}`, next(40))
      allocators[w]?.wake()
      if (n % 3 === 0) killed += (await pool.query(killOne)).rowCount ?? 0
    }
  }
  await Promise.all([writer(0), writer(1)])
  await until('they rest', async () => {
    const { rows } = await pool.query(
      `SELECT (SELECT count(*) FROM demand_change)::int + (SELECT count(*) FROM stock WHERE recheck IS NOT NULL)::int AS left`,
    )
    return rows[0].left === 0
  })
  assert.ok(killed > 0, 'some were killed')
  const { orders } = await assertSound(p)
  assert.equal(orders.length, 2_400)
  for (const status of ['reserved', 'backordered', 'shipped', 'released'])
    assert.ok(
      orders.some((order) => order.status === status),
      `some are ${status}`,
    )
})
