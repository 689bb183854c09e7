// What is done to a shop while it is measured.
import { setTimeout as pause } from 'node:timers/promises'
import { channelName, encode } from '@inorder/messaging/outbox/channel.ts'
import autocannon from 'autocannon'
import pg from 'pg'
import { fill, makeTemplates } from '../benches/drain.ts'
import type { Round } from '../results.ts'
import type { Shop } from './shop.ts'

const connections = 64
/** Rows. */
const warming = 20_000
/** From so many new rows on autovacuum goes through the outbox. */
const vacuumedRows = 100_000

/** Requests to all carts side by side, for so long. */
async function requests(
  { carts }: Shop,
  seconds: number,
  next: (n: number) => { method: 'POST' | 'PUT'; path: string; body: string },
): Promise<void> {
  let sent = 0
  const headers = { 'content-type': 'application/json' }
  const results = await Promise.all(
    carts.map((url) =>
      autocannon({
        url,
        connections: Math.round(connections / carts.length),
        duration: seconds,
        requests: [{ headers, setupRequest: (request) => ({ ...request, ...next(sent++) }) }],
      }),
    ),
  )
  const count = results.reduce(
    (sum, { statusCodeStats: of }) => sum + (of?.['200']?.count ?? 0) + (of?.['201']?.count ?? 0),
    0,
  )
  const other = results.reduce((sum, { requests: { total }, errors }) => sum + total + errors, 0) - count
  if (other > count / 100) console.log(`  ${other} of ${count + other} requests were not answered by 200 or 201`)
}

/** Orders whose event has about so many bytes: an item that is named by 100 letters has about 110. */
export function creates(shop: Shop, label: string, seconds: number, bytes: number): Promise<void> {
  const item = (n: number) => `{"itemId":"${'x'.repeat(Math.min(100, bytes / 20))}${n}","quantity":1,"price":1.25}`
  const items = Array.from({ length: Math.max(1, Math.round((bytes - 200) / 110)) }, (_, n) => item(n)).join()
  return requests(shop, seconds, (n) => ({
    method: 'POST',
    path: '/create-order',
    body: `{"orderId":"${label}-${n}","customerId":"c-${n % 1000}","items":[${items}]}`,
  }))
}

/** Changes of orders that were there, one after the other through all of them; this share is of a single one. */
export function changes(shop: Shop, label: string, seconds: number, orders: number, hotShare = 0): Promise<void> {
  // No divisor of a power of ten, and far from the last: neighbours are in different pages.
  const step = 7_919
  return requests(shop, seconds, (n) => {
    const isHot = n % 10 < 10 * hotShare
    const id = isHot ? 1 : 2 + ((n * step) % (orders - 1))
    return {
      method: 'PUT',
      path: '/update-order',
      body: `{"orderId":"filled-${String(id).padStart(8, '0')}","status":"${label}-${n}"}`,
    }
  })
}

/**
 * The relay with so many rows waiting: until Kafka has `enough` of them, filled again where they are fewer. Measured from
 * when the rows are there.
 */
export async function drains(
  shop: Shop,
  rows: number,
  enough: number,
  meter: () => (measured: { value: number }, count: number) => Round,
): Promise<Round> {
  const database = new pg.Client({ connectionString: shop.cartDatabase })
  await database.connect()
  const parts: Round[] = []
  try {
    await makeTemplates(database)
    // The first time is for nothing: the processes are new.
    for (let sent = -1; sent < enough; ) {
      const before = await shop.published()
      const some = sent < 0 ? warming : rows
      await fill(database, some)
      // What PostgreSQL does about the rows that were filled in, sooner or later, is no cost of those that are published.
      if (some >= vacuumedRows) for (const sql of ['VACUUM ANALYZE outbox', 'CHECKPOINT']) await database.query(sql)
      const measured = meter()
      const begun = performance.now()
      await database.query('SELECT pg_notify($1, $2)', [channelName, encode({ from: 'growth', wake: true })])
      const wanted = sent < 0 ? some : Math.min(some, enough)
      let now = 0
      while (now < wanted) {
        await pause(5)
        now = (await shop.published()) - before
      }
      if (sent >= 0) parts.push(measured({ value: now / ((performance.now() - begun) / 1_000) }, now))
      sent = sent < 0 ? 0 : sent + now
    }
  } finally {
    await database.end()
  }
  return meanOf(parts)
}

/** Of few rows a part has taken less than the clock of processor time tells. */
function meanOf(parts: readonly Round[]): Round {
  const mean = (of: (part: Round) => number) => parts.reduce((sum, part) => sum + of(part), 0) / parts.length
  const names = new Set(parts.flatMap(({ cpuMicrosecondsPerOrder }) => Object.keys(cpuMicrosecondsPerOrder)))
  return {
    value: mean(({ value }) => value),
    cpuMicrosecondsPerOrder: Object.fromEntries(
      [...names].map((name) => [name, mean(({ cpuMicrosecondsPerOrder: us }) => us[name] ?? 0)]),
    ),
  }
}
