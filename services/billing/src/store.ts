import { columns } from '@inorder/storage/columns.ts'
import type { Tx } from '@inorder/storage/transaction.ts'
import type { Invoice, Kind, Posting } from './invoice.ts'

export interface StoredInvoice extends Invoice {
  readonly draftedAt: string
  readonly statusSince: string
}

export async function load(db: Tx, orderIds: readonly string[]): Promise<Map<string, StoredInvoice>> {
  const { rows } = await db.query<Invoice & { draftedAt: Date; statusSince: Date }>({
    name: 'load-invoices',
    // The nearest double of an amount prints as it: money has at most 15 digits.
    text: `SELECT order_id AS "orderId", customer_id AS "customerId", amount::float8, currency, status, asked, payment,
             drafted_at AS "draftedAt", status_since AS "statusSince"
           FROM invoices WHERE order_id = ANY($1::text[])`,
    values: [orderIds],
  })
  return new Map(
    rows.map(({ draftedAt, statusSince, ...invoice }) => [
      invoice.orderId,
      { ...invoice, draftedAt: draftedAt.toISOString(), statusSince: statusSince.toISOString() },
    ]),
  )
}

export const find = async (db: Tx, orderId: string): Promise<StoredInvoice | undefined> =>
  (await load(db, [orderId])).get(orderId)

export async function save(tx: Tx, changed: ReadonlyMap<string, Invoice>): Promise<void> {
  await tx.query({
    name: 'save-invoices',
    text: `INSERT INTO invoices (order_id, customer_id, amount, currency, status, asked, payment)
           SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::text[], $5::text[], $6::text[], $7::text[])
           ON CONFLICT (order_id) DO UPDATE SET
             status = excluded.status, asked = excluded.asked, payment = excluded.payment,
             status_since = CASE WHEN invoices.status = excluded.status THEN invoices.status_since ELSE now() END`,
    values: columns(changed.values(), ({ orderId, customerId, amount, currency, status, asked, payment }) => [
      orderId,
      customerId,
      amount,
      currency,
      status,
      asked,
      payment,
    ]),
  })
}

/** Both sides in one row: a posting that does not balance cannot be written. */
export async function post(tx: Tx, { orderId, amount, currency }: Invoice, posting: Posting): Promise<void> {
  const { kind, debit, credit, reference } = posting
  await tx.query(
    `INSERT INTO postings (order_id, kind, debit, credit, amount, currency, reference)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [orderId, kind, debit, credit, amount, currency, reference],
  )
}

export interface LedgerEntry {
  orderId: string
  posting: Kind
  account: string
  debit: number
  credit: number
  currency: string
  reference: string
  postedAt: string
}

/** Two entries a posting, the debit first; there are no more than four. */
export async function ledgerOf(db: Tx, orderId: string): Promise<LedgerEntry[]> {
  const { rows } = await db.query<Omit<Posting, 'kind'> & { kind: Kind; amount: string; currency: string; at: Date }>(
    `SELECT kind, debit, credit, amount, currency, reference, posted_at AS at
     FROM postings WHERE order_id = $1 ORDER BY kind`,
    [orderId],
  )
  return rows.flatMap(({ kind: posting, debit, credit, amount, currency, reference, at }) => {
    const both = { orderId, posting, currency, reference, postedAt: at.toISOString() }
    return [
      { ...both, account: debit, debit: Number(amount), credit: 0 },
      { ...both, account: credit, debit: 0, credit: Number(amount) },
    ]
  })
}
