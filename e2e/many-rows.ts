// Tables as they are when a shop has run for long.
import { filledId as id, keysReceived, ordersOfCart, ordersReceived, series } from '@inorder/testing/many-orders.ts'
import type { Stack } from '@inorder/testing/stack.ts'
import { sql } from './sql.ts'

const topicId = `'00000000-0000-4000-8000-000000000001'`
/** Rows that wait in the lanes of a topic; of one that nobody publishes some are set aside. */
export const waitingFor = (topic: string, rows: number): string => `
INSERT INTO outbox (event_id, topic, partition, key_hash, key, value, headers, bytes, origin, set_aside_at)
SELECT md5('${topic}' || n)::uuid, '${topic}', n % 6, n % 6, convert_to(${id}, 'UTF8'), convert_to(repeat('x', 100), 'UTF8'),
  '{}', 120, 'nobody', CASE WHEN n % 1000 = 0 AND '${topic}' <> 'order-events' THEN now() END
${series(rows)}`

/** SQL by service that adds so many orders; `some` of what only some of them have. */
function fills(rows: number): Record<string, string[]> {
  const some = rows / 10
  const all = series(rows)
  const fewer = series(some)
  return {
    cart: [
      ordersOfCart(rows),
      `INSERT INTO idempotency (key, operation, request_hash, outcome)
       SELECT ${id}, 'POST /create-order', sha256('x'), '{}' ${fewer}`,
      waitingFor('elsewhere', some),
      `INSERT INTO outbox_dropped (event_id, topic, headers, created_at)
       SELECT md5(n::text)::uuid, 'order-events', '{}', now() ${fewer}`,
    ],
    order: [
      ordersReceived(rows),
      keysReceived(rows),
      `INSERT INTO parked (key, keyless, topic_id, partition, record_offset, topic, state, cause, detail, version, event_id,
         record_key, record_value, headers, recorded_ms, attempts)
       SELECT 'filled-' || lpad((1 + n / 10)::text, 8, '0'), false, ${topicId}, 0, n, 'order-events',
         CASE WHEN n % 10 = 0 THEN 'head' ELSE 'behind' END, 'apply-failed', '', 2 + n % 10, md5(n::text), 'k', 'v', '[]', 0, 1
       ${fewer}`,
      `INSERT INTO discarded (topic_id, partition, record_offset, sha256) SELECT ${topicId}, 0, n, md5(n::text) ${fewer}`,
    ],
    inventory: [
      `INSERT INTO demand (order_id, state, lines) SELECT ${id}, 'open',
         format('[{"itemId":"%s","quantity":1}]', CASE WHEN n <= ${some} THEN 'scarce' ELSE 'pen' END)::json ${all}`,
      `INSERT INTO reservation (order_id, arrival, status, short)
       SELECT ${id}, n, CASE WHEN n <= ${some} THEN 'backordered' ELSE 'reserved' END, '[]' ${all}`,
      `INSERT INTO waiting (item_id, arrival, order_id) SELECT 'scarce', n, ${id} ${fewer}`,
      `INSERT INTO stock (item_id, on_hand, received) SELECT ${id}, 1, 1 ${fewer}`,
      `SELECT setval('arrivals', ${2 * rows})`,
    ],
    billing: [
      `INSERT INTO invoices (order_id, customer_id, amount, currency, status, asked)
       SELECT ${id}, 'c-' || n % 1000, 1, 'USD', 'draft', 'nothing' ${all}`,
      `INSERT INTO postings (order_id, kind, debit, credit, amount, currency, reference)
       SELECT ${id}, 'charge', 'cash', 'revenue', 1, 'USD', 'r' ${fewer}`,
      keysReceived(rows),
      // In backoff, parked, and behind another.
      `INSERT INTO effect (key, version, n, event_id, kind, payload, due_at, attempts, cause, parked_at, failing_since)
       SELECT ${id}, 2, 1, md5(n::text), 'charge', '{}', CASE WHEN n % 2 = 0 THEN now() + interval '1 day' END, 3, 'refused',
         CASE WHEN n % 4 = 1 THEN now() END, CASE WHEN n % 4 = 1 THEN now() END ${all}`,
      `INSERT INTO effect_done (key, version, n, event_id, kind, attempts, created_at)
       SELECT ${id}, 1, 1, md5(n::text), 'charge', 1, now() ${all}`,
    ],
    shipping: [
      `INSERT INTO shipments (order_id, status, shipping_cost, currency, handed_over)
       SELECT ${id}, 'quoted', 0.02, 'USD', false ${all}`,
    ],
  }
}

/** Two tables at once: PostgreSQL has no more to do than the processors of a small machine. */
export async function fillTables(stack: Stack, rows: number): Promise<void> {
  await Promise.all(
    Object.entries(fills(rows)).map(([service, statements]) => sql(stack.databaseUrl(service), statements.join(';'))),
  )
}

/**
 * Without a log of their changes tables are filled in half the time; the plans are the same. Each table in a transaction of
 * its own: one that held several would deadlock with the services, which lock them in their own order.
 */
export const unlogged = `
DO $$ DECLARE t regclass; BEGIN
  FOR t IN SELECT relid FROM pg_stat_user_tables LOOP EXECUTE format('ALTER TABLE %s SET UNLOGGED', t); COMMIT; END LOOP;
END $$`

/** Tables of a service that hold so many rows. */
export async function largeTables(stack: Stack, service: string, rows: number): Promise<string[]> {
  const found = await sql<{ name: string }>(
    stack.databaseUrl(service),
    'SELECT relname AS name FROM pg_stat_user_tables WHERE n_live_tup >= $1',
    [rows],
  )
  return found.map(({ name }) => name)
}
