// The invoices and the ledger in a real PostgreSQL, and what becomes of a gateway's answers.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { OutcomeUnknown } from '@inorder/messaging/inbox/effect.ts'
import { migrationsOf } from '@inorder/service/migrations.ts'
import { migrate } from '@inorder/storage/migrate.ts'
import { openPool } from '@inorder/storage/pool.ts'
import { freshDatabase, unique } from '@inorder/testing/parts.ts'
import type { Pool } from 'pg'
import { pino } from 'pino'
import { paymentEffects } from './handlers.ts'
import type { Invoice } from './invoice.ts'
import { find, ledgerOf, load, post, save } from './store.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let pool: Pool

before(async () => {
  database = await freshDatabase('billing')
  await migrate(database.url, migrationsOf('billing', new URL('../migrations', import.meta.url)))
  pool = openPool({ url: database.url, name: 'billing-test', max: 2 })
})
after(async () => {
  await pool.end()
  await database.drop()
})

const invoice = (over: Partial<Invoice> = {}): Invoice => ({
  orderId: unique('o'),
  customerId: 'c-17',
  amount: 99_999_999_999.9999,
  currency: 'USD',
  status: 'draft',
  asked: 'nothing',
  payment: null,
  ...over,
})
const saveAll = (...invoices: Invoice[]) => save(pool, new Map(invoices.map((one) => [one.orderId, one])))
const timeless = async (orderId: string) => {
  const { draftedAt, statusSince, ...rest } = (await find(pool, orderId))!
  assert.ok(draftedAt <= statusSince)
  return rest
}

test('a batch of new and known invoices is one save, exact to the last digit', async () => {
  const [known, fresh] = [invoice(), invoice({ orderId: '"{a,\\b}" \u{1f40d} NULL', customerId: '', amount: 0.0001 })]
  await saveAll(known)
  const { statusSince } = (await find(pool, known.orderId))!
  const changed: Invoice = { ...known, asked: 'charge' }
  await saveAll(changed, fresh)
  assert.equal((await find(pool, known.orderId))!.statusSince, statusSince, 'its status is the same')
  assert.deepEqual(await timeless(known.orderId), changed)
  assert.deepEqual(await timeless(fresh.orderId), fresh)
  await saveAll({ ...changed, status: 'charged', payment: 'p' })
  assert.ok((await find(pool, known.orderId))!.statusSince > statusSince)
  assert.deepEqual([...(await load(pool, [fresh.orderId, 'unknown'])).keys()], [fresh.orderId])
})

test('a posting is two entries that balance, there is one of each kind, and none is ever changed', async () => {
  const one = invoice()
  await post(pool, one, { kind: 'charge', debit: 'cash', credit: 'revenue', reference: 'p-1' })
  await post(pool, one, { kind: 'refund', debit: 'revenue', credit: 'cash', reference: 'p-2' })
  const entries = await ledgerOf(pool, one.orderId)
  const { amount, orderId, currency } = one
  assert.deepEqual(
    entries.map(({ postedAt, ...entry }) => entry),
    [
      { orderId, posting: 'charge', account: 'cash', debit: amount, credit: 0, currency, reference: 'p-1' },
      { orderId, posting: 'charge', account: 'revenue', debit: 0, credit: amount, currency, reference: 'p-1' },
      { orderId, posting: 'refund', account: 'revenue', debit: amount, credit: 0, currency, reference: 'p-2' },
      { orderId, posting: 'refund', account: 'cash', debit: 0, credit: amount, currency, reference: 'p-2' },
    ],
  )
  const again = { kind: 'charge', debit: 'cash', credit: 'revenue', reference: 'p-3' } as const
  await assert.rejects(post(pool, one, again), /duplicate key/)
  await assert.rejects(post(pool, invoice(), { ...again, credit: 'cash' }), /check constraint/)
  for (const change of ['UPDATE postings SET amount = 1', 'DELETE FROM postings', 'TRUNCATE postings'])
    await assert.rejects(pool.query(change), /what is posted stays/)
})

test('an answer that is none, or no decision, leaves the outcome unknown, and a decline is a result', async () => {
  const answers = ['{}', '{"status":"done"}', 'null', '{"status":"declined"}', '{"status":"done","id":"p-9"}']
  const gateway = createServer((_request, response) => {
    const answer = answers.shift()
    if (!answer) response.statusCode = 422
    response.end(answer)
  }).listen(0, '127.0.0.1')
  await once(gateway, 'listening')
  const { port } = gateway.address() as { port: number }
  const { charge } = paymentEffects(pool, `http://127.0.0.1:${port}`, pino({ level: 'silent' }))
  const one = invoice()
  await saveAll(one)
  const effect = { key: one.orderId, version: 1, n: 1, id: 'e:1', kind: 'charge', payload: null }
  const perform = () => charge.perform(effect, { idempotencyKey: 'e:1', signal: AbortSignal.timeout(10_000) })
  for (let n = 0; n < 3; n++) await assert.rejects(perform(), OutcomeUnknown)
  assert.equal(((await perform()) as { status: string }).status, 'declined')
  assert.deepEqual(await perform(), { status: 'done', id: 'p-9' })
  await assert.rejects(perform(), OutcomeUnknown)
  await saveAll({ ...one, status: 'charged', payment: 'p-9' })
  assert.equal(await perform(), null, 'nothing is left to ask for')
  gateway.close()
})
